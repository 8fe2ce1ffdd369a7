package revocation

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// heapOfASignIn is the live heap of what is known of a user and a session that were made lately, with their ids.
func heapOfASignIn() float64 {
	const n = 50_000
	return servertest.HeapOf(func() any {
		m := NewMemory()
		for range n {
			c := Change{At: epoch, Version: 1, UserID: id.New(id.User), Epoch: 1, Roles: []string{"user"}, Methods: []string{}}
			m.put(c)
			m.put(Change{At: epoch, Version: 1, UserID: id.New(id.User), SessionID: id.New(id.Session), AAL: 1})
		}
		return m
	}) / n
}

func BenchmarkMemory(b *testing.B) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(heapOfASignIn(), "heap-bytes/sign-in")
}

// TestASignInIsSmall: it is not parallel, so that nobody else makes anything meanwhile.
func TestASignInIsSmall(t *testing.T) {
	const most = 340 // bytes: two ids, and two places in a map that may be half empty
	if size := heapOfASignIn(); size > most {
		t.Errorf("a sign-in takes %.0f bytes, want %d at most", size, most)
	}
}
