package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// TestRedisRestartsEmpty: meanwhile each node answers for itself and delivers to itself; afterwards all is registered
// again, without anybody going offline, and the owner was told of the gap.
func TestRedisRestartsEmpty(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	nodes := lab(t, s.URL(), 2)
	a, b := nodes[0], nodes[1]
	a.Report("usr_1", "ses_1", 2)
	b.Report("usr_1", "ses_2", 1)
	a.totals(presence.Totals{Users: 1, Sessions: 2, Connections: 3})
	lastSeq := lastSeqOf(a, "usr_1")
	gaps := a.gapsTold()

	s.Kill()
	servertest.Eventually(t, "the loss is noticed", func() bool { return !a.Healthy() && !b.Healthy() })
	a.counts("usr_1", "ses_1", 2)
	a.counts("usr_1", "ses_2", -1)
	a.totals(presence.Totals{Users: 1, Sessions: 1, Connections: 2})
	if nodes, _ := a.Nodes(t.Context()); len(nodes) != 1 || nodes[0].Connections != 2 {
		t.Errorf("nodes: %+v", nodes)
	}
	if err := a.Publish(t.Context(), cluster.Hint{Kind: cluster.KindSession, SessionID: "ended"}); err != nil || a.heard("ended") != 1 {
		t.Errorf("publish: %v, heard %d times", err, a.heard("ended"))
	}
	if n, err := a.Send(t.Context(), cluster.Hint{Kind: cluster.KindMessage, UserID: "usr_1", SessionID: "sent"}); n != 2 || !errors.Is(err, cluster.ErrPartial) || a.heard("sent") != 1 {
		t.Errorf("sent to %d connections, %v, heard %d times", n, err, a.heard("sent"))
	}
	a.Report("usr_1", "ses_3", 1)
	servertest.Eventually(t, "this node's own changes are told", func() bool {
		return a.told(func(c presence.Change) bool { return c.SessionID == "ses_3" && c.Online && c.Seq == 0 }) == 1
	})
	a.Report("usr_1", "ses_4", 1)
	a.Report("usr_1", "ses_4", 0)
	servertest.Eventually(t, "a grace ends without Redis", func() bool { return a.offlines("ses_4") == 1 })

	s.Start()
	a.totals(presence.Totals{Users: 1, Sessions: 3, Connections: 4})
	b.counts("usr_1", "ses_3", 1)
	for _, o := range nodes {
		servertest.Eventually(t, "healthy", o.Healthy)
	}
	if a.gapsTold() <= gaps {
		t.Error("the owner was not told of the gap")
	}
	for _, session := range []string{"ses_1", "ses_2", "ses_3"} {
		if a.offlines(session)+b.offlines(session) > 0 {
			t.Errorf("%s went offline", session)
		}
	}
	if again := lastSeqOf(a, "usr_1"); again <= lastSeq {
		t.Errorf("seq %d after %d", again, lastSeq)
	}
}

func lastSeqOf(o *observer, user string) (seq int64) {
	o.told(func(c presence.Change) bool {
		if c.UserID == user {
			seq = max(seq, c.Seq)
		}
		return true
	})
	return seq
}

// TestRedisRestartsWithOldData: what left since the snapshot leaves again, what came is there, and nothing is counted
// twice.
func TestRedisRestartsWithOldData(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	nodes := lab(t, s.URL(), 2)
	a, b := nodes[0], nodes[1]
	b.WatchAll(t.Context())
	a.Report("usr_1", "ses_stays", 1)
	a.Report("usr_1", "ses_grows", 1)
	a.Report("usr_2", "ses_leaves", 1)
	b.totals(presence.Totals{Users: 2, Sessions: 3, Connections: 3})
	if err := client(t, s.URL()).Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	a.Report("usr_1", "ses_grows", 2)
	a.Report("usr_2", "ses_leaves", 0)
	a.Report("usr_3", "ses_comes", 1)
	b.totals(presence.Totals{Users: 2, Sessions: 3, Connections: 4})
	first := a.ID()
	s.Kill()
	s.Start()
	b.totals(presence.Totals{Users: 2, Sessions: 3, Connections: 4})
	b.counts("usr_2", "ses_leaves", -1)
	b.counts("usr_1", "ses_grows", 2)
	servertest.Eventually(t, "watchers are told again that it left", func() bool { return b.offlines("ses_leaves") >= 1 })
	if a.ID() != first {
		t.Error("the lease was there, yet the node took a new id")
	}
}

// TestRedisUnreachableAtStart: a node opens, serves itself, and joins when Redis comes.
func TestRedisUnreachableAtStart(t *testing.T) {
	t.Parallel()
	s := servertest.NewRedis(t)
	began := time.Now()
	o := observe(t, openNow(t, Config{URL: s.URL(), Grace: testGrace, Lease: testLease}))
	o.Report("usr_1", "ses_1", 1)
	o.counts("usr_1", "ses_1", 1)
	if err := o.Publish(t.Context(), cluster.Hint{SessionID: "ses_1"}); err != nil || o.heard("ses_1") != 1 {
		t.Errorf("publish: %v", err)
	}
	if took := time.Since(began); took > dialTimeout {
		t.Errorf("that took %s", took)
	}
	if o.Healthy() {
		t.Error("healthy without Redis")
	}
	s.Start()
	servertest.Eventually(t, "healthy", o.Healthy)
	observe(t, open(t, Config{URL: s.URL(), Grace: testGrace, Lease: testLease})).counts("usr_1", "ses_1", 1)
}

