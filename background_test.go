package gatehouse

import "testing"

func TestMemoryGoesBackOnceAStormIsOver(t *testing.T) {
	var w weather
	for i, look := range []struct {
		handshakes uint64
		clears     bool
	}{
		{50, false}, {100, false}, {199, false}, // a drizzle
		{5000, false}, {9000, false}, {9050, true}, {9060, false},
		{9999, false}, {10_060, true}, {10_060, false}, // no calm in between: one storm

	} {
		if got := w.clears(look.handshakes); got != look.clears {
			t.Errorf("look %d, after %d handshakes: %t", i, look.handshakes, got)
		}
	}
}
