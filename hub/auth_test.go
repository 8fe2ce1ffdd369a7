package hub

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

func authFrame(token string) string { return `{"type":"auth","token":"` + token + `"}` }

// later is p with a token of its own, issued now.
func (w *world) later(p Principal, name string) Principal {
	p.Issued, p.Expires = time.Now(), time.Now().Add(15*time.Minute)
	w.grant(name, p)
	return p
}

func TestAuthInPlace(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.watch(p)
		time.Sleep(10 * time.Minute)
		raised := l.later(p, "fresh")
		raised.AAL = 2
		l.grant("fresh", raised)
		f := c.ask(authFrame("fresh"))
		if f.Type != "auth.ok" || f.ExpiresIn != 900 || f.AAL != 2 || fmt.Sprint(f.Roles) != "[user]" {
			t.Error(f.raw)
		}

		l.grant("ticket", l.later(p, "other"))
		l.with(func() { l.tickets["ticket"] = true })
		if f := c.ask(`{"type":"auth","ticket":"ticket"}`); f.Type != "auth.ok" {
			t.Error(f.raw)
		}
		c.send(authFrame("fresh")) // without an id
		if n := len(c.all("auth.ok")); n != 3 {
			t.Errorf("%d auth.ok", n)
		}
		time.Sleep(14 * time.Minute) // past the first token's end
		c.works()
		c.one("welcome")
		c.one("devices.snapshot")
	})
}

func TestAuthThatCameLateLeavesTheSocketAsItWas(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.connect(p)
		for _, code := range []string{"token_expired", "token_stale", "unavailable", "rate_limited"} {
			l.refuse("x", &Error{Code: code})
			if f := c.ask(authFrame("x")); f.Type != "error" || f.Code != code {
				t.Errorf("%s: %s", code, f.raw)
			}
			c.works()
		}
		c.none("auth.ok")
		time.Sleep(15*time.Minute + 26*time.Second)
		c.closed(wire.CloseTokenExpired)
	})
}

func TestAuthOfAnotherEndsTheSocket(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		sibling, stranger := l.signIn("usr_1"), l.signIn("usr_2")
		kicked := l.signIn("usr_1")
		l.end(kicked, "kicked")
		owes := p
		owes.Owes = "setup"
		l.grant("owes", owes)
		l.grant("spent ticket", p)
		for name, test := range map[string]struct{ frame, code string }{
			"invalid":           {authFrame("bad"), "unauthenticated"},
			"empty":             {authFrame(""), "unauthenticated"},
			"other session":     {authFrame(sibling.SessionID), "unauthenticated"},
			"other user":        {authFrame(stranger.SessionID), "unauthenticated"},
			"ended session":     {authFrame(kicked.SessionID), "unauthenticated"},
			"spent ticket":      {`{"type":"auth","ticket":"spent ticket"}`, "unauthenticated"},
			"token as a ticket": {`{"type":"auth","ticket":"` + p.SessionID + `"}`, "unauthenticated"},
			"owes its factor":   {authFrame("owes"), "mfa_setup_required"},
		} {
			c := l.connect(p)
			if f := c.ask(test.frame); f.Code != test.code {
				t.Errorf("%s: %s", name, f.raw)
			}
			c.closed(wire.CloseUnauthenticated)
			c.none("auth.ok")
			c.none("session.ended")
		}
		l.connect(p).works() // the sessions live on
		l.connect(sibling).works()
	})
}

// The credential's own session has ended: the socket is told how.
func TestAuthOfAnEndedSession(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.connect(p)
		l.record(p, "kicked")
		c.send(authFrame(p.SessionID))
		c.closed(wire.CloseKicked)
		c.one("session.ended")
	})
}

func TestMalformedAuth(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		l.grant("t", p)
		c := l.connect(p)
		for _, text := range []string{
			`{"type":"auth"}`, `{"type":"auth","token":7}`, `{"type":"auth","token":null}`, `{"type":"auth","ticket":{}}`,
			`{"type":"auth","token":"t","ticket":"t"}`, `{"type":"auth","Token":"t"}`,
		} {
			if f := c.ask(text); f.Code != "invalid_request" {
				t.Errorf("%s: %s", text, f.raw)
			}
		}
		c.works()
	})
}

// Older tokens that are still good take nothing away.
func TestAuthorityNeverShrinks(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1", "admin")
		old := p
		old.AAL, old.Epoch, old.Roles = 1, 0, []string{"user"}
		l.grant("old", old)
		p.AAL = 2
		l.grant(p.SessionID, p)
		c := l.connect(p)
		time.Sleep(10 * time.Minute)
		l.later(p, "fresh")
		c.ask(authFrame("fresh"))
		f := c.ask(authFrame("old"))
		if f.Type != "auth.ok" || f.ExpiresIn != 900 || f.AAL != 2 || fmt.Sprint(f.Roles) != "[user admin]" {
			t.Error(f.raw)
		}
		time.Sleep(14 * time.Minute)
		c.works()
	})
}

// A first frame comes while the authenticator is in trouble.
func TestFirstFrameWhileUnavailable(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.refuse("x", &Error{Code: "unavailable", RetryAfter: time.Second, Err: errors.New("store is down")})
		c := l.dial(bare())
		if f := c.ask(authFrame("x")); f.Code != "unavailable" || f.RetryAfter != 1 || f.Type != "error" {
			t.Error(f.raw)
		}
		c.closed(wire.CloseOverloaded)
	})
}

// Who may not try so often is told to stay away for longer than it takes to come back.
func TestFirstFrameTooOften(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.refuse("x", &Error{Code: "rate_limited", RetryAfter: 3 * time.Second})
		c := l.dial(bare())
		if f := c.ask(authFrame("x")); f.Code != "rate_limited" || f.RetryAfter != 30 {
			t.Error(f.raw)
		}
		c.closed(wire.CloseRateLimited)
	})
}

func TestFirstFrameMustBeAuthWhateverItsID(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.dial(bare())
		c.send(`{"type":"subscribe","feed":"devices","id":7}`)
		c.closed(wire.CloseUnauthenticated)

		c = l.dial(bare())
		if f := c.ask(`{"type":"subscribe","feed":"devices"}`); f.Code != "unauthenticated" {
			t.Error(f.raw)
		}
		c.closed(wire.CloseUnauthenticated)
	})
}

// A cookie that fails is told at once, and the frame that comes instead counts in its own right.
func TestAuthFrameAfterACookieThatFailed(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.refuse("old", &Error{Code: "token_expired"})
		c := l.dial(byCookie("old"))
		if f := c.one("error"); f.Code != "token_expired" {
			t.Error(f.raw)
		}
		c.send(authFrame("bad"))
		c.closed(wire.CloseUnauthenticated)

		c = l.dial(byCookie("old"))
		p := l.signIn("usr_1")
		if f := c.ask(authFrame(p.SessionID)); f.Type != "auth.ok" {
			t.Error(f.raw)
		}
		c.one("welcome")
		time.Sleep(10 * time.Second) // past the five seconds
		c.works()
	})
}

// Only the first credential of a socket is a use of the device: it brings the User-Agent along.
func TestCredentialTellsTheDeviceOnce(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.dial(bare().with("User-Agent", "Lamp/1").with("X-Test-Addr", "198.51.100.7"))
		c.ask(authFrame(p.SessionID))
		c.ask(authFrame(p.SessionID))
		l.with(func() {
			first, second := l.given[0], l.given[1]
			if first.UserAgent != "Lamp/1" || second.UserAgent != "" || second.Addr.String() != "198.51.100.7" {
				t.Errorf("given %+v, then %+v", first, second)
			}
		})
	})
}
