package hub

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

func (l *lab) deaf(p Principal) *client {
	l.t.Helper()
	h := byToken(p.SessionID)
	h.deaf = true
	c := l.dial(h)
	l.rest()
	return c
}

func note(user string, size int) Delivery {
	return parcel(user, wire.Message{Name: "x", Data: []byte(`"` + strings.Repeat("x", size) + `"`)})
}

func parcel(user string, m wire.Message) Delivery {
	d, err := NewDelivery(user, "", m)
	if err != nil {
		panic(err)
	}
	return d
}

func TestWriteThatMissesItsDeadline(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		deaf, steady := l.signIn("usr_1"), l.signIn("usr_1")
		c := l.deaf(deaf)
		watcher := l.watch(steady)
		began := time.Now() // the welcome is being written
		for range 40 {
			time.Sleep(100 * time.Millisecond)
			l.hub.Deliver(note("usr_1", 100))
			if f := watcher.last(); f.Type != "message" || f.at != time.Now() {
				t.Fatalf("the steady one got %s at %v", f.raw, f.at)
			}
		}
		time.Sleep(2 * time.Second)
		l.rest()
		if n := l.hub.Connections("usr_1"); n != 1 || time.Since(began) < 5*time.Second {
			t.Errorf("%d sockets left", n)
		}
		watcher.changed(deaf.SessionID, "offline")
		s := l.hub.Stats()
		if s.SlowConsumers != 1 || s.Closes["slow_consumer"] != 1 {
			t.Errorf("%+v", s)
		}
		c.listen()
		c.closed(-1) // cut: no close frame can follow half a frame
	})
}

// A burst is no reason to send a client away, and neither is a client that reads slowly.
func TestBurstDoesNotEndTheSocket(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.deaf(p)
		delivered := 0
		for range 100 { // 400 KiB
			delivered += l.hub.Deliver(note("usr_1", 4090))
		}
		for l.hub.Deliver(note("usr_1", 1)) == 1 { // to the last byte
			delivered++
		}
		if lost := l.hub.Stats().LostMessages; delivered < 60 || lost < 30 {
			t.Errorf("%d delivered, %d counted as lost", delivered, lost)
		}
		for range 3 { // are answered, although the queue is full
			c.send(`{"type":"pong","id":"` + strings.Repeat("x", 60) + `"}`)
		}
		c.send(subscribe)
		time.Sleep(4 * time.Second)
		c.listen()
		if got := len(c.all("message")); got != delivered {
			t.Errorf("%d came of %d", got, delivered)
		}
		if n := len(c.all("ack")); n != 3 {
			t.Errorf("%d answers", n)
		}
		c.one("devices.snapshot")
		c.works()
		if n := l.hub.Deliver(note("usr_1", 4090)); n != 1 {
			t.Error("nothing is delivered any more")
		}
	})
}

// Answers may pile up to twice the bound; behind that is a client that floods and does not read.
func TestAnswersThatPileUp(t *testing.T) {
	inTime(t, Limits{QueueBytes: 500, FrameBurst: 1000, WriteTimeout: time.Hour}, func(t *testing.T, l *lab) {
		c := l.deaf(l.signIn("usr_1"))
		for range 50 {
			c.send(`{"type":"pong","id":"` + strings.Repeat("x", 60) + `"}`)
		}
		l.rest()
		if s := l.hub.Stats(); s.SlowConsumers != 1 || s.Connections != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// One message to many sockets is encoded once: what waits on them is the same bytes, and delivering allocates next to
// nothing per socket.
func TestMessageIsEncodedOnce(t *testing.T) {
	inTime(t, Limits{QueueBytes: 64 << 20, WriteTimeout: time.Hour}, func(t *testing.T, l *lab) {
		const sockets = 50
		for range sockets {
			l.deaf(l.signIn("usr_1"))
		}
		d := note("usr_1", 4000)
		l.hub.Deliver(d) // each is writing it, so that the next one waits
		l.rest()
		if n := l.hub.Deliver(d); n != sockets {
			t.Fatalf("delivered to %d", n)
		}
		seen := map[*byte]bool{}
		for _, c := range l.hub.all() {
			c.mu.Lock()
			waits := c.queue[len(c.queue)-1]
			c.mu.Unlock()
			if !bytes.Contains(waits, []byte(`"message"`)) {
				t.Fatalf("%s waits", waits)
			}
			seen[&waits[0]] = true
		}
		if len(seen) != 1 {
			t.Errorf("encoded %d times", len(seen))
		}
		if allocs := testing.AllocsPerRun(200, func() { l.hub.Deliver(d) }); allocs > sockets/2 {
			t.Errorf("%.1f allocations for %d sockets", allocs, sockets)
		}
	})
}

// The same with the kernel's buffers in between, which take megabytes before a write waits.
func TestSlowConsumerOverTCP(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second of real time")
	}
	l := overTCP(t, Limits{WriteTimeout: 500 * time.Millisecond})
	deaf, steady := l.signIn("usr_1"), l.signIn("usr_2")
	l.tcp(deaf)
	ws := l.tcp(steady)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for worst, sent := time.Duration(0), 0; l.hub.Connections("usr_1") > 0; sent++ {
		if ctx.Err() != nil {
			t.Fatalf("still open after %d messages", sent)
		}
		l.hub.Deliver(note("usr_1", 4090))
		began := time.Now()
		l.hub.Deliver(note("usr_2", 10))
		if _, _, err := ws.Read(ctx); err != nil {
			t.Fatal(err)
		}
		if worst = max(worst, time.Since(began)); worst > 400*time.Millisecond {
			t.Fatalf("the steady one waited %v", worst)
		}
	}
	if s := l.hub.Stats(); s.SlowConsumers != 1 {
		t.Errorf("%+v", s)
	}
}

// A client that resets its connection is gone at once.
func TestResetOverTCP(t *testing.T) {
	l := overTCP(t, Limits{})
	p := l.signIn("usr_1")
	var nc net.Conn
	dial := l.net
	l.net = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		nc = c
		return c, err
	}
	l.tcp(p)
	left := make(chan struct{})
	l.with(func() {
		l.onReport = func(n int) {
			if n == 0 {
				close(left)
			}
		}
	})
	nc.(*net.TCPConn).SetLinger(0)
	nc.Close()
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody noticed")
	}
}

// tcp connects in real time and reads the welcome.
func (l *lab) tcp(p Principal) *websocket.Conn {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	h := byToken(p.SessionID)
	transport := &http.Transport{DialContext: l.net}
	ws, _, err := websocket.Dial(ctx, "ws://hub/ws", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: h.protocols,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { ws.CloseNow() })
	if _, data, err := ws.Read(ctx); err != nil || !bytes.Contains(data, []byte(`"welcome"`)) {
		l.t.Fatalf("%s, %v", data, err)
	}
	return ws
}
