package account

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestQueueOfTheHasherIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(1, 2)
		h.slots <- struct{}{} // somebody hashes
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error)
		for range 2 {
			go func() {
				_, err := h.Hash(ctx, "rosenkohl")
				waiting <- err
			}()
		}
		synctest.Wait()
		if n := h.Waiting(); n != 2 {
			t.Fatalf("%d wait", n)
		}
		if _, err := h.Hash(t.Context(), "rosenkohl"); !errors.Is(err, ErrBusy) {
			t.Errorf("the third in a queue of two: %v", err)
		}
		if hashes, refused := h.Counts(); hashes != 0 || refused != 1 {
			t.Errorf("%d hashes and %d refused, want none and one", hashes, refused)
		}
		cancel()
		for range 2 {
			if err := <-waiting; !errors.Is(err, ErrBusy) || !errors.Is(err, context.Canceled) {
				t.Errorf("waited until its caller left: %v", err)
			}
		}
		<-h.slots
		if _, err := h.Hash(t.Context(), "rosenkohl"); err != nil || h.Waiting() != 0 {
			t.Errorf("after the rush: %v, %d wait", err, h.Waiting())
		}
	})
}

func TestWhoWaitsForASlotGetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(1, 2)
		h.slots <- struct{}{}
		done := make(chan error)
		go func() {
			_, _, err := h.Verify(t.Context(), "", "rosenkohl")
			done <- err
		}()
		synctest.Wait()
		<-h.slots
		if err := <-done; err != nil {
			t.Error(err)
		}
		if hashes, refused := h.Counts(); hashes != 1 || refused != 0 || h.Waiting() != 0 {
			t.Errorf("%d hashes, %d refused, %d wait", hashes, refused, h.Waiting())
		}
	})
}
