package redis

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

func of(session string) func(presence.Change) bool {
	return func(c presence.Change) bool { return c.SessionID == session }
}

// settle waits until the node has heard all that was published before: a hint that comes last.
func settle(t *testing.T, from *observer, nodes ...*observer) {
	t.Helper()
	mark := fmt.Sprint("mark", from.hintsHad())
	if err := from.Publish(t.Context(), cluster.Hint{Kind: cluster.KindSession, SessionID: mark}); err != nil {
		t.Fatal(err)
	}
	for _, o := range nodes {
		servertest.Eventually(t, "the mark came", func() bool { return o.heard(mark) == 1 })
	}
}

func (o *observer) hintsHad() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.hints)
}

func (o *observer) heard(session string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, h := range o.hints {
		if h.SessionID == session {
			n++
		}
	}
	return n
}

// TestChangesGoWhereTheyMatter: to the nodes of the user and to those that watch, to each once.
func TestChangesGoWhereTheyMatter(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	nodes := lab(t, s.URL(), 3)
	a, b, c := nodes[0], nodes[1], nodes[2]
	report := func(session string) {
		t.Helper()
		a.Report("usr_1", session, 1)
		servertest.Eventually(t, session+" told to its node", func() bool { return a.told(of(session)) == 1 })
		settle(t, a, b, c)
	}
	check := func(session string, who *observer, n int) {
		t.Helper()
		if got := who.told(of(session)); got != n {
			t.Errorf("%s was told %d times, want %d", session, got, n)
		}
	}

	b.Report("usr_1", "ses_there", 1)
	servertest.Eventually(t, "b has the user", func() bool { return b.told(of("ses_there")) == 1 })
	report("ses_1")
	check("ses_1", b, 1)
	check("ses_1", c, 0)

	stopUser := c.Watch(t.Context(), "usr_1")
	stopAgain := c.Watch(t.Context(), "usr_1")
	report("ses_2")
	check("ses_2", c, 1)

	stopAll := c.WatchAll(t.Context())
	stopBoth := b.WatchAll(t.Context())
	report("ses_3")
	check("ses_3", c, 1)
	check("ses_3", b, 1)

	stopAll()
	stopAgain()
	stopBoth()
	report("ses_4")
	check("ses_4", c, 1)

	stopUser()
	stopUser()
	servertest.Eventually(t, "the watch ended", func() bool {
		n, err := client(t, s.URL()).PubSubNumSub(t.Context(), a.names.watch("usr_1")).Result()
		return err == nil && n[a.names.watch("usr_1")] == 0
	})
	report("ses_5")
	check("ses_5", c, 0)
	check("ses_5", b, 1)
}

// TestHintsGoWhereTheyMatter: ends go to every node, messages and renewals to those of the user.
func TestHintsGoWhereTheyMatter(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	nodes := lab(t, s.URL(), 3)
	nodes[1].Report("usr_1", "ses_1", 1)
	nodes[0].counts("usr_1", "ses_1", 1)
	for _, kind := range []string{cluster.KindMessage, cluster.KindRenewed, cluster.KindSession, cluster.KindUser} {
		if err := nodes[0].Publish(t.Context(), cluster.Hint{Kind: kind, UserID: "usr_1", SessionID: kind}); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, nodes[0], nodes...)
	for kind, want := range map[string][3]int{
		cluster.KindMessage: {1, 1, 0}, cluster.KindRenewed: {1, 1, 0}, cluster.KindSession: {1, 1, 1}, cluster.KindUser: {1, 1, 1},
	} {
		if got := [3]int{nodes[0].heard(kind), nodes[1].heard(kind), nodes[2].heard(kind)}; got != want {
			t.Errorf("%s was heard %v times, want %v", kind, got, want)
		}
	}
}

// TestScriptsLostInBetween: a server that forgot the scripts is sent them again, and nothing is lost by it.
func TestScriptsLostInBetween(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	nodes := lab(t, s.URL(), 2)
	if err := client(t, s.URL()).ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	nodes[0].Report("usr_1", "ses_1", 1)
	nodes[1].counts("usr_1", "ses_1", 1)
	if err := client(t, s.URL()).ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	settle(t, nodes[0], nodes[1])
}

// TestNodesDescribeThemselves: /admin/stats shows every living node.
func TestNodesDescribeThemselves(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	nodes := lab(t, s.URL(), 2)
	nodes[0].Report("usr_1", "ses_1", 3)
	servertest.Eventually(t, "both nodes know both", func() bool {
		for _, o := range nodes {
			got, err := o.Nodes(t.Context())
			if err != nil || len(got) != 2 || got[0].ID != nodes[0].ID() || got[0].Connections != 3 || got[1].Connections != 0 {
				return false
			}
			if got[0].StartedAt.IsZero() || got[0].StartedAt.After(got[1].StartedAt) {
				t.Fatalf("started at %v and %v", got[0].StartedAt, got[1].StartedAt)
			}
		}
		return true
	})
	if err := nodes[1].Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := nodes[0].Nodes(t.Context()); len(got) != 1 {
		t.Errorf("after one left: %+v", got)
	}
}

// TestGraceThatEndsElsewhere: the node whose grace ends first, as Redis has it, takes the fields of the others too. They
// believe it, though by their own clocks there is time left, and say so to those who ask them.
func TestGraceThatEndsElsewhere(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	quick := observe(t, open(t, Config{URL: s.URL(), Grace: testGrace, Lease: testLease}))
	slow := observe(t, open(t, Config{URL: s.URL(), Grace: time.Hour, Lease: testLease}))
	for _, o := range []*observer{quick, slow} {
		o.Report("usr_1", "ses_1", 1)
	}
	quick.counts("usr_1", "ses_1", 2)
	slow.Report("usr_1", "ses_1", 0)
	quick.counts("usr_1", "ses_1", 1)
	quick.Report("usr_1", "ses_1", 0)
	servertest.Eventually(t, "it is offline", func() bool { return slow.offlines("ses_1") == 1 && quick.offlines("ses_1") == 1 })
	if got, err := slow.Presence(t.Context(), "usr_1"); err != nil || len(got) != 0 {
		t.Errorf("the node that was overtaken says %v %v", got, err)
	}
	slow.totals(presence.Totals{})
	slow.Report("usr_1", "ses_1", 1)
	quick.counts("usr_1", "ses_1", 1)
}
