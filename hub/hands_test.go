package hub

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
)

// Tasks that come one after the other are one goroutine's, as many as come at once have one each, and of those only so
// many wait for more. None outlives the hub.
func TestHandsAreReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Config{})
		c := &conn{hub: h}
		waiting := func() int { return int(h.hands.spare.Load()) }
		for range 100 {
			c.hand(func(*conn) {})
			synctest.Wait()
		}
		if n := waiting(); n != 1 {
			t.Errorf("%d wait after tasks that came one by one", n)
		}
		var busy sync.WaitGroup
		gate := make(chan struct{})
		for range 3 * spareHands {
			busy.Add(1)
			c.hand(func(*conn) { busy.Done(); <-gate })
		}
		busy.Wait() // all at once
		close(gate)
		synctest.Wait()
		if n := waiting(); n != spareHands {
			t.Errorf("%d wait after many tasks", n)
		}
		if err := h.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := waiting(); n != 0 {
			t.Errorf("%d outlive the hub", n)
		}
	})
}
