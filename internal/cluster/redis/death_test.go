package redis

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// mortal is a lab whose first node can be cut off from Redis.
func mortal(t *testing.T, url, addr string, others int) (*observer, *servertest.Proxy, []*observer) {
	t.Helper()
	p := servertest.StartProxy(t, addr)
	victim := observe(t, open(t, Config{URL: "redis://" + p.Addr(), Grace: testGrace, Lease: testLease}))
	rest := lab(t, url, others)
	mayReap(t, rest...)
	return victim, p, rest
}

// mayReap waits until the nodes' leases have held for a whole period.
func mayReap(t *testing.T, nodes ...*observer) {
	t.Helper()
	for _, o := range nodes {
		servertest.Eventually(t, "the node may reap", func() bool {
			o.leases.mu.Lock()
			defer o.leases.mu.Unlock()
			return o.leases.mayReapLocked()
		})
	}
}

// TestDeadNode: its devices go offline within the lease, each once although all survivors would reap, and devices that
// are elsewhere too stay.
func TestDeadNode(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	victim, p, rest := mortal(t, s.URL(), s.Addr(), 3)
	const users = 300
	for i := range users {
		victim.Report(fmt.Sprint("usr_", i), fmt.Sprint("ses_", i), 1)
	}
	victim.Report("usr_0", "ses_both", 2)
	rest[0].Report("usr_0", "ses_both", 1)
	rest[1].totals(presence.Totals{Users: users, Sessions: users + 1, Connections: users + 3})
	rest[1].WatchAll(t.Context())
	rest[2].WatchAll(t.Context())

	p.Sever(true)
	cut := time.Now()
	rest[1].totals(presence.Totals{Users: 1, Sessions: 1, Connections: 1})
	if took := time.Since(cut); took < testLease/2 || took > testLease+2*time.Second {
		t.Errorf("gone after %s, with a lease of %s", took, testLease)
	}
	settle(t, rest[0], rest...)
	for i := range users {
		session := fmt.Sprint("ses_", i)
		if a, b := rest[1].offlines(session), rest[2].offlines(session); a != 1 || b != 1 {
			t.Fatalf("%s went offline %d and %d times", session, a, b)
		}
	}
	if n := rest[1].offlines("ses_both"); n != 0 {
		t.Error("a device went offline that is on another node")
	}
	rest[2].counts("usr_0", "ses_both", 1)
	var reaped int64
	for _, o := range rest {
		reaped += o.Stats().Reaped
	}
	if reaped != users+1 {
		t.Errorf("%d sessions were reaped, want %d", reaped, users+1)
	}
}

// TestDeadNodesDoNotCount: before anybody has reaped, answers leave them out.
func TestDeadNodesDoNotCount(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	node := lab(t, s.URL(), 1)[0]
	db := client(t, s.URL())
	node.Report("usr_1", "ses_1", 1)
	node.counts("usr_1", "ses_1", 1)
	if err := db.HSet(t.Context(), node.names.user("usr_1"), "ses_1|nod_lost", "5 1", "ses_2|nod_lost", "1 1").Err(); err != nil {
		t.Fatal(err)
	}
	node.counts("usr_1", "ses_1", 1)
	node.counts("usr_1", "ses_2", -1)
}

// TestNodeThatWasTakenForDead takes a new id and registers everything anew; what the old one left is gone.
func TestNodeThatWasTakenForDead(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	victim, p, rest := mortal(t, s.URL(), s.Addr(), 1)
	first := victim.ID()
	victim.Report("usr_1", "ses_1", 2)
	victim.Report("usr_1", "ses_2", 1)
	rest[0].counts("usr_1", "ses_1", 2)
	p.Sever(true)
	rest[0].counts("usr_1", "ses_1", -1)
	victim.Report("usr_1", "ses_2", 0) // leaves meanwhile
	victim.counts("usr_1", "ses_1", 2) // answers for itself
	p.Sever(false)
	rest[0].counts("usr_1", "ses_1", 2)
	rest[0].totals(presence.Totals{Users: 1, Sessions: 1, Connections: 2})
	if victim.ID() == first {
		t.Error("the node kept the id under which it was reaped")
	}
	servertest.Eventually(t, "the node is healthy again", victim.Healthy)
	left := client(t, s.URL()).Keys(t.Context(), "*"+first+"*").Val()
	if len(left) != 0 {
		t.Errorf("of the old id there is left: %v", left)
	}
}