// TestNothingBlocksWhenRedisHangs: reports and hints do not wait at all, answers a second at most, and not that long
// once the hang is known. Closing is bounded too.
func TestNothingBlocksWhenRedisHangs(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	o := lab(t, s.URL(), 1)[0]
	s.Signal(syscall.SIGSTOP)
	within := func(what string, limit time.Duration, f func()) {
		t.Helper()
		began := time.Now()
		if f(); time.Since(began) > limit {
			t.Errorf("%s took %s", what, time.Since(began))
		}
	}
	within("10,000 reports and hints", 5*time.Second, func() {
		for i := range 5000 {
			o.Report("usr_1", fmt.Sprint("ses_", i%100), 1+i/100)
			if err := o.Publish(t.Context(), cluster.Hint{SessionID: "x"}); err != nil && !errors.Is(err, ErrNotSent) {
				t.Fatal(err)
			}
		}
	})
	within("the first answer", readTimeout+time.Second, func() { o.counts("usr_1", "ses_1", 50) })
	servertest.Eventually(t, "the hang is known", func() bool { return !o.able() })
	within("later answers", readTimeout/2, func() { o.counts("usr_1", "ses_1", 50) })
	if lost := o.Stats().LostHints; lost == 0 {
		t.Error("the queue of hints has no bound")
	}
	within("closing", closeTimeout+2*ioTimeout, func() { o.Close() })
}

// TestGapIsToldUntilItIsClosed: the bus is healthy again only after the owner has read what it missed.
func TestGapIsToldUntilItIsClosed(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	o := lab(t, s.URL(), 1)[0]
	called, answer := make(chan struct{}, 10), make(chan error)
	o.OnGap(func(ctx context.Context) error {
		called <- struct{}{}
		return <-answer
	})
	<-called
	if o.Healthy() {
		t.Error("healthy while the owner still reads")
	}
	answer <- errors.New("store is down")
	<-called
	if o.Healthy() {
		t.Error("healthy after a read that failed")
	}
	answer <- nil
	servertest.Eventually(t, "healthy", o.Healthy)
}

// TestURL: P11, and no error shows what the URL holds.
func TestURL(t *testing.T) {
	t.Parallel()
	for url, kind := range map[string]string{
		"redis://u:secret@h:1/2":                               "*redis.Client",
		"rediss://h":                                           "*redis.Client",
		"redis://h:1?addr=h:2&addr=h:3":                        "*redis.ClusterClient",
		"redis://h:1?master_name=m&addr=h:2":                   "*redis.Client",
		"redis://u:secret@h:1?nonsense=secret":                 "",
		"http://u:secret@h":                                    "",
		"redis://u:secret@h:1/secret":                          "",
		"redis://h:1?addr=h:2&dial_timeout=secret":             "",
		"redis://h:1?master_name=m&sentinel_password=s&db=sec": "",
		"redis://u:sec%zzret@h":                                "",
	} {
		db, err := connect(url)
		if kind == "" {
			if err == nil || strings.Contains(err.Error(), "sec") {
				t.Errorf("%s: error %v", url, err)
			}
			continue
		}
		if err != nil || fmt.Sprintf("%T", db) != kind {
			t.Errorf("%s: %T, %v; want %s", url, db, err, kind)
			continue
		}
		db.Close()
	}
}

// TestOutageForgetsWhoCameAndWent: a long time without Redis costs no memory for sessions it never heard of.
func TestOutageForgetsWhoCameAndWent(t *testing.T) {
	t.Parallel()
	h := newHoldings(time.Second)
	now := time.Now()
	h.report("usr_0", "ses_stays", 1, now)
	for i := range 10_000 {
		session := id.New(id.Session)
		h.report("usr_1", session, 1, now)
		now = now.Add(time.Second)
		h.report("usr_1", session, 0, now)
		if gone, _ := h.expire(now.Add(time.Second)); len(gone) != 1 {
			t.Fatalf("round %d: %d graces ended", i, len(gone))
		}
	}
	if len(h.queue) > 10 || len(h.users) != 1 || len(h.leaving) != 0 {
		t.Errorf("%d in the queue, %d users, %d leaving", len(h.queue), len(h.users), len(h.leaving))
	}
	if batch := h.take(100); len(batch) != 1 || batch[0].session != "ses_stays" {
		t.Errorf("to write: %+v", batch)
	}
}

// TestStepsAreBounded: of a session that nobody writes only the latest count matters in the end.
func TestStepsAreBounded(t *testing.T) {
	t.Parallel()
	h := newHoldings(time.Second)
	for i := range 1000 {
		h.report("usr_1", "ses_1", i+1, time.Now())
	}
	batch := h.take(10_000)
	if len(batch) != 1 || len(batch[0].steps) != mostSteps || batch[0].steps[mostSteps-1] != 1000 {
		t.Fatalf("to write: %+v", batch)
	}
	h.giveBack(batch)
	h.report("usr_1", "ses_1", 7, time.Now())
	if batch = h.take(10_000); len(batch) != 1 || batch[0].steps[len(batch[0].steps)-1] != 7 || len(batch[0].steps) != 2 {
		t.Errorf("to write after a failure: %+v", batch)
	}
}
