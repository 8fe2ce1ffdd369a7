package hub

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// living signs in with authority for the life given.
func (l *lab) living(life time.Duration) Principal {
	p := l.signIn("usr_1")
	p.Expires = p.Issued.Add(life)
	l.grant(p.SessionID, p)
	return p
}

func TestExpiryIsAnnounced(t *testing.T) {
	for life, lead := range map[time.Duration]time.Duration{
		15 * time.Minute:  time.Minute,
		5 * time.Minute:   time.Minute,
		100 * time.Second: 20 * time.Second,
		270 * time.Second: 54 * time.Second,
		10 * time.Second:  2 * time.Second,
	} {
		t.Run(life.String(), func(t *testing.T) {
			inTime(t, Limits{}, func(t *testing.T, l *lab) {
				began := time.Now()
				c := l.connect(l.living(life))
				time.Sleep(life)
				f := c.one("auth.expiring")
				if f.at.Sub(began) != life-lead || f.ExpiresIn != int(lead.Seconds()) {
					t.Errorf("%s after %v", f.raw, f.at.Sub(began))
				}
			})
		})
	}
}

// The warning counts from the credential's birth, not from the socket's.
func TestExpiryOfAnOldTokenIsAnnouncedAtOnce(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.living(15 * time.Minute)
		time.Sleep(14*time.Minute + 30*time.Second)
		c := l.connect(p)
		if f := c.one("auth.expiring"); f.ExpiresIn != 30 {
			t.Error(f.raw)
		}
	})
}

func TestExpiredSocketIsLimitedThenClosed(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		p, other := l.living(time.Minute), l.signIn("usr_1")
		c := l.watch(p)
		began := time.Now()
		time.Sleep(time.Minute)
		for _, text := range []string{
			`{"type":"subscribe","feed":"devices"}`, `{"type":"unsubscribe","feed":"devices"}`, `{"type":"mfa","code":"1"}`,
			`{"type":"message","to":"devices","name":"x"}`, `{"type":"dance"}`,
		} {
			if f := c.ask(text); f.Code != "token_expired" {
				t.Errorf("%s: %s", text, f.raw)
			}
		}
		if f := c.ask(`{"type":"pong"}`); f.Type != "ack" {
			t.Error(f.raw)
		}
		if n := l.hub.Deliver(parcel("usr_1", wire.Message{Name: "x"})); n != 0 {
			t.Errorf("delivered to %d", n)
		}
		l.edit(other.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user", "admin"}, Epoch: 2})
		c.none("message")
		c.none("devices.changed")
		c.none("auth.changed")
		time.Sleep(24 * time.Second)
		if !c.isOpen() {
			t.Fatal("closed too soon")
		}
		time.Sleep(2 * time.Second)
		c.closed(wire.CloseTokenExpired)
		if after := c.closedAfter(began); after != time.Minute+25*time.Second || c.last().Code != "token_expired" {
			t.Errorf("%s after %v", c.last().raw, after)
		}
	})
}

// What was missed while limited comes back as a snapshot.
func TestLateAuthIsStillWelcome(t *testing.T) {
	for name, renew := range map[string]func(*lab, *client, Principal){
		"auth frame": func(l *lab, c *client, p Principal) {
			l.later(p, "fresh")
			if f := c.ask(authFrame("fresh")); f.Type != "auth.ok" {
				c.t.Error(f.raw)
			}
		},
		"refresh elsewhere": func(l *lab, c *client, p Principal) {
			l.hub.SessionRenewed(Renewal{UserID: p.UserID, SessionID: p.SessionID, Issued: time.Now(), Expires: time.Now().Add(time.Hour), Epoch: 1, AAL: 1, Roles: p.Roles})
			c.one("auth.ok")
		},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, Limits{}, func(t *testing.T, l *lab) {
				p, other := l.living(time.Minute), l.signIn("usr_1")
				c := l.watch(p)
				time.Sleep(80 * time.Second)
				l.edit(other.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
				c.none("devices.changed")
				renew(l, c, p)
				if n := len(c.all("devices.snapshot")); n != 2 {
					t.Errorf("%d snapshots", n)
				}
				if got := c.replay()[other.SessionID].Name; got != "Sofa" {
					t.Errorf("named %q", got)
				}
				time.Sleep(10 * time.Minute)
				c.works()
			})
		})
	}
}

func TestExpiredTokenIsRefusedWhileLimited(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.living(time.Minute)
		c := l.connect(p)
		time.Sleep(70 * time.Second)
		if f := c.ask(authFrame(p.SessionID)); f.Code != "token_expired" {
			t.Error(f.raw)
		}
		time.Sleep(16 * time.Second)
		c.closed(wire.CloseTokenExpired)
	})
}

// The session's own end counts, also when its token expired before.
func TestSessionExpiryWhileLimited(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.living(time.Minute)
		c := l.connect(p)
		time.Sleep(61 * time.Second)
		l.end(p, "session_expired")
		c.closed(wire.CloseSessionExpired)
		if f := c.one("session.ended"); f.Reason != "session_expired" {
			t.Error(f.raw)
		}
	})
}

func TestRenewalIsAnnouncedAgain(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.living(5 * time.Minute)
		c := l.connect(p)
		for range 3 {
			time.Sleep(4*time.Minute + 30*time.Second)
			now := time.Now()
			l.hub.SessionRenewed(Renewal{UserID: p.UserID, SessionID: p.SessionID, Issued: now, Expires: now.Add(5 * time.Minute), Epoch: 1, Roles: p.Roles})
		}
		if n := len(c.all("auth.expiring")); n != 3 {
			t.Errorf("%d warnings for three lives", n)
		}
	})
}
