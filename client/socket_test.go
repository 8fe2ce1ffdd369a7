package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// connect signs in and connects; the socket is closed at the test's end.
func connect(t *testing.T, h *house, c *client.Client, handlers client.Handlers) (*client.Socket, *peer) {
	t.Helper()
	login(t, c)
	s := c.Connect(t.Context(), handlers)
	return s, h.greet()
}

func TestSocketShowsItsTokenAndLeavesPolitely(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		var welcome wire.Welcome
		s, p := connect(t, h, c, client.Handlers{Connected: func(w wire.Welcome) { welcome = w }})
		if p.token != "access-1" {
			t.Errorf("token %q", p.token)
		}
		p.send(object{"type": "ping"})
		p.expect("pong")
		closed := make(chan error)
		go func() { _, _, err := p.conn.Read(t.Context()); closed <- err }()
		if s.Err() != nil {
			t.Errorf("open, but Err = %v", s.Err())
		}
		s.Close()
		if err := <-closed; err == nil || !errors.Is(s.Err(), client.ErrClosed) || welcome.SessionID != "ses_1" {
			t.Errorf("server saw %v, Err = %v, welcome %+v", err, s.Err(), welcome)
		}
	})
}

func TestCloseDoesNotWaitForASilentServer(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		s, p := connect(t, h, c, client.Handlers{})
		began := time.Now()
		s.Close()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("Close took %s", took)
		}
		p.conn.CloseNow()
	})
}

func TestFinalCloseCodes(t *testing.T) {
	for code := wire.CloseProtocolError; code <= wire.CloseUnauthenticated; code++ {
		t.Run(code.Name(), func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				s, p := connect(t, h, c, client.Handlers{Disconnected: func(error, time.Duration) { t.Error("wants to come back") }})
				p.close(code)
				<-s.Done()
				var end *client.EndedError
				if !errors.As(s.Err(), &end) || end.Code != code || end.Reason != code.Name() {
					t.Fatalf("Err = %v", s.Err())
				}
				over := code != wire.CloseProtocolError && code != wire.CloseMFAFailed && code != wire.CloseUnauthenticated
				if _, err := c.AccessToken(t.Context()); (err != nil) != over {
					t.Errorf("session over: %v, want %v", err != nil, over)
				}
			})
		})
	}
}

// TestSessionEnded: who, why and when come in the frame; it counts even if the close after it is lost.
func TestSessionEnded(t *testing.T) {
	for name, leave := range map[string]func(*peer){
		"closed": func(p *peer) { p.close(wire.CloseKicked) },
		"lost":   func(p *peer) { p.conn.CloseNow() },
	} {
		t.Run(name, func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				s, p := connect(t, h, c, client.Handlers{})
				at := time.Now().UTC().Truncate(time.Millisecond)
				p.send(object{"type": "session.ended", "reason": "kicked", "by": object{"kind": "admin", "name": "Bo"}, "message": "bye", "at": at})
				leave(p)
				<-s.Done()
				var end *client.EndedError
				if !errors.As(s.Err(), &end) || end.Code != wire.CloseKicked || end.By != (wire.By{Kind: "admin", Name: "Bo"}) || end.Message != "bye" || !end.At.Equal(at) {
					t.Fatalf("Err = %#v", s.Err())
				}
				if h.heard() != `["refresh-0" ""]` {
					t.Errorf("heard %s", h.heard())
				}
			})
		})
	}
}

