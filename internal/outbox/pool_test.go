package outbox_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

func TestTryIsCutOffAtItsTimeout(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		var took time.Duration
		l.pool(func(ctx context.Context, task outbox.Task) error {
			if task.Attempt > 1 {
				return nil
			}
			began := time.Now()
			<-ctx.Done()
			took = time.Since(began)
			return ctx.Err()
		})
		id := l.enqueue(outbox.New{})
		sleep(15*time.Second + time.Millisecond)
		if j := l.job(id); took != 15*time.Second || j.State != outbox.Queued || j.LastError == "" {
			t.Errorf("cut off after %v, left %+v", took, j)
		}
		sleep(2*time.Second + idle)
		if j := l.job(id); j.State != outbox.Done || j.Attempts != 2 {
			t.Errorf("left %+v", j)
		}
	})
}

func TestLongTryKeepsItsLease(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		var runs atomic.Int32
		slow := func(ctx context.Context, _ outbox.Task) error {
			runs.Add(1)
			time.Sleep(5 * time.Minute)
			return ctx.Err()
		}
		for range 2 {
			l.pool(slow, func(lane *outbox.Lane) { lane.Timeout = time.Hour })
		}
		id := l.enqueue(outbox.New{})
		sleep(6 * time.Minute)
		if j := l.job(id); runs.Load() != 1 || j.State != outbox.Done || j.Attempts != 1 {
			t.Errorf("%d runs, left %+v", runs.Load(), j)
		}
	})
}

func TestJobOfADeadWorkerIsTakenOver(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		id := l.enqueue(outbox.New{})
		l.claim()
		began := time.Now()
		var took time.Duration
		l.pool(func(context.Context, outbox.Task) error {
			took = time.Since(began)
			return nil
		})
		sleep(time.Minute)
		if j := l.job(id); j.State != outbox.Done || j.Attempts != 2 || took < 30*time.Second || took > 30*time.Second+idle {
			t.Errorf("taken over after %v, left %+v", took, j)
		}
	})
}

func TestJobThatKillsItsWorkersDies(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		id := l.enqueue(outbox.New{})
		for range outbox.MaxAttempts {
			l.claim()
			sleep(30 * time.Second)
		}
		l.pool(func(context.Context, outbox.Task) error {
			t.Error("ran once more")
			return nil
		})
		sleep(idle)
		if j := l.job(id); j.State != outbox.Dead || j.LastError == "" {
			t.Errorf("left %+v", j)
		}
	})
}

func TestPanicFailsTheTryAlone(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		l.pool(func(_ context.Context, task outbox.Task) error {
			if task.Attempt == 1 {
				panic("nobody thought of this")
			}
			return nil
		})
		id := l.enqueue(outbox.New{})
		sleep(2*time.Second + idle)
		if j := l.job(id); j.State != outbox.Done || j.Attempts != 2 {
			t.Errorf("left %+v", j)
		}
	})
}

func TestWorkersAreBounded(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		var now, most atomic.Int32
		for range 20 {
			l.enqueue(outbox.New{})
		}
		l.pool(func(context.Context, outbox.Task) error {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Second)
			now.Add(-1)
			return nil
		}, func(lane *outbox.Lane) { lane.Workers = 3 })
		sleep(7*time.Second + idle)
		p, err := l.List(t.Context(), outbox.Query{State: outbox.Done})
		if err != nil || p.Total != 20 || most.Load() != 3 {
			t.Errorf("%d done by up to %d at once, %v", p.Total, most.Load(), err)
		}
	})
}

func TestOneSubjectDoesNotTakeAllWorkers(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		var hanging, others atomic.Int32
		for range 30 {
			l.enqueue(outbox.New{Subject: "whk_hangs"})
		}
		l.pool(func(ctx context.Context, task outbox.Task) error {
			if task.Subject != "whk_hangs" {
				others.Add(1)
				return nil
			}
			hanging.Add(1)
			<-ctx.Done()
			return ctx.Err()
		}, func(lane *outbox.Lane) { lane.Workers, lane.PerSubject = 4, 2 })
		sleep(time.Second)
		for range 10 {
			l.enqueue(outbox.New{Subject: "whk_works"})
		}
		sleep(time.Millisecond)
		if hanging.Load() != 2 || others.Load() != 10 {
			t.Errorf("%d hang, %d others ran", hanging.Load(), others.Load())
		}
		sleep(15 * time.Second) // the two are cut off
		if n := hanging.Load(); n != 4 {
			t.Errorf("%d hung by then, want 4", n)
		}
	})
}

func TestEndOfThePoolLosesAndCountsNothing(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		short, long := l.enqueue(outbox.New{Note: []byte("short")}), l.enqueue(outbox.New{Note: []byte("long")})
		stop := l.pool(func(ctx context.Context, task outbox.Task) error {
			if string(task.Note) == "short" {
				time.Sleep(2 * time.Second)
				return ctx.Err()
			}
			<-ctx.Done()
			return ctx.Err()
		})
		sleep(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("stopping took %v", took)
		}
		if j := l.job(short); j.State != outbox.Done {
			t.Errorf("could have finished: %+v", j)
		}
		if j := l.job(long); j.State != outbox.Queued || j.Attempts != 0 || j.RunAt.After(time.Now()) || j.LastError != "" {
			t.Errorf("not handed back: %+v", j)
		}
	})
}

