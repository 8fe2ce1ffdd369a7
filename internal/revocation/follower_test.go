package revocation

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
)

func TestStartReadsAsFarBackAsATokenRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(&records{})
		n.end("ses_old", 0)
		time.Sleep(time.Second)
		n.end("ses_edge", 0)
		time.Sleep(horizon + 30*time.Second)
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, ok := n.memory.Ended("ses_edge"); !ok {
			t.Error("does not know an end of one access TTL, leeway and overlap ago")
		}
		if _, ok := n.memory.Ended("ses_old"); ok {
			t.Error("read further back than that")
		}
		if n.Age() != 0 {
			t.Errorf("age %v", n.Age())
		}
	})
}

func TestStartFailsWhenTheStoreDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("no such store")
		n := newNode(&records{down: down})
		if err := n.Start(t.Context()); !errors.Is(err, down) {
			t.Errorf("Start: %v", err)
		}
		if n.Age() < time.Hour {
			t.Errorf("says its knowledge is %v old, and has none", n.Age())
		}
	})
}

func TestFollowerAppliesEachChangeOnce(t *testing.T) {
	following(t, func(t *testing.T, n *node) {
		n.end("ses_a", 0)
		n.set(func() {
			n.users = append(n.users, visible[account.User]{rec: account.User{ID: "usr_a", Version: 2, Epoch: 7, ChangedAt: time.Now()}})
		})
		pass(2 * time.Minute) // many reads, and the overlap shows both for a while
		if got := n.applied(); len(got) != 2 {
			t.Errorf("applied %+v", got)
		}
		if _, u := n.memory.Of("", "usr_a"); u.Epoch != 7 {
			t.Errorf("knows of the user %+v", u)
		}
	})
}

func TestOwnAnnouncementIsNotAppliedAgainWhenItIsRead(t *testing.T) {
	following(t, func(t *testing.T, n *node) {
		n.end("ses_a", 0)
		n.Apply(OfSession(n.sessions[0].rec))
		pass(time.Minute)
		if got := n.applied(); len(got) != 1 {
			t.Errorf("applied %d times", len(got))
		}
	})
}

func TestMemoryHasAChangeBeforeTheSocketsHearOfIt(t *testing.T) {
	m := NewMemory()
	f := NewFollower(Config{Memory: m, Now: time.Now, Applied: func(c Change) {
		if _, ok := m.Ended(c.SessionID); !ok {
			t.Error("the sockets heard first")
		}
	}})
	f.Apply(end("ses_a", "kicked", 0, 2))
	if f.Stats().Applied != 1 {
		t.Error("was not applied")
	}
}

func TestOverlapFindsWhatBecomesVisibleLate(t *testing.T) {
	following(t, func(t *testing.T, n *node) {
		pass(time.Second)
		n.end("ses_late", 20*time.Second)
		n.end("ses_soon", 0)
		pass(6 * time.Second)
		if _, ok := n.memory.Ended("ses_soon"); !ok {
			t.Error("did not read within five seconds")
		}
		pass(20 * time.Second)
		if _, ok := n.memory.Ended("ses_late"); !ok {
			t.Error("missed what was stamped long before it could be seen")
		}
	})
}

func TestAgeGrowsOnlyWhileTheStoreCannotBeRead(t *testing.T) {
	following(t, func(t *testing.T, n *node) {
		pass(time.Minute)
		if n.Age() > 5*time.Second {
			t.Errorf("age %v although the store is well", n.Age())
		}
		n.set(func() { n.down = errors.New("disk") })
		pass(time.Minute)
		if n.Age() < time.Minute {
			t.Errorf("age %v, the store has been down for a minute", n.Age())
		}
		n.end("ses_a", 0) // while it cannot be read
		pass(time.Second)
		n.set(func() { n.down = nil })
		pass(time.Second)
		if n.Age() > time.Second {
			t.Errorf("age %v a second after the store came back", n.Age())
		}
		if _, ok := n.memory.Ended("ses_a"); !ok {
			t.Error("missed what happened while the store could not be read")
		}
		log := n.log.String()
		if strings.Count(log, "level=WARN") != 1 || strings.Count(log, "followed again") != 1 {
			t.Errorf("said\n%s", log)
		}
		if s := n.Stats(); s.Failed == 0 || s.Reads == 0 {
			t.Errorf("counted %+v", s)
		}
	})
}

func TestNudgeReadsAtOnce(t *testing.T) {
	following(t, func(t *testing.T, n *node) {
		pass(300 * time.Millisecond)
		n.end("ses_a", 0)
		for range 10 {
			n.Nudge() // never blocks
		}
		synctest.Wait()
		if _, ok := n.memory.Ended("ses_a"); !ok {
			t.Error("no read after a nudge")
		}
	})
}

func TestWritesOfAnotherProcessAreSeenWithinASecond(t *testing.T) {
	following(t, func(t *testing.T, n *node) {
		pass(300 * time.Millisecond)
		n.end("ses_a", 0)
		n.set(func() { n.foreign = true })
		pass(time.Second)
		if _, ok := n.memory.Ended("ses_a"); !ok {
			t.Error("not seen")
		}
	})
}

func TestReadThatFailedIsTriedAgainAtTheNextPoll(t *testing.T) {
	following(t, func(t *testing.T, n *node) {
		pass(300 * time.Millisecond)
		n.end("ses_a", 0)
		n.set(func() { n.foreign, n.torn = true, errors.New("locked") }) // the news of the write is told once
		pass(300 * time.Millisecond)
		n.set(func() { n.torn = nil })
		pass(300 * time.Millisecond)
		if _, ok := n.memory.Ended("ses_a"); !ok {
			t.Error("not seen")
		}
	})
}

// A node that was fenced admits again as soon as its knowledge is young: it must have applied it by then.
func TestAgeIsFreshOnlyAfterMemoryKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(&records{})
		var f *Follower
		f = NewFollower(Config{Source: n.records, Memory: n.memory, Now: time.Now, Horizon: horizon, Log: slog.New(slog.DiscardHandler),
			Applied: func(Change) {
				if f.Age() < time.Minute {
					t.Error("counted as fresh while changes were still to be applied")
				}
			}})
		n.end("ses_a", 0)
		time.Sleep(time.Minute)
		if err := f.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if f.Age() != 0 {
			t.Errorf("age %v", f.Age())
		}
	})
}

func TestMemoryOfAFollowerStaysSmall(t *testing.T) {
	following(t, func(t *testing.T, n *node) {
		for range 60 {
			n.end("ses_"+time.Now().String(), 0)
			pass(time.Minute)
		}
		if got := n.memory.Len(); got > 20 {
			t.Errorf("remembers %d ends of an hour, tokens live for a quarter of one", got)
		}
	})
}