func TestSocketComesBack(t *testing.T) {
	for name, test := range map[string]struct {
		lose          func(*peer)
		least, most   time.Duration
		refreshed     string
		presentsAgain string
	}{
		"connection lost": {func(p *peer) { p.conn.CloseNow() }, 0, 500 * time.Millisecond, "", "access-1"},
		"slow consumer":   {func(p *peer) { p.close(wire.CloseSlowConsumer) }, 0, 500 * time.Millisecond, "", "access-1"},
		"restart": {func(p *peer) {
			p.send(object{"type": "reconnect", "after_ms": 1234})
			p.close(wire.CloseRestart)
		}, 1234 * time.Millisecond, 1234 * time.Millisecond, "", "access-1"},
		"limited": {func(p *peer) {
			p.send(object{"type": "error", "code": "rate_limited", "retry_after": 30})
			p.close(wire.CloseRateLimited)
		}, 30 * time.Second, 30500 * time.Millisecond, "", "access-1"},
		"a request too many": {func(p *peer) {
			go p.socket.Send(p.t.Context(), "hello", nil)
			p.send(object{"type": "error", "re": p.expect("message").ID, "code": "rate_limited", "retry_after": 30})
			p.close(wire.CloseRateLimited)
		}, 30 * time.Second, 30500 * time.Millisecond, "", "access-1"},
		"an error long before": {func(p *peer) {
			p.send(object{"type": "error", "code": "rate_limited", "retry_after": 30})
			p.send(object{"type": "ping"})
			p.expect("pong")
			p.conn.CloseNow()
		}, 0, 500 * time.Millisecond, "", "access-1"},
		"token expired":    {func(p *peer) { p.close(wire.CloseTokenExpired) }, 0, 0, "refresh-0", "access-2"},
		"silence":          {func(p *peer) {}, time.Minute, 61 * time.Second, "", "access-1"},
		"nonsense is said": {func(p *peer) { p.conn.Write(p.t.Context(), websocket.MessageText, []byte("hello")) }, 0, 500 * time.Millisecond, "", "access-1"},
	} {
		t.Run(name, func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				s, p := connect(t, h, c, client.Handlers{})
				defer s.Close()
				time.Sleep(10 * time.Second)
				synctest.Wait()
				lost := time.Now()
				p.socket = s
				test.lose(p)
				again := h.greet()
				if wait := again.since.Sub(lost); wait < test.least-10*time.Second || wait < test.least && name != "silence" || wait > test.most {
					t.Errorf("came back after %s, want %s to %s", wait, test.least, test.most)
				}
				if again.token != test.presentsAgain || h.refreshes() != test.refreshed {
					t.Errorf("presented %s after refreshes %q", again.token, h.refreshes())
				}
				p.conn.CloseNow()
				again.conn.CloseNow()
			})
		})
	}
}

// TestExpiredTwiceIsNoHotLoop: one 4401 is mended at once by a refresh; when that does not help, the backoff rules.
func TestExpiredTwiceIsNoHotLoop(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		login(t, c)
		began := time.Now()
		s := c.Connect(t.Context(), client.Handlers{})
		for range 12 {
			h.accept().close(wire.CloseTokenExpired)
		}
		if took := time.Since(began); took < 10*time.Second {
			t.Errorf("12 attempts in %s", took)
		}
		s.Close()
	})
}

func TestHandshakeRefusedOverHTTP(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		login(t, c)
		h.calls["/ws"] = func(w http.ResponseWriter, r *http.Request) {
			h.mu.Lock()
			delete(h.calls, "/ws")
			h.mu.Unlock()
			refuse(w, 503, object{"code": "unavailable", "retry_after": 7})
		}
		var why error
		began := time.Now()
		s := c.Connect(t.Context(), client.Handlers{Disconnected: func(err error, _ time.Duration) { why = err }})
		p := h.greet()
		synctest.Wait()
		if wait := p.since.Sub(began); wait < 7*time.Second || wait > 7500*time.Millisecond || !code("unavailable")(why) {
			t.Errorf("came back after %s from %v", wait, why)
		}
		p.conn.CloseNow()
		s.Close()
	})
}

func TestNobodySignedIn(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		s := c.Connect(t.Context(), client.Handlers{})
		<-s.Done()
		if err := s.Subscribe(t.Context(), wire.FeedDevices); !errors.Is(s.Err(), client.ErrSignedOut) || !errors.Is(err, client.ErrSignedOut) {
			t.Errorf("Err = %v, Subscribe: %v", s.Err(), err)
		}
	})
}

func TestSocketIsRearmed(t *testing.T) {
	for name, cause := range map[string]func(*testing.T, *peer, *client.Client){
		"its authority ends soon": func(_ *testing.T, p *peer, _ *client.Client) {
			p.send(object{"type": "auth.expiring", "expires_in": 60})
		},
		"a call refreshed": func(t *testing.T, _ *peer, c *client.Client) {
			if err := c.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				s, p := connect(t, h, c, client.Handlers{})
				synctest.Wait()
				cause(t, p, c)
				auth := p.expect("auth")
				if auth.Token != "access-2" || auth.ID == "" || h.refreshes() != "refresh-0" {
					t.Errorf("auth %+v after refreshes %q", auth, h.refreshes())
				}
				p.send(object{"type": "auth.ok", "re": auth.ID, "expires_in": 900, "roles": []string{"user"}})
				p.send(object{"type": "ping"}) // nothing was said before it
				p.expect("pong")
				p.conn.CloseNow()
				s.Close()
			})
		})
	}
}

