package redis

import (
	"slices"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// TestStepsThatPiledUp: what one node reports of a session at once is one write, and yet everybody is told every step,
// under numbers that go up by one. What says nothing new is none.
func TestStepsThatPiledUp(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	nodes := lab(t, s.URL(), 2)
	watcher := lab(t, s.URL(), 1)[0]
	watcher.Watch(t.Context(), "usr_1")
	nodes[1].Report("usr_1", "ses_1", 2)
	watcher.counts("usr_1", "ses_1", 2)

	d := &device{user: "usr_1", session: "ses_1"}
	steps := []int{1, 1, 0, 3, 3, 2, 5}
	if _, err := nodes[0].write([]entry{{d: d, user: d.user, session: d.session, steps: steps}}); err != nil {
		t.Fatal(err)
	}
	want := []int{2, 3, 2, 5, 4, 7}
	for _, o := range append(nodes, watcher) {
		var got []int
		servertest.Eventually(t, "every step is told", func() bool {
			got = nil
			var last int64
			o.told(func(c presence.Change) bool {
				if last != 0 && c.Seq != last+1 {
					t.Fatalf("seq %d after %d", c.Seq, last)
				}
				last, got = c.Seq, append(got, c.Connections)
				return true
			})
			return len(got) > 0 && got[len(got)-1] == 7
		})
		if got = got[max(0, len(got)-len(want)):]; !slices.Equal(got, want) && !slices.Equal(got, want[1:]) {
			t.Errorf("told %v, want %v", got, want)
		}
	}
	watcher.totals(presence.Totals{Users: 1, Sessions: 1, Connections: 7})
}
