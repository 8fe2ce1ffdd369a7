package presence

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// crowd is the presence of sessions each of its own user, whose ids are the caller's.
func crowd(users, sessions []string) *Users {
	u := New(3 * time.Second)
	for i := range users {
		u.Report(users[i], sessions[i], "node", 1, time.Now())
	}
	return u
}

// heapOfASession is the live heap of a session that is online and does nothing, in bytes.
func heapOfASession() float64 {
	return servertest.HeapOfASession(func(users, sessions []string) any { return crowd(users, sessions) })
}

func BenchmarkMemory(b *testing.B) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(heapOfASession(), "heap-bytes/session")
}

// TestAnIdleSessionIsSmall: it is not parallel, so that nobody else makes anything meanwhile.
func TestAnIdleSessionIsSmall(t *testing.T) {
	const most = 240 // bytes: 80 of the device, 24 of its node, 32 of the user, and a place in a map that may be half empty
	if size := heapOfASession(); size > most {
		t.Errorf("a session that is online takes %.0f bytes, want %d at most", size, most)
	}
}
