package redis

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// idle is what a node holds of sessions that came in one storm, each of its own user, and were written. Their ids are
// the caller's, who keeps them for as long as the connection.
func idle(users, sessions []string) *holdings {
	h := newHoldings(3 * time.Second)
	for i := range users {
		h.report(users[i], sessions[i], 1, time.Now())
	}
	for batch := h.take(reportBatch); len(batch) > 0; batch = h.take(reportBatch) {
		for _, e := range batch {
			h.written(e)
		}
	}
	return h
}

// heapOfASession is the live heap of a session that is online and does nothing, in bytes.
func heapOfASession() float64 {
	return servertest.HeapOfASession(func(users, sessions []string) any { return idle(users, sessions) })
}

func BenchmarkHeld(b *testing.B) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(heapOfASession(), "heap-bytes/session")
}

// TestAnIdleSessionIsSmall: it is not parallel, so that nobody else makes anything meanwhile.
func TestAnIdleSessionIsSmall(t *testing.T) {
	const most = 160 // bytes: 80 of the device, and a place in a map that may be half empty
	if size := heapOfASession(); size > most {
		t.Errorf("a session that is online takes %.0f bytes, want %d at most", size, most)
	}
}

// TestDevicesOfAUser: they come and go in any order, and nothing stays of who left.
func TestDevicesOfAUser(t *testing.T) {
	t.Parallel()
	sessions := []string{"ses_a", "ses_b", "ses_c"}
	for _, leaves := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}} {
		h, now := newHoldings(time.Second), time.Now()
		for _, s := range sessions {
			h.report("usr_1", s, 1, now)
		}
		left := slices.Clone(sessions)
		for _, i := range leaves {
			now = now.Add(time.Minute)
			h.report("usr_1", sessions[i], 0, now)
			h.expire(now.Add(time.Second))
			left = slices.DeleteFunc(left, func(s string) bool { return s == sessions[i] })
			if got := slices.Sorted(maps.Keys(h.of("usr_1"))); !slices.Equal(got, left) {
				t.Fatalf("after %v: %v, want %v", leaves, got, left)
			}
		}
		if connections, empty := h.count(); connections != 0 || !empty {
			t.Errorf("after all left: %d connections, empty %v", connections, empty)
		}
		if batch := h.take(10); len(batch) != 0 || h.queue != nil {
			t.Errorf("to write: %+v", batch)
		}
	}
}
