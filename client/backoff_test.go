package client

import (
	"testing"
	"time"
)

// TestJitterIsFull: every span is used from its beginning to its end, and none is longer than the cap.
func TestJitterIsFull(t *testing.T) {
	for failures, span := range map[int]time.Duration{1: 500 * time.Millisecond, 2: time.Second, 6: 16 * time.Second, 7: 30 * time.Second, 1000: 30 * time.Second} {
		least, most := span, time.Duration(0)
		for range 2000 {
			wait := jitter(failures)
			least, most = min(least, wait), max(most, wait)
		}
		if least > span/20 || most < span*19/20 || most >= span {
			t.Errorf("%d failures: waits from %s to %s, want 0 to %s", failures, least, most, span)
		}
	}
}

func TestBackoffForgetsWhatHeld(t *testing.T) {
	b := backoff{failures: 9}
	if b.next(loss{lived: time.Second}); b.failures != 10 {
		t.Errorf("a short life counts as failure: %d, want 10", b.failures)
	}
	if b.next(loss{lived: settled}); b.failures != 1 {
		t.Errorf("a long life begins anew: %d, want 1", b.failures)
	}
}
