package hub

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

func TestPings(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.living(time.Hour)
		c := l.connect(p)
		began := time.Now()
		time.Sleep(10 * time.Minute)
		pings := c.all("ping")
		if first := pings[0].at.Sub(began); first < 12*time.Second || first > 25*time.Second {
			t.Errorf("the first after %v", first)
		}
		for i := 1; i < len(pings); i++ {
			if gap := pings[i].at.Sub(pings[i-1].at); gap != 25*time.Second {
				t.Errorf("%v between two", gap)
			}
		}
		if len(pings) != 24 && len(pings) != 23 {
			t.Errorf("%d pings in ten minutes", len(pings))
		}
		c.works()
	})
}

// Sockets that came together are not pinged together.
func TestFirstPingsAreSpread(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		var clients []*client
		for range 20 {
			clients = append(clients, l.connect(p))
		}
		time.Sleep(26 * time.Second)
		times := map[time.Time]bool{}
		for _, c := range clients {
			times[c.all("ping")[0].at] = true
		}
		if len(times) < 10 {
			t.Errorf("20 sockets were first pinged at %d instants", len(times))
		}
	})
}

func TestUnansweredPing(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		h := byToken(l.signIn("usr_1").SessionID)
		h.mute = true
		c := l.dial(h)
		time.Sleep(time.Minute)
		c.closed(wire.ClosePingTimeout)
		if after := c.closedAfter(c.one("ping").at); after != 10*time.Second || c.last().Code != "ping_timeout" {
			t.Errorf("%s %v after the ping", c.last().raw, after)
		}
	})
}

func TestAnyFrameIsAPong(t *testing.T) {
	for name, say := range map[string]func(*client){
		"pong":             func(c *client) { c.send(`{"type":"pong"}`) },
		"unknown type":     func(c *client) { c.send(`{"type":"dance"}`) },
		"request":          func(c *client) { c.send(subscribe) },
		"pong of RFC 6455": func(c *client) { c.raw(masked(true, opPong, nil)) },
		"ping of RFC 6455": func(c *client) { c.raw(masked(true, opPing, []byte("x"))) },
		"refused frame":    func(c *client) { c.send(`{"type":"pong","id":7}`) },
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, Limits{}, func(t *testing.T, l *lab) {
				h := byToken(l.signIn("usr_1").SessionID)
				h.mute = true
				c := l.dial(h)
				for heard := 0; heard < 3; time.Sleep(time.Second) {
					if n := len(c.all("ping")); n > heard {
						heard = n
						time.Sleep(8 * time.Second)
						say(c)
					}
				}
				if !c.isOpen() {
					t.Fatal(c.story())
				}
				time.Sleep(time.Minute) // silence
				c.closed(wire.ClosePingTimeout)
			})
		})
	}
}

// What came before the ping does not answer it.
func TestFramesBeforeThePingDoNotCount(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		h := byToken(l.signIn("usr_1").SessionID)
		h.mute = true
		c := l.dial(h)
		for len(c.all("ping")) == 0 {
			c.send(`{"type":"pong"}`)
			time.Sleep(time.Second)
		}
		time.Sleep(11 * time.Second)
		c.closed(wire.ClosePingTimeout)
	})
}

func TestPongWithAnID(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1"))
		if f := c.ask(`{"type":"pong"}`); f.Type != "ack" {
			t.Error(f.raw)
		}
		c.send(`{"type":"pong"}`)
		c.one("ack")
	})
}