// TestReaperThatDies: what it has begun somebody else ends.
func TestReaperThatDies(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	victim, p, rest := mortal(t, s.URL(), s.Addr(), 2)
	for i := range 10 {
		victim.Report(fmt.Sprint("usr_", i), fmt.Sprint("ses_", i), 1)
	}
	rest[0].totals(presence.Totals{Users: 10, Sessions: 10, Connections: 10})
	p.Sever(true)
	// Another reaper takes the lease as soon as it has run out, removes a little and is heard of no more.
	for _, o := range rest {
		o.reaping.Store(true)
	}
	keys := []string{victim.names.leases(), victim.names.records()}
	servertest.Eventually(t, "the lease is taken", func() bool {
		n, err := claimScript.Run(t.Context(), rest[0].db, keys, rest[0].ID(), victim.ID(), victim.ID(), testLease.Microseconds()).Int()
		return err == nil && n == 1
	})
	if _, err := rest[0].reapSome(t.Context(), partOf("usr_3"), victim.ID()); err != nil {
		t.Fatal(err)
	}
	for _, o := range rest {
		o.reaping.Store(false)
	}
	rest[1].totals(presence.Totals{})
}

// TestRedisThatSleeps: when it wakes, all leases have run out and nobody is dead.
func TestRedisThatSleeps(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	nodes := lab(t, s.URL(), 3)
	ids := map[string]bool{}
	for i, o := range nodes {
		ids[o.ID()] = true
		o.WatchAll(t.Context())
		o.Report("usr_1", fmt.Sprint("ses_", i), 1)
	}
	nodes[0].totals(presence.Totals{Users: 1, Sessions: 3, Connections: 3})
	s.Signal(syscall.SIGSTOP)
	began := time.Now()
	servertest.Eventually(t, "the bus is known to be unhealthy", func() bool { return !nodes[0].Healthy() && !nodes[1].Healthy() })
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("that took %s", took)
	}
	servertest.Eventually(t, "Redis slept longer than the lease", func() bool { return time.Since(began) > 2*testLease })
	nodes[0].Report("usr_1", "ses_0", 2)
	s.Signal(syscall.SIGCONT)
	for _, o := range nodes {
		servertest.Eventually(t, "healthy", o.Healthy)
	}
	mayReap(t, nodes...)
	nodes[0].totals(presence.Totals{Users: 1, Sessions: 3, Connections: 4})
	for i, o := range nodes {
		if !ids[o.ID()] {
			t.Errorf("node %d has a new id", i)
		}
		for _, session := range []string{"ses_0", "ses_1", "ses_2"} {
			if o.offlines(session) > 0 {
				t.Errorf("node %d was told that %s is offline", i, session)
			}
		}
	}
}

// TestDrainedNode hands its lease back: what moved is never offline, what did not is so right after the grace.
func TestDrainedNode(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	leaver, _, rest := mortal(t, s.URL(), s.Addr(), 2)
	rest[1].WatchAll(t.Context())
	leaver.Report("usr_1", "ses_moves", 1)
	leaver.Report("usr_1", "ses_stays", 1)
	rest[0].counts("usr_1", "ses_moves", 1)
	rest[0].counts("usr_1", "ses_stays", 1)
	leaver.Report("usr_1", "ses_moves", 0)
	leaver.Report("usr_1", "ses_stays", 0)
	if err := leaver.Close(); err != nil {
		t.Fatal(err)
	}
	left := time.Now()
	rest[0].Report("usr_1", "ses_moves", 1)
	servertest.Eventually(t, "offline", func() bool { return rest[1].offlines("ses_stays") == 1 })
	if took := time.Since(left); took > testGrace+testLease/2 {
		t.Errorf("offline after %s, with a grace of %s", took, testGrace)
	}
	rest[1].totals(presence.Totals{Users: 1, Sessions: 1, Connections: 1})
	settle(t, rest[0], rest...)
	if n := rest[1].offlines("ses_moves"); n != 0 {
		t.Errorf("the device that moved went offline %d times", n)
	}
}

// TestNothingIsLeft: when everybody has gone, Redis is empty but for the living node's lease.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	nodes := lab(t, s.URL(), 2)
	for i := range 50 {
		nodes[i%2].Report(fmt.Sprint("usr_", i%7), fmt.Sprint("ses_", i), 1+i%3)
	}
	for i := range 50 {
		nodes[i%2].Report(fmt.Sprint("usr_", i%7), fmt.Sprint("ses_", i), 0)
	}
	nodes[0].totals(presence.Totals{})
	if err := nodes[1].Close(); err != nil {
		t.Fatal(err)
	}
	db := client(t, s.URL())
	var keys []string
	servertest.Eventually(t, "only totals of 0, lease and record are left", func() bool {
		keys = db.Keys(t.Context(), "*:user:*").Val()
		return len(keys) == 0 && len(db.Keys(t.Context(), "*:node:*").Val()) == 0
	})
	if leases := db.ZRange(t.Context(), nodes[0].names.leases(), 0, -1).Val(); len(leases) != 1 || leases[0] != nodes[0].ID() {
		t.Errorf("leases: %v", leases)
	}
	if records := db.HKeys(t.Context(), nodes[0].names.records()).Val(); len(records) != 1 {
		t.Errorf("records: %v", records)
	}
}
