package hub

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

func TestWelcome(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.connect(p)
		f := c.one("welcome")
		if c.ws.Subprotocol() != wire.Protocol {
			t.Errorf("subprotocol %q", c.ws.Subprotocol())
		}
		for _, want := range []string{
			`"connection_id":"con_`, `"session_id":"` + p.SessionID + `"`, `"user":{"id":"usr_1","roles":["user"]}`,
			`"aal":1`, `"expires_in":900`, `"ping_interval":25`, `"node":"nod_test"`,
		} {
			if !strings.Contains(f.raw, want) {
				t.Errorf("no %s in %s", want, f.raw)
			}
		}
		if l.hub.Connections("usr_1") != 1 || l.hub.Stats().Connections != 1 {
			t.Error("not counted")
		}
	})
}

func TestCredentials(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		l.grant("good", p)
		l.grant("ticket", p)
		l.tickets["ticket"] = true
		v1 := wire.Protocol
		for name, h := range map[string]hello{
			"token in the subprotocol":  {protocols: []string{"bearer.good", v1, "other"}},
			"ticket in the subprotocol": {protocols: []string{v1, "ticket.ticket"}},
			"header":                    hello{protocols: []string{v1}}.with("Authorization", "bearer good"),
			"cookie":                    hello{protocols: []string{v1}}.with("Cookie", "session=good").with("Origin", home),
			"basic header is another's": hello{protocols: []string{v1}}.with("Authorization", "Basic eDp5").with("Cookie", "session=good").with("Origin", home),
			"token before ticket":       {protocols: []string{v1, "ticket.bad", "bearer.good"}},
			"subprotocol before header": hello{protocols: []string{v1, "bearer.good"}}.with("Authorization", "Bearer bad"),
			"header before cookie":      hello{protocols: []string{v1}}.with("Authorization", "Bearer good").with("Cookie", "session=bad").with("Origin", home),
		} {
			t.Log(name)
			l.dial(h).one("welcome")
		}
		for name, h := range map[string]hello{
			"empty":                       {protocols: []string{v1, "bearer."}},
			"first present counts":        hello{protocols: []string{v1, "bearer.bad"}}.with("Authorization", "Bearer good"),
			"doubled header":              hello{protocols: []string{v1}}.with("Authorization", "Bearer good").with("Authorization", "Bearer good"),
			"malformed header":            hello{protocols: []string{v1}}.with("Authorization", "Bearer good good"),
			"token presented as a ticket": {protocols: []string{v1, "ticket.good"}},
		} {
			t.Log(name)
			c := l.dial(h)
			c.closed(wire.CloseUnauthenticated)
			c.none("welcome")
			if f := c.one("error"); f.Code != "unauthenticated" {
				t.Error(f.raw)
			}
		}
	})
}

func TestFirstFrame(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		l.grant("ticket", p)
		l.tickets["ticket"] = true
		c := l.dial(bare())
		c.send(`{"type":"auth","token":"` + p.SessionID + `"}`)
		c.one("welcome")
		c.none("auth.ok")

		c = l.dial(bare())
		c.send(`{"type":"auth","id":"a","ticket":"ticket"}`)
		c.one("welcome")
		if f := c.answer("a"); f.Type != "auth.ok" {
			t.Error(f.raw)
		}

		for _, text := range []string{`{"type":"pong"}`, `{"type":"subscribe","feed":"devices"}`, `{"type":"dance"}`, `{"type":"auth","token":"bad"}`} {
			c = l.dial(bare())
			c.send(text)
			c.closed(wire.CloseUnauthenticated)
			if f := c.one("error"); f.Code != "unauthenticated" {
				t.Error(f.raw)
			}
		}

		c = l.dial(bare())
		began := time.Now()
		c.send(`{"type":"auth","id":"x"}`)
		if f := c.answer("x"); f.Code != "invalid_request" {
			t.Error(f.raw)
		}
		time.Sleep(6 * time.Second)
		c.closed(wire.CloseAuthTimeout)
		if c.last().Code != "auth_timeout" || c.at.Sub(began) != 5*time.Second {
			t.Errorf("%s after %v", c.last().raw, c.at.Sub(began))
		}
	})
}