// TestFreshTokenIsTooOldAlready: the machine slept between the refresh and the frame.
func TestFreshTokenIsTooOldAlready(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		s, p := connect(t, h, c, client.Handlers{})
		p.send(object{"type": "auth.expiring", "expires_in": 60})
		first := p.expect("auth")
		p.send(object{"type": "error", "re": first.ID, "code": "token_expired"})
		if second := p.expect("auth"); second.Token != "access-3" {
			t.Errorf("auth %+v", second)
		}
		p.conn.CloseNow()
		s.Close()
	})
}

// TestTokenThatWasNotLookedAtIsShownAgain: the server must see the successor used.
func TestTokenThatWasNotLookedAtIsShownAgain(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		s, p := connect(t, h, c, client.Handlers{})
		p.send(object{"type": "auth.expiring", "expires_in": 60})
		first := p.expect("auth")
		p.send(object{"type": "error", "re": first.ID, "code": "unavailable", "retry_after": 2})
		began := time.Now()
		second := p.expect("auth")
		if waited := time.Since(began); second.Token != first.Token || waited < 2*time.Second || h.refreshes() != "refresh-0" {
			t.Errorf("auth %+v after %s and refreshes %q", second, waited, h.refreshes())
		}
		p.send(object{"type": "auth.ok", "re": second.ID, "expires_in": 900})
		p.conn.CloseNow()
		s.Close()
	})
}

// TestRefreshDuringOutage: the socket keeps trying while it is open, and ends when the refresh says that all is over.
func TestRefreshDuringOutage(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		down := func(w http.ResponseWriter) { refuse(w, 503, object{"code": "unavailable", "retry_after": 2}) }
		h.before = []func(http.ResponseWriter){down, down, nil, func(w http.ResponseWriter) { refuse(w, 401, object{"code": "invalid_token"}) }}
		s, p := connect(t, h, c, client.Handlers{})
		p.send(object{"type": "auth.expiring", "expires_in": 60})
		if auth := p.expect("auth"); auth.Token != "access-2" {
			t.Errorf("auth %+v", auth)
		}
		p.send(object{"type": "auth.expiring", "expires_in": 60})
		<-s.Done()
		var end *client.EndedError
		if !errors.As(s.Err(), &end) || end.Code != wire.CloseUnauthenticated {
			t.Errorf("Err = %v", s.Err())
		}
		p.conn.CloseNow()
	})
}

func TestRolesChanged(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		var roles []string
		s, p := connect(t, h, c, client.Handlers{Authority: func(r []string) { roles = r }})
		p.send(object{"type": "auth.changed", "roles": []string{"user", "moderator"}, "token_stale": true})
		synctest.Wait()
		if fmt.Sprint(roles) != "[user moderator]" || h.refreshes() != "" {
			t.Errorf("roles %v, refreshes %q", roles, h.refreshes())
		}
		go c.Me(t.Context())
		if auth := p.expect("auth"); auth.Token != "access-2" {
			t.Errorf("auth %+v", auth)
		}
		p.conn.CloseNow()
		s.Close()
	})
}

