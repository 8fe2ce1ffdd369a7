package hub

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

const nothing = `{"type":"unsubscribe","feed":"devices"}`

func TestFramesAreLimited(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1"))
		for range 20 {
			if f := c.ask(nothing); f.Type != "ack" {
				t.Fatal(f.raw)
			}
		}
		for range 9 {
			if f := c.ask(nothing); f.Code != "rate_limited" || f.RetryAfter != 1 {
				t.Fatal(f.raw)
			}
		}
		if f := c.ask(nothing); f.Code != "rate_limited" || f.RetryAfter < 30 {
			t.Error(f.raw)
		}
		c.closed(wire.CloseRateLimited)
		if n := l.hub.Stats().LimitedFrames; n != 10 {
			t.Errorf("%d counted", n)
		}
	})
}

func TestFrameRateRecovers(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		h := byToken(l.signIn("usr_1").SessionID)
		h.mute = true // pongs would count
		c := l.dial(h)
		for range 5 {
			for c.ask(nothing).Type == "ack" {
			}
			for range 8 { // one less than ten in a row
				c.ask(nothing)
			}
			time.Sleep(600 * time.Millisecond) // one frame's worth
			if f := c.ask(nothing); f.Type != "ack" {
				t.Fatal(f.raw)
			}
		}
		time.Sleep(12100 * time.Millisecond)
		for range 20 {
			if f := c.ask(nothing); f.Type != "ack" {
				t.Fatal(f.raw)
			}
		}
	})
}

func TestLimitIsPerSocket(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		busy, calm := l.connect(p), l.connect(p)
		for range 25 {
			busy.ask(nothing)
		}
		calm.works()
	})
}

// A hundred in a minute pass when they come evenly.
func TestEvenFramesPass(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.living(time.Hour))
		for range 400 {
			time.Sleep(650 * time.Millisecond) // pongs count too
			if f := c.ask(nothing); f.Type != "ack" {
				t.Fatal(f.raw)
			}
		}
	})
}

func TestForbiddenTooOften(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		ask := `{"type":"subscribe","feed":"audit"}`
		c := l.connect(p)
		for i := range 10 {
			if f := c.ask(ask); f.Code != "forbidden" {
				t.Fatalf("%d: %s", i, f.raw)
			}
		}
		c.closed(wire.ClosePolicy)
		if f := c.last(); f.Code != "policy_violation" {
			t.Error(f.raw)
		}

		c = l.connect(p)
		for range 4 {
			for range 9 {
				c.ask(ask)
			}
			time.Sleep(61 * time.Second)
		}
		c.works() // never ten in a minute
	})
}

// Sockets that wait for a first frame have twenty places per address, and give them back.
func TestUnauthenticatedSocketsPerAddress(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		from := func(h hello, i int) hello { return h.with("X-Test-Addr", fmt.Sprintf("2001:db8:0:1:%x::1", i)) } // one /64
		p := l.signIn("usr_1")
		var waiting []*client
		for i := range 20 {
			h := bare()
			if i%2 == 0 {
				h = byCookie("bad")
			}
			waiting = append(waiting, l.dial(from(h, i)))
		}
		for _, h := range []hello{bare(), byCookie("bad")} {
			c, resp := l.try(from(h, 99))
			if c != nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "5" {
				t.Fatalf("the 21st: %v, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
			}
		}
		if n := l.hub.Stats().Waiting; n != 20 {
			t.Errorf("%d are waiting", n)
		}
		l.dial(from(byToken(p.SessionID), 99)).one("welcome") // who has a credential needs no place
		l.dial(bare().with("X-Test-Addr", "2001:db8:0:2::1"))

		waiting[0].send(authFrame(p.SessionID))
		waiting[0].one("welcome")
		l.dial(from(bare(), 99))
		waiting[1].ws.CloseNow()
		l.rest()
		l.dial(from(bare(), 99))
		time.Sleep(6 * time.Second)
		for range 20 {
			l.dial(from(bare(), 99))
		}
	})
}

func TestFailedUpgradeGivesItsPlaceBack(t *testing.T) {
	w := newWorld()
	h := New(Config{Auth: w})
	r := httptest.NewRequest("GET", "/ws", nil)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": wire.Protocol,
	} {
		r.Header.Set(name, value)
	}
	h.ServeHTTP(httptest.NewRecorder(), r) // cannot be hijacked
	if h.Stats().Handshakes["upgrade_failed"] != 1 || h.Stats().Waiting != 0 {
		t.Errorf("%+v", h.Stats())
	}
}
