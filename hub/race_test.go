package hub

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// A session ends while its sockets come in, 500 times, in real concurrency: by token or by a first frame, before, while
// and after they register. No ended session keeps a socket.
func TestSessionEndedAgainstHandshakes(t *testing.T) {
	ln := newPipes()
	l := newLab(t, Limits{Unauthenticated: 1 << 20}, ln, ln.dial, nil)
	rounds := 500
	if testing.Short() {
		rounds = 50
	}
	outcomes := map[websocket.StatusCode]int{}
	for round := range rounds {
		p := l.signIn("usr_1")
		const sockets = 3
		codes := make(chan websocket.StatusCode, sockets)
		var start, all sync.WaitGroup
		start.Add(1)
		for i := range sockets {
			all.Go(func() {
				start.Wait()
				codes <- l.untilClosed(p, i%2 == 0)
			})
		}
		all.Go(func() {
			start.Wait()
			for range round % 100 {
				runtime.Gosched()
			}
			l.end(p, "kicked")
		})
		start.Done()
		all.Wait()
		for range sockets {
			code := <-codes
			outcomes[code]++
			if code != websocket.StatusCode(wire.CloseKicked) {
				t.Fatalf("round %d: a socket of an ended session was closed with %d", round, code)
			}
		}
		if n := l.hub.Connections("usr_1"); n != 0 {
			t.Fatalf("round %d: %d sockets of ended sessions", round, n)
		}
	}
	h := l.hub.Stats().Handshakes
	t.Logf("closes %v; handshakes %v", outcomes, h)
	if h["ok"] == 0 || h["session_revoked"] == 0 {
		t.Error("the end always came first or always last: nothing raced")
	}
}

// untilClosed connects and reads until the socket is closed. One that stays open fails by its deadline.
func (l *lab) untilClosed(p Principal, byFirstFrame bool) websocket.StatusCode {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	h := byToken(p.SessionID)
	if byFirstFrame {
		h = bare()
	}
	transport := &http.Transport{DialContext: l.net}
	defer transport.CloseIdleConnections()
	ws, _, err := websocket.Dial(ctx, "ws://hub/ws", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: h.protocols,
	})
	if err != nil {
		return 0
	}
	defer ws.CloseNow()
	if byFirstFrame {
		ws.Write(ctx, websocket.MessageText, []byte(authFrame(p.SessionID)))
	}
	for {
		if _, _, err := ws.Read(ctx); err != nil {
			var ce websocket.CloseError
			if errors.As(err, &ce) {
				return ce.Code
			}
			return -1
		}
	}
}

// Everything at once, for the race detector and for the invariants: each call of the hub from its own goroutine,
// against sockets that come, speak and go.
func TestEverythingAtOnce(t *testing.T) {
	ln := newPipes()
	l := newLab(t, Limits{Unauthenticated: 1 << 20, FrameBurst: 1 << 20}, ln, ln.dial, nil)
	ctx, stop := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer stop()
	var all sync.WaitGroup
	again := func(do func()) {
		all.Go(func() {
			for ctx.Err() == nil {
				do()
				runtime.Gosched()
			}
		})
	}
	p := l.signIn("usr_1")
	for range 4 {
		again(func() { l.speak(ctx, p) })
	}
	again(func() {
		short := l.signIn("usr_1")
		all.Go(func() { l.speak(ctx, short) })
		l.end(short, "kicked")
	})
	again(func() { l.edit(p.SessionID, func(s *wire.Session) { s.Name = time.Now().String() }) })
	again(func() { l.hub.PresenceChanged("usr_1") })
	again(func() { l.hub.Deliver(note("usr_1", 100)) })
	again(func() { l.hub.CloseAll(wire.CloseRestart) })
	for epoch := 1; ctx.Err() == nil; epoch++ {
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: [][]string{{"user"}, {"user", "admin"}}[epoch%2], Epoch: epoch})
		l.hub.SessionRenewed(Renewal{UserID: p.UserID, SessionID: p.SessionID, Issued: time.Now(), Expires: time.Now().Add(time.Hour), Epoch: epoch})
		l.hub.Stats()
	}
	all.Wait()
	closing, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := l.hub.Shutdown(closing); err != nil {
		t.Error(err)
	}
	l.check()
}

// speak is one short life of a socket.
func (l *lab) speak(ctx context.Context, p Principal) {
	ws, _, err := websocket.Dial(ctx, "ws://hub/ws", &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: &http.Transport{DialContext: l.net, DisableKeepAlives: true}},
		Subprotocols: byToken(p.SessionID).protocols,
	})
	if err != nil {
		return
	}
	defer ws.CloseNow()
	for _, text := range []string{subscribe, `{"type":"message","to":"devices","name":"x"}`, authFrame(p.SessionID), nothing, subscribe} {
		ws.Write(ctx, websocket.MessageText, []byte(text))
		if _, _, err := ws.Read(ctx); err != nil {
			return
		}
	}
}