func TestMessages(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		heard := make(chan wire.Message, 1)
		var s *client.Socket
		s, p := connect(t, h, c, client.Handlers{Message: func(m wire.Message) {
			if err := s.Send(t.Context(), "thanks", nil); err != nil { // a handler may wait for an answer
				t.Error(err)
			}
			heard <- m
		}})
		p.send(object{"type": "message", "name": "hello", "data": object{"a": 1}, "from": object{"user_id": "usr_1", "session_id": "ses_2"}})
		if thanks := p.ack("message"); thanks.Name != "thanks" || string(thanks.To) != `"devices"` {
			t.Errorf("sent %+v", thanks)
		}
		if m := <-heard; m.Name != "hello" || string(m.Data) != `{"a":1}` || m.From.SessionID != "ses_2" {
			t.Errorf("heard %+v", m)
		}
		go func() {
			f := p.expect("message")
			if string(f.To) != `{"user_id":"usr_2"}` || string(f.Data) != `{"b":2}` {
				t.Errorf("sent %+v", f)
			}
			p.send(object{"type": "error", "re": f.ID, "code": "forbidden"})
		}()
		if err := s.SendTo(t.Context(), "usr_2", "hi", object{"b": 2}); !code("forbidden")(err) {
			t.Errorf("SendTo: %v", err)
		}
		go func() { p.expect("message"); p.conn.CloseNow() }()
		if err := s.Send(t.Context(), "lost", nil); !errors.Is(err, client.ErrDisconnected) {
			t.Errorf("Send over a lost connection: %v", err)
		}
		s.Close()
	})
}

func TestRequestsWaitForAConnection(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		login(t, c)
		s := c.Connect(t.Context(), client.Handlers{})
		early, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Send(early, "early", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Send: %v", err)
		}
		sent := make(chan error, 1)
		go func() { sent <- s.Send(t.Context(), "later", nil) }()
		p := h.greet()
		p.ack("message")
		if err := <-sent; err != nil {
			t.Error(err)
		}
		p.conn.CloseNow()
		s.Close()
	})
}

// TestEndedWhileAway: the end comes before the welcome, and the stored refresh token goes with it.
func TestEndedWhileAway(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		s, p := connect(t, h, c, client.Handlers{})
		p.conn.CloseNow()
		again := h.accept()
		again.send(object{"type": "session.ended", "reason": "kicked", "by": object{"kind": "admin"}})
		again.close(wire.CloseKicked)
		<-s.Done()
		var end *client.EndedError
		if !errors.As(s.Err(), &end) || end.Code != wire.CloseKicked || h.heard() != `["refresh-0" ""]` {
			t.Errorf("Err = %v, heard %s", s.Err(), h.heard())
		}
	})
}

// TestHandlerThatWaitsForWhatItBlocks: its answer stands behind more frames than are kept for it.
func TestHandlerThatWaitsForWhatItBlocks(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		var s *client.Socket
		answered := make(chan error, 1)
		s, p := connect(t, h, c, client.Handlers{Message: func(m wire.Message) {
			if m.Name == "first" {
				answered <- s.Send(t.Context(), "thanks", nil)
			}
		}})
		p.send(object{"type": "message", "name": "first"})
		thanks := p.expect("message")
		go func() {
			for range 100 {
				p.conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"message","name":"more"}`))
			}
			p.conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"ack","re":"`+thanks.ID+`"}`))
		}()
		if err := <-answered; !errors.Is(err, client.ErrDisconnected) {
			t.Errorf("Send: %v", err)
		}
		p.conn.CloseNow()
		h.greet().conn.CloseNow()
		s.Close()
	})
}

func TestFramesAsTheyCome(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		frames := make(chan string, 8)
		s, p := connect(t, h, c, client.Handlers{Frame: func(frameType string, frame json.RawMessage) { frames <- frameType + " " + string(frame) }})
		p.send(object{"type": "ping"})
		p.expect("pong")
		p.send(object{"type": "auth.changed", "roles": []string{"user"}})
		p.send(object{"type": "news", "a": 1})
		<-frames // welcome
		for _, want := range []string{`auth.changed {"roles":["user"],"type":"auth.changed"}`, `news {"a":1,"type":"news"}`} {
			if got := <-frames; got != want {
				t.Errorf("frame %s, want %s", got, want)
			}
		}
		p.conn.CloseNow()
		s.Close()
	})
}

func TestCloseThatComesBackHasItsCode(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		lost := make(chan error, 1)
		s, p := connect(t, h, c, client.Handlers{Disconnected: func(err error, _ time.Duration) { lost <- err }})
		p.close(wire.CloseSlowConsumer)
		var closed *client.CloseError
		if err := <-lost; !errors.As(err, &closed) || closed.Code != wire.CloseSlowConsumer || closed.Reason != "slow_consumer" {
			t.Errorf("Disconnected: %v", err)
		}
		h.greet().conn.CloseNow()
		s.Close()
	})
}
