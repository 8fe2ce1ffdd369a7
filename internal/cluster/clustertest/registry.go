package clustertest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/presence"
)

func comesAndGoes(t *testing.T, nodes []*node) {
	n := nodes[0]
	before := time.Now()
	n.Report("usr_1", "ses_a", 1)
	n.want(t, "usr_1", "ses_a", online(1))
	state := presenceOf(t, n, "usr_1")["ses_a"]
	if !state.Online || state.Connections != 1 || state.LastSeen.Before(before.Add(-time.Minute)) {
		t.Errorf("state %+v", state)
	}
	n.Report("usr_1", "ses_a", 0)
	n.want(t, "usr_1", "ses_a", online(0))
	n.want(t, "usr_1", "ses_a", offline)
	if got := presenceOf(t, n, "usr_1"); len(got) != 0 {
		t.Errorf("after the grace: %v", got)
	}
	if got := totals(t, n); got != (presence.Totals{}) {
		t.Errorf("after the grace: %+v", got)
	}
}

// ownReportAtOnce: a node's answers never contradict what it has just reported itself.
func ownReportAtOnce(t *testing.T, nodes []*node) {
	n := nodes[0]
	for _, count := range []int{1, 3, 0, 2} {
		n.Report("usr_1", "ses_a", count)
		if got, ok := presenceOf(t, n, "usr_1")["ses_a"]; !ok || got.Connections != count {
			t.Errorf("reported %d, answered %+v", count, got)
		}
		several, err := n.PresenceOf(t.Context(), []string{"usr_1"})
		if got := several["usr_1"]["ses_a"]; err != nil || got.Connections != count {
			t.Errorf("reported %d, answered %+v, %v", count, got, err)
		}
	}
}

// reloadDoesNotFlap: the changes up to the last one hold no offline between.
func reloadDoesNotFlap(t *testing.T, nodes []*node) {
	n := nodes[0]
	for _, count := range []int{1, 0, 1, 0} {
		n.Report("usr_1", "ses_a", count)
	}
	n.want(t, "usr_1", "ses_a", online(1), online(0), online(1), online(0), offline)
}

func severalTabs(t *testing.T, nodes []*node) {
	n := nodes[0]
	for _, count := range []int{1, 2, 2, 3, 1} {
		n.Report("usr_1", "ses_a", count)
	}
	n.want(t, "usr_1", "ses_a", online(1), online(2), online(3), online(1))
	if got := totals(t, n); got != (presence.Totals{Users: 1, Sessions: 1, Connections: 1}) {
		t.Errorf("three tabs of which one is left: %+v", got)
	}
}

func manyUsers(t *testing.T, nodes []*node) {
	n := nodes[0]
	n.Report("usr_1", "ses_a", 1)
	n.Report("usr_1", "ses_b", 2)
	n.Report("usr_2", "ses_c", 1)
	for range 3 {
		n.next(t)
	}
	got, err := n.PresenceOf(t.Context(), []string{"usr_1", "usr_2", "usr_nobody"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || len(got["usr_1"]) != 2 || got["usr_1"]["ses_b"].Connections != 2 || !got["usr_2"]["ses_c"].Online {
		t.Errorf("PresenceOf = %v", got)
	}
	if got := totals(t, n); got != (presence.Totals{Users: 2, Sessions: 3, Connections: 4}) {
		t.Errorf("Totals = %+v", got)
	}
}

func forgottenUser(t *testing.T, nodes []*node) {
	n := nodes[0]
	n.Report("usr_1", "ses_a", 1)
	n.Report("usr_1", "ses_a", 0)
	last := n.want(t, "usr_1", "ses_a", online(1), online(0), offline)
	n.Report("usr_1", "ses_b", 1)
	if again := n.want(t, "usr_1", "ses_b", online(1)); again <= last {
		t.Errorf("seq %d after %d", again, last)
	}
}

// reportsRace lets sixteen devices of two users report at once. Each one's changes keep their order, and each user's
// seqs go up by one.
func reportsRace(t *testing.T, nodes []*node) {
	n := nodes[0]
	const devices, rounds = 16, 50
	var reporters sync.WaitGroup
	for i := range devices {
		user, session := fmt.Sprint("usr_", i%2), fmt.Sprint("ses_", i)
		reporters.Go(func() {
			for count := 1; count <= rounds; count++ {
				n.Report(user, session, count)
			}
		})
	}
	seqs, counts := map[string]int64{}, map[string]int{}
	for range devices * rounds {
		c := n.next(t)
		if last, seen := seqs[c.UserID]; seen && c.Seq != last+1 {
			t.Fatalf("%s: seq %d after %d", c.UserID, c.Seq, last)
		}
		if c.Connections != counts[c.SessionID]+1 {
			t.Fatalf("%s: count %d after %d", c.SessionID, c.Connections, counts[c.SessionID])
		}
		seqs[c.UserID], counts[c.SessionID] = c.Seq, c.Connections
	}
	reporters.Wait()
	if got := totals(t, n); got != (presence.Totals{Users: 2, Sessions: devices, Connections: devices * rounds}) {
		t.Errorf("Totals = %+v", got)
	}
}

// threeOverTwo gives a session two connections on the first node and one on the second.
func threeOverTwo(t *testing.T, nodes []*node) {
	t.Helper()
	nodes[0].Report("usr_1", "ses_a", 2)
	nodes[0].want(t, "usr_1", "ses_a", online(2))
	nodes[1].Report("usr_1", "ses_a", 1)
	nodes[0].want(t, "usr_1", "ses_a", online(3))
}

func countsAddUp(t *testing.T, nodes []*node) {
	threeOverTwo(t, nodes)
	for i, n := range nodes {
		if got := presenceOf(t, n, "usr_1")["ses_a"].Connections; got != 3 {
			t.Errorf("node %d counts %d, want 3", i, got)
		}
	}
}

// movesBetweenNodes: a socket that reconnects to another node within the grace is never offline.
func movesBetweenNodes(t *testing.T, nodes []*node) {
	nodes[0].Report("usr_1", "ses_a", 1)
	nodes[0].want(t, "usr_1", "ses_a", online(1))
	nodes[0].Report("usr_1", "ses_a", 0)
	nodes[0].want(t, "usr_1", "ses_a", online(0))
	nodes[1].Report("usr_1", "ses_a", 1)
	nodes[1].Report("usr_1", "ses_a", 0)
	for _, step := range []presence.State{online(1), online(0), offline} {
		for c := nodes[1].next(t); ; c = nodes[1].next(t) { // may have been told of the first node's steps before
			if c.Online == step.Online && c.Connections == step.Connections {
				break
			}
			if !c.Online {
				t.Fatalf("offline in between: %+v", c)
			}
		}
	}
}

func closesTwice(t *testing.T, nodes []*node) {
	nodes[0].Report("usr_1", "ses_a", 1)
	for range 2 {
		if err := nodes[0].Close(); err != nil {
			t.Fatal(err)
		}
	}
	nodes[0].Report("usr_1", "ses_a", 2)
	nodes[0].want(t, "usr_1", "ses_a", online(1))
	if n := len(nodes[0].changes); n != 0 {
		t.Errorf("%d changes told after Close", n)
	}
}

func presenceOf(t *testing.T, n *node, user string) map[string]presence.State {
	t.Helper()
	got, err := n.Presence(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func totals(t *testing.T, n *node) presence.Totals {
	t.Helper()
	got, err := n.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}