func TestRefusedAfterTheUpgrade(t *testing.T) {
	ended := wire.SessionEnded{Reason: "kicked", By: wire.By{Kind: wire.ByAdmin}, Message: "lost"}
	for _, test := range []struct {
		err  *Error
		last string // type of the last frame
		code string
		want wire.CloseCode
	}{
		{&Error{Code: "invalid_token"}, "error", "unauthenticated", wire.CloseUnauthenticated},
		{&Error{Code: "grant_expired"}, "error", "unauthenticated", wire.CloseUnauthenticated},
		{&Error{Code: "token_expired"}, "error", "token_expired", wire.CloseTokenExpired},
		{&Error{Code: "token_stale"}, "error", "token_expired", wire.CloseTokenExpired},
		{&Error{Code: "session_revoked"}, "error", "session_revoked", wire.CloseSessionRevoked},
		{&Error{Code: "session_revoked", Ended: &ended}, "session.ended", "", wire.CloseKicked},
		{&Error{Code: "mfa_setup_required"}, "error", "mfa_setup_required", wire.CloseUnauthenticated},
		{&Error{Code: "unavailable"}, "error", "unavailable", wire.CloseOverloaded},
	} {
		t.Run(test.want.Name()+" for "+test.err.Code, func(t *testing.T) {
			inTime(t, Limits{}, func(t *testing.T, l *lab) {
				l.refuse("x", test.err)
				c := l.dial(byToken("x"))
				c.closed(test.want)
				if f := c.last(); f.Type != test.last || f.Code != test.code {
					t.Error(f.raw)
				}

				// A cookie was sent unasked: its socket may still bring something better.
				c = l.dial(byCookie("x"))
				if f := c.one("error"); f.Code == "" {
					t.Error(f.raw)
				}
				p := l.signIn("usr_1")
				c.send(`{"type":"auth","token":"` + p.SessionID + `"}`)
				c.one("welcome")

				c = l.dial(byCookie("x"))
				time.Sleep(4900 * time.Millisecond)
				if !c.isOpen() {
					t.Fatal("closed too soon")
				}
				time.Sleep(time.Second)
				c.closed(test.want)
				if f := c.last(); f.Type != test.last {
					t.Error(f.raw)
				}
			})
		})
	}
}

func TestOwingSetup(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		p.Owes = "setup"
		l.grant("owes", p)
		c := l.dial(byToken("owes"))
		c.closed(wire.CloseUnauthenticated)
		if f := c.one("error"); f.Code != "mfa_setup_required" {
			t.Error(f.raw)
		}
	})
}

func TestRefusedBeforeTheUpgrade(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		l.refuse("limited", &Error{Code: "rate_limited", RetryAfter: 3 * time.Second})
		token := byToken(p.SessionID)
		for name, test := range map[string]struct {
			h      hello
			status int
		}{
			"no subprotocol":    {hello{}.with("Authorization", "Bearer "+p.SessionID), 400},
			"too many attempts": {byToken("limited"), 429},
		} {
			c, resp := l.try(test.h)
			if c != nil || resp.StatusCode != test.status {
				t.Errorf("%s: %v", name, resp.Status)
			}
			if test.status == 429 && resp.Header.Get("Retry-After") != "3" {
				t.Errorf("Retry-After %q", resp.Header.Get("Retry-After"))
			}
		}
		l.mu.Lock()
		l.fenced = &Error{Code: "unavailable"}
		l.mu.Unlock()
		if c, resp := l.try(token.with("Origin", "https://evil")); c != nil || resp.StatusCode != 503 {
			t.Error("a fenced node answered ", resp.Status)
		}
	})
}

func TestNoUpgrade(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		transport := &http.Transport{DialContext: l.net, DisableKeepAlives: true}
		for method, want := range map[string]int{"GET": 426, "POST": 405, "HEAD": 426} {
			req, _ := http.NewRequest(method, "http://hub/ws", strings.NewReader(""))
			resp, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s: %s", method, resp.Status)
			}
		}
	})
}

// Nobody slips past: an end between a token's check and the socket's registration is found by the second look.
func TestEndedDuringHandshake(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.dial(bare())
		l.authWait = make(chan struct{})
		c.send(`{"type":"auth","token":"` + p.SessionID + `"}`)
		synctest.Wait()
		l.refuse("", nil)
		l.end(p, "kicked")
		close(l.authWait)
		c.closed(wire.CloseKicked)
		c.none("welcome")
	})
}

func TestConnectionsAreCounted(t *testing.T) {
	inTime(t, Limits{PerSession: 2, PerUser: 3}, func(t *testing.T, l *lab) {
		a, b := l.signIn("usr_1"), l.signIn("usr_1")
		first := l.connect(a)
		l.connect(a)
		c := l.dial(byToken(a.SessionID))
		c.closed(wire.CloseRateLimited)
		if f := c.last(); f.Code != "rate_limited" || f.RetryAfter < 30 {
			t.Error(f.raw)
		}
		l.connect(b)
		l.dial(byToken(b.SessionID)).closed(wire.CloseRateLimited)
		l.connect(l.signIn("usr_2"))

		first.ws.CloseNow() // frees its place
		synctest.Wait()
		l.connect(a)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.counts[a.SessionID] != 2 || l.counts[b.SessionID] != 1 {
			t.Errorf("reported %v", l.counts)
		}
	})
}

func TestIDIsOfAConnection(t *testing.T) {
	c := newConn(New(Config{}), Credential{})
	if !id.Is(id.Connection, c.id) {
		t.Error(c.id)
	}
}
