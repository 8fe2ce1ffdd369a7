package keyset

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func TestThreat05_RotationOnOneNodeIsKeptToByTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		a, b := loaded(t, store), loaded(t, store)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()

		old := sign(t, b)
		if err := a.Rotate(ctx); err != nil {
			t.Fatal(err)
		}
		if err := verify(b, sign(t, a)); err != nil {
			t.Errorf("token of the new key on a node that has not heard of it: %v", err)
		}
		if err := verify(a, sign(t, b)); err != nil {
			t.Errorf("token of the old key right after the rotation: %v", err)
		}
		time.Sleep(ttl - time.Second)
		if errA, errB := verify(a, old), verify(b, old); errA != nil || errB != nil {
			t.Errorf("token of the old key before its end: %v, %v", errA, errB)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for name, s := range map[string]*Service{"a": a, "b": b} {
			if err := verify(s, old); !errors.Is(err, fault.ErrInvalidToken) {
				t.Errorf("node %s after the withdrawal: %v, want invalid_token", name, err)
			}
		}
		if rec, _ := store.Keyset(ctx); len(rec.Keys) != 2 {
			t.Errorf("record holds %d keys after the withdrawal, want current and next", len(rec.Keys))
		}
		cancel()
		<-done
	})
}
