package hub

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

func TestSessionEndedIsToldThenClosed(t *testing.T) {
	for _, code := range []wire.CloseCode{
		wire.CloseSessionRevoked, wire.CloseKicked, wire.CloseCredentialsChanged, wire.CloseAccountDisabled,
		wire.CloseTokenReuse, wire.CloseSignedOut, wire.CloseSessionExpired,
	} {
		t.Run(code.Name(), func(t *testing.T) {
			inTime(t, Limits{}, func(t *testing.T, l *lab) {
				p, other := l.signIn("usr_1"), l.signIn("usr_1")
				tabs := []*client{l.connect(p), l.watch(p)}
				bystander := l.connect(other)
				l.hub.SessionEnded(End{UserID: "usr_1", SessionID: p.SessionID, Frame: wire.SessionEnded{
					Reason: code.Name(), By: wire.By{Kind: wire.ByUser, Name: "Laptop"}, Message: "bye", At: wire.At(time.Now()),
				}})
				if n := l.hub.Connections("usr_1"); n != 1 {
					t.Errorf("%d sockets left at once, want the other session's", n)
				}
				for _, c := range tabs {
					c.closed(code)
					f := c.one("session.ended")
					want := `"by":{"kind":"user","name":"Laptop"},"message":"bye","at":"`
					if f.Reason != code.Name() || !strings.Contains(f.raw, want) || c.last().raw != f.raw {
						t.Error(c.story())
					}
					c.none("error")
				}
				bystander.works()
			})
		})
	}
}

func TestFirstEndWins(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.connect(p)
		l.end(p, "kicked")
		l.end(p, "session_revoked")
		l.hub.CloseAll(wire.CloseRestart)
		c.closed(wire.CloseKicked)
		c.one("session.ended")
	})
}

// Nothing that waits is delivered any more: neither what was queued before the end nor what comes after it.
func TestNothingIsDeliveredAfterTheEnd(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.deaf(p)
		l.hub.Deliver(parcel("usr_1", wire.Message{Name: "being written"}))
		l.rest()
		message := parcel("usr_1", wire.Message{Name: "x"})
		if n := l.hub.Deliver(message); n != 1 {
			t.Fatalf("delivered to %d", n)
		}
		l.end(p, "kicked")
		if n := l.hub.Deliver(message); n != 0 {
			t.Errorf("delivered to %d after the end", n)
		}
		c.listen()
		c.closed(wire.CloseKicked)
		if f := c.one("message"); f.Name != "being written" {
			t.Error(f.raw)
		}
		c.one("session.ended")
	})
}

// The client takes no frame and answers no close: the socket is gone all the same.
func TestEndDoesNotWaitForTheClient(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.deaf(p)
		began := time.Now()
		l.end(p, "kicked")
		if !time.Now().Equal(began) {
			t.Error("SessionEnded took time")
		}
		time.Sleep(closeGrace)
		l.rest()
		if _, err := c.net.Write([]byte{0}); err == nil {
			t.Error("the connection is still open")
		}
	})
}

// A client that takes the close and does not answer it is waited for a second.
func TestCloseThatIsNotAnswered(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.deaf(p)
		cut := make(chan time.Time)
		go func() {
			io.Copy(io.Discard, c.net)
			cut <- time.Now()
		}()
		l.rest()
		began := time.Now()
		l.end(p, "kicked")
		if took := (<-cut).Sub(began); took != closeWait {
			t.Errorf("took %v", took)
		}
	})
}

// Two closes at once: a recorded end counts before a restart and before the end of authority, though the hub has not
// been told yet.
func TestEndCountsBeforeRestart(t *testing.T) {
	for name, restart := range map[string]func(*Hub){
		"drain":         func(h *Hub) { h.Shutdown(context.Background()) },
		"fence":         func(h *Hub) { h.CloseAll(wire.CloseRestart) },
		"anything else": func(h *Hub) { h.CloseAll(wire.CloseOverloaded) },
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, Limits{}, func(t *testing.T, l *lab) {
				p := l.signIn("usr_1")
				c := l.connect(p)
				end := l.record(p, "kicked")
				restart(l.hub)
				l.hub.SessionEnded(end)
				c.closed(wire.CloseKicked)
				c.one("session.ended")
				c.none("reconnect")
			})
		})
	}
}

func TestEndCountsBeforeExpiry(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.connect(p)
		l.record(p, "session_expired")
		time.Sleep(15*time.Minute + 25*time.Second)
		c.closed(wire.CloseSessionExpired)
		c.none("error")
	})
}

func TestRestartCountsBeforeExpiry(t *testing.T) {
	inTime(t, Limits{DrainWindow: 10 * time.Minute, Linger: time.Second}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		p.Expires = time.Now().Add(5 * time.Second)
		l.grant("short", p)
		tabs := []*client{l.dial(byToken("short")), l.dial(byToken("short"))}
		l.rest()
		began := time.Now()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go l.hub.Shutdown(ctx) // closes one now, the other after five minutes
		time.Sleep(10 * time.Second)
		last := max(tabs[0].closedAfter(began), tabs[1].closedAfter(began))
		if last != 6*time.Second {
			t.Errorf("the later one closed after %v", last)
		}
		for _, c := range tabs {
			c.closed(wire.CloseRestart)
			c.one("reconnect")
		}
	})
}

// An end that the authenticator knows without its story is still an end.
func TestEndWithoutAStory(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.connect(p)
		l.with(func() { l.ended[p.SessionID] = &Error{Code: "session_revoked"} })
		l.hub.CloseAll(wire.CloseRestart)
		c.closed(wire.CloseSessionRevoked)
		if c.last().Code != "session_revoked" {
			t.Error(c.story())
		}
	})
}

func TestClientThatLeaves(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		for name, leave := range map[string]func(*client){
			"normal":     func(c *client) { c.raw(masked(true, opClose, []byte{0x03, 0xe8})) },
			"going_away": func(c *client) { c.raw(masked(true, opClose, []byte{0x03, 0xe9})) },
			"gone":       func(c *client) { c.net.Close() },
		} {
			before := l.hub.Stats().Closes[name]
			c := l.connect(p)
			leave(c)
			l.rest()
			if n := l.hub.Stats().Closes[name] - before; n != 1 || l.hub.Connections("usr_1") != 0 {
				t.Errorf("%s: counted %d, %d sockets left", name, n, l.hub.Connections("usr_1"))
			}
		}
	})
}
