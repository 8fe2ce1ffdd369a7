package hub

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// The rest of the attacks: sockets that only cost.

// Attack: sockets that never authenticate, by silence or by trickling bytes.
func TestSocketThatNeverAuthenticatesIsClosed(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		steady := l.connect(l.signIn("usr_1"))
		silent, trickling, pinging := l.dial(bare()), l.dial(bare()), l.dial(bare())
		began := time.Now()
		frame := masked(true, opText, []byte(authFrame("x")))
		for i := range 10 {
			trickling.raw(frame[i : i+1])
			pinging.raw(masked(true, opPing, nil))
			time.Sleep(400 * time.Millisecond)
			sent := time.Now()
			steady.works()
			if !time.Now().Equal(sent) {
				t.Error("the steady one waited")
			}
		}
		time.Sleep(2 * time.Second)
		for _, c := range []*client{silent, trickling, pinging} {
			c.closed(wire.CloseAuthTimeout)
			if after := c.closedAfter(began); after != 5*time.Second {
				t.Errorf("after %v", after)
			}
		}
		if n := l.hub.Stats().Waiting; n != 0 {
			t.Errorf("%d still wait", n)
		}
	})
}

// Attack: a frame that never ends keeps a socket whose client answers no ping.
func TestTricklingBytesAreNoPong(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		h := byToken(l.signIn("usr_1").SessionID)
		h.mute = true
		c := l.dial(h)
		c.raw(masked(false, opText, []byte("{")))
		for range 60 {
			if !c.isOpen() {
				break
			}
			c.raw(masked(false, opContinuation, []byte(" ")))
			time.Sleep(time.Second)
		}
		c.closed(wire.ClosePingTimeout)
	})
}

// Attack: a client that never reads holds memory, or others up.
func TestSocketThatNeverReadsIsCut(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p, steady := l.signIn("usr_1"), l.connect(l.signIn("usr_1"))
		c := l.deaf(p)
		for range 1000 {
			l.hub.Deliver(note("usr_1", 4000))
			if f := steady.last(); f.at != time.Now() {
				t.Fatal("the steady one waited")
			}
			if n := l.waits(p); n > 256<<10 {
				t.Fatalf("%d bytes wait for it", n)
			}
		}
		time.Sleep(5 * time.Second)
		l.rest()
		if n := l.hub.Connections("usr_1"); n != 1 || l.hub.Stats().SlowConsumers != 1 {
			t.Errorf("%d sockets", n)
		}
		c.listen()
		c.closed(-1)
	})
}

// waits is how many bytes wait for the sockets of the session.
func (l *lab) waits(p Principal) (n int) {
	for _, c := range l.hub.ofSession(p.UserID, p.SessionID) {
		c.mu.Lock()
		n += c.queued
		c.mu.Unlock()
	}
	return n
}

// Attack: 10,000 pings, which are answered one by one elsewhere.
func TestThreat19_PingFlood(t *testing.T) {
	for name, frame := range map[string][]byte{"pings": masked(true, opPing, []byte("x")), "pongs": masked(true, opPong, []byte("x"))} {
		t.Run(name, func(t *testing.T) {
			inTime(t, Limits{}, func(t *testing.T, l *lab) {
				for _, h := range []hello{byToken(l.signIn("usr_1").SessionID), bare()} {
					c := l.dial(h)
					l.rest()
					c.raw(bytes.Repeat(frame, 10_000))
					c.closed(wire.CloseRateLimited)
					if n := len(c.all("error")); n != 10 {
						t.Errorf("%d errors", n)
					}
				}
			})
		})
	}
}

// Attack: a message in parts that are empty costs work and never grows too long.
func TestEndlessEmptyParts(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1"))
		c.raw(masked(false, opText, []byte("{")))
		c.raw(bytes.Repeat(masked(false, opContinuation, nil), wire.MaxFrameBytes))
		c.closed(wire.CloseTooBig)
	})
}

// Attack: a giant is announced, so that memory is kept for it.
func TestAnnouncedGiantCostsNoMemory(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1"))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.raw([]byte{0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4}) // 1 GiB to come
		c.closed(wire.CloseTooBig)
		runtime.ReadMemStats(&after)
		if grew := after.TotalAlloc - before.TotalAlloc; grew > 1<<20 {
			t.Errorf("%d bytes were allocated", grew)
		}
	})
}

// Attack: oversized and deeply nested frames.
func TestThreat19_MonstrousFrames(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		code wire.CloseCode
	}{
		"oversized":      {`{"type":"pong","x":"` + strings.Repeat("x", wire.MaxFrameBytes) + `"}`, wire.CloseTooBig},
		"nested":         {`{"type":"pong","x":` + strings.Repeat("[", 16000) + strings.Repeat("]", 16000) + `}`, wire.CloseProtocolError},
		"nested objects": {strings.Repeat(`{"type":`, 4000), wire.CloseProtocolError},
		"never closed":   {strings.Repeat("[", 32000), wire.CloseProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, Limits{}, func(t *testing.T, l *lab) {
				c, steady := l.connect(l.signIn("usr_1")), l.connect(l.signIn("usr_1"))
				c.send(test.text)
				c.closed(test.code)
				steady.works()
			})
		})
	}
}
