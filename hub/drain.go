package hub

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// drainPatience is how long Shutdown waits for goroutines that its context no longer allows.
const drainPatience = 2 * time.Second

// Shutdown drains the hub. Handshakes are refused from now on; every socket is told to reconnect and closed with
// 1012, the closes spread over DrainWindow. It returns when all goroutines of the hub are gone. When ctx ends
// first, what is left is closed at once, and ctx's error returned if even that does not end them.
func (h *Hub) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.closing.Store(true)
	h.mu.Unlock()
	conns := h.all()
	rand.Shuffle(len(conns), func(i, j int) { conns[i], conns[j] = conns[j], conns[i] })

	began := time.Now()
	for i, c := range conns {
		if c.ended() {
			continue // nobody waits for who has left
		}
		share := float64(i) / float64(len(conns))
		sleepUntil(ctx, began.Add(time.Duration(share*float64(h.limits.DrainWindow))))
		c.restart()
	}
	return h.wait(ctx)
}

// wait waits for the goroutines of the hub.
func (h *Hub) wait(ctx context.Context) error {
	defer h.rest()
	done := make(chan struct{})
	go func() {
		h.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	h.cancel()
	patience := time.NewTimer(drainPatience)
	defer patience.Stop()
	select {
	case <-done:
		return nil
	case <-patience.C:
		return ctx.Err()
	}
}

// rest ends what serves sockets, once there are none.
func (h *Hub) rest() {
	h.cancel()
	h.poll.close()
	h.hands.close()
}

func sleepUntil(ctx context.Context, t time.Time) {
	d := time.Until(t)
	if d <= 0 || ctx.Err() != nil {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// reconnect asks a client to come back, at a time of its own.
func (h *Hub) reconnect() wire.Reconnect {
	after := rand.N(h.limits.ReconnectSpread + 1)
	return wire.Reconnect{Type: wire.TypeReconnect, AfterMS: after.Milliseconds()}
}

// CloseAll closes every socket at once, each told why: reconnect before 1012, an error of the code's name before
// any other. New handshakes are Admit's and Standing's to refuse.
func (h *Hub) CloseAll(code wire.CloseCode) {
	for _, c := range h.all() {
		switch {
		case code == wire.CloseRestart:
			c.restart()
		case !c.endWithSession():
			c.fail(*endingNamed(code), "")
		}
	}
}