// outage is a store that can be away.
type outage struct {
	outbox.Store
	away atomic.Bool
}

func (o *outage) ClaimJob(ctx context.Context, c outbox.Claim) (outbox.Job, error) {
	if o.away.Load() {
		return outbox.Job{}, fault.ErrUnavailable
	}
	return o.Store.ClaimJob(ctx, c)
}

func (o *outage) JobsDue(ctx context.Context, now time.Time, kinds ...string) (bool, error) {
	if o.away.Load() {
		return false, fault.ErrUnavailable
	}
	return o.Store.JobsDue(ctx, now, kinds...)
}

func (o *outage) ReplaceJob(ctx context.Context, j outbox.Job) (outbox.Job, error) {
	if o.away.Load() {
		return outbox.Job{}, fault.ErrUnavailable
	}
	return o.Store.ReplaceJob(ctx, j)
}

func (o *outage) HastenJobs(ctx context.Context, now time.Time, ids ...string) ([]outbox.Job, error) {
	if o.away.Load() {
		return nil, fault.ErrUnavailable
	}
	return o.Store.HastenJobs(ctx, now, ids...)
}

func TestOutageOfTheStoreDelaysAndLosesNothing(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		store := &outage{Store: l.store}
		l.Service.Store = store
		var mu sync.Mutex
		runs := make(map[string]int)
		l.pool(func(_ context.Context, task outbox.Task) error {
			store.away.Store(true) // while it works
			mu.Lock()
			defer mu.Unlock()
			runs[task.ID]++
			return nil
		})
		one := l.enqueue(outbox.New{})
		sleep(time.Second)
		two := l.enqueue(outbox.New{Delay: outbox.Fallback})
		l.Due(t.Context(), two) // in vain
		sleep(10 * time.Second)
		store.away.Store(false)
		sleep(idle)
		if j := l.job(one); runs[one] != 1 || j.State != outbox.Done {
			t.Errorf("done during the outage: %d runs, left %+v", runs[one], j)
		}
		store.away.Store(false)
		sleep(idle)
		if j := l.job(two); runs[two] != 1 || j.State != outbox.Done {
			t.Errorf("queued during the outage: %d runs, left %+v", runs[two], j)
		}
	})
}

// counted is a store that counts how often it is asked for jobs.
type counted struct {
	outbox.Store
	claims, looks atomic.Int32
}

func (c *counted) ClaimJob(ctx context.Context, claim outbox.Claim) (outbox.Job, error) {
	c.claims.Add(1)
	return c.Store.ClaimJob(ctx, claim)
}

func (c *counted) JobsDue(ctx context.Context, now time.Time, kinds ...string) (bool, error) {
	c.looks.Add(1)
	return c.Store.JobsDue(ctx, now, kinds...)
}

func TestIdlePoolAsksOnceForAllLanes(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		store := &counted{Store: l.store}
		kinds := []string{outbox.Mail, outbox.Webhook, outbox.Location}
		ran := make(map[string]time.Time)
		var mu sync.Mutex
		lane := outbox.Lane{Timeout: time.Second, Handler: work(func(_ context.Context, task outbox.Task) error {
			mu.Lock()
			defer mu.Unlock()
			ran[task.Kind] = time.Now()
			return nil
		})}
		lanes := make(map[string]outbox.Lane)
		for _, kind := range kinds {
			lanes[kind] = lane
		}
		startPool(t, &outbox.Pool{Service: service(t, store), Lanes: lanes, Log: slog.New(slog.DiscardHandler)})
		sleep(time.Minute + time.Millisecond)
		if claims, looks := store.claims.Load(), store.looks.Load(); claims > 3 || looks > 60 {
			t.Errorf("%d claims and %d looks in a minute without jobs", claims, looks)
		}
		for _, kind := range kinds { // by a process that nobody hears
			began := time.Now()
			if err := l.store.InsertJob(t.Context(), outbox.Job{ID: "job_" + kind, Kind: kind, State: outbox.Queued, RunAt: began, CreatedAt: began}); err != nil {
				t.Fatal(err)
			}
			sleep(idle)
			if took := ran[kind].Sub(began); took < 0 || took > idle {
				t.Errorf("%s ran after %v", kind, took)
			}
		}
	})
}

func TestOutageBeyondTheLeaseRunsTheJobAgain(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		store := &outage{Store: l.store}
		l.Service.Store = store
		var runs atomic.Int32
		l.pool(func(context.Context, outbox.Task) error {
			store.away.Store(runs.Add(1) == 1)
			return nil
		})
		id := l.enqueue(outbox.New{})
		sleep(2 * time.Minute)
		if j := l.job(id); j.State != outbox.Running {
			t.Errorf("during the outage: %+v", j)
		}
		store.away.Store(false)
		sleep(idle)
		if j := l.job(id); runs.Load() != 2 || j.State != outbox.Done {
			t.Errorf("%d runs, left %+v", runs.Load(), j)
		}
	})
}
