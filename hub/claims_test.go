package hub

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestSessionRenewedReachesEveryTab(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		tabs := []*client{l.connect(p), l.watch(p)}
		bystander := l.connect(l.signIn("usr_1"))
		time.Sleep(10 * time.Minute)
		now := time.Now()
		l.hub.SessionRenewed(Renewal{UserID: p.UserID, SessionID: p.SessionID, Issued: now, Expires: now.Add(15 * time.Minute), AAL: 2, Roles: []string{"user"}, Epoch: 1})
		bystander.none("auth.ok")
		time.Sleep(14 * time.Minute)
		for _, c := range tabs {
			if f := c.one("auth.ok"); f.ExpiresIn != 900 || f.AAL != 2 || f.Re != "" {
				t.Error(f.raw)
			}
			c.works()
		}
	})
}

// A renewal that was overtaken by another takes nothing away.
func TestSessionRenewedNeverShrinks(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1", "admin")
		c := l.connect(p)
		now := time.Now()
		l.hub.SessionRenewed(Renewal{UserID: p.UserID, SessionID: p.SessionID, Issued: now, Expires: now.Add(time.Minute), Roles: []string{"user"}})
		if f := c.one("auth.ok"); f.ExpiresIn != 900 || f.AAL != 1 || fmt.Sprint(f.Roles) != "[user admin]" {
			t.Error(f.raw)
		}
		time.Sleep(10 * time.Minute)
		c.works()
	})
}

func TestUserChangedIsInForceAtOnce(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p, target := l.signIn("usr_1"), newUser()
		c := l.connect(p)
		bystander := l.connect(l.signIn("usr_2"))
		write := `{"type":"message","to":{"user_id":"` + target + `"},"name":"x"}`
		if f := c.ask(write); f.Code != "forbidden" {
			t.Error(f.raw)
		}
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"admin", "user"}, Epoch: 2})
		if f := c.one("auth.changed"); fmt.Sprint(f.Roles) != "[admin user]" || !f.TokenStale {
			t.Error(f.raw)
		}
		if f := c.ask(write); f.Type != "ack" {
			t.Error(f.raw)
		}
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user"}, Epoch: 3})
		if f := c.ask(write); f.Code != "forbidden" {
			t.Error(f.raw)
		}
		bystander.none("auth.changed")
	})
}

func TestUserChangedOutOfOrder(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1", "admin")
		c := l.connect(p)
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user", "admin"}, Epoch: 3}) // in another order: no news
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user"}, Epoch: 2})          // older
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user"}, Epoch: 3})          // again
		c.none("auth.changed")
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user"}, Epoch: 4})
		c.one("auth.changed")
		now := time.Now()
		l.hub.SessionRenewed(Renewal{UserID: p.UserID, SessionID: p.SessionID, Issued: now, Expires: now.Add(time.Hour), Roles: []string{"user", "admin"}, Epoch: 3})
		if f := c.one("auth.ok"); fmt.Sprint(f.Roles) != "[user]" {
			t.Errorf("an old refresh brought roles back: %s", f.raw)
		}
	})
}

// Claims that change while a socket comes in are in its welcome, or keep it out.
func TestUserChangedDuringHandshake(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		l.standing = func() {
			l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user", "moderator"}, Epoch: 2})
			now := time.Now()
			l.hub.SessionRenewed(Renewal{UserID: p.UserID, SessionID: p.SessionID, Issued: now, Expires: now.Add(time.Hour), AAL: 2, Roles: p.Roles, Epoch: 1})
		}
		c := l.dial(byToken(p.SessionID))
		f := c.one("welcome")
		if fmt.Sprint(f.User.Roles) != "[user moderator]" || f.ExpiresIn != 3600 || f.AAL != 2 {
			t.Error(f.raw)
		}
		c.none("auth.changed")
		c.none("auth.ok")
		synctest.Wait()
		if c.all("welcome")[0].raw != c.last().raw {
			t.Error(c.story())
		}
	})
}
