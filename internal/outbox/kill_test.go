package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// process is a node that may be killed at any call to the store, before it is made or before its answer comes. From
// then on it can write nothing.
type process struct {
	outbox.Store
	dead atomic.Bool
	kill func()
}

var errKilled = errors.New("this process is dead")

// killedOnceIn is how many calls to the store a process lives for, about.
const killedOnceIn = 150

func (p *process) die() {
	p.dead.Store(true)
	p.kill()
}

func mortal[T any](p *process, call func() (T, error)) (v T, err error) {
	before, after := rand.N(2*killedOnceIn) == 0, rand.N(2*killedOnceIn) == 0
	if before {
		p.die()
	}
	if p.dead.Load() {
		return v, errKilled
	}
	v, err = call()
	if after {
		p.die()
	}
	if p.dead.Load() {
		var none T
		return none, errKilled
	}
	return v, err
}

func (p *process) ClaimJob(ctx context.Context, c outbox.Claim) (outbox.Job, error) {
	return mortal(p, func() (outbox.Job, error) { return p.Store.ClaimJob(ctx, c) })
}

func (p *process) ReplaceJob(ctx context.Context, j outbox.Job) (outbox.Job, error) {
	return mortal(p, func() (outbox.Job, error) { return p.Store.ReplaceJob(ctx, j) })
}

// cluster is some processes that are killed and started again, on one store.
type cluster struct {
	l    *lab
	over context.Context

	kills atomic.Int32
	mu    sync.Mutex // guards the following
	done  map[string]int
}

func (c *cluster) live() {
	for c.over.Err() == nil {
		ctx, cancel := context.WithCancel(c.over)
		p := &process{Store: c.l.store, kill: cancel}
		stop := start(c.l.t, service(c.l.t, p), func(ctx context.Context, t outbox.Task) error { return c.do(ctx, p, t) })
		<-ctx.Done()
		if p.dead.Load() {
			c.kills.Add(1)
		}
		stop()
		time.Sleep(rand.N(5 * time.Second))
	}
}

// do takes a moment, fails now and then, and is killed now and then, before or after the deed.
func (c *cluster) do(ctx context.Context, p *process, t outbox.Task) error {
	select {
	case <-time.After(rand.N(200 * time.Millisecond)):
	case <-ctx.Done():
		return ctx.Err()
	}
	if rand.N(50) == 0 {
		return fmt.Errorf("the receiver is busy")
	}
	before, after := rand.N(500) == 0, rand.N(500) == 0
	if before {
		p.die()
		return errKilled
	}
	c.mu.Lock()
	c.done[t.ID]++
	c.mu.Unlock()
	if after {
		p.die()
	}
	return nil
}

func TestTenThousandJobsSurviveWorkersThatAreKilled(t *testing.T) {
	const processes = 4
	jobs := 10_000
	if testing.Short() {
		jobs = 1_000
	}
	run(t, func(t *testing.T, l *lab) {
		var queue sync.WaitGroup
		var mu sync.Mutex
		ids := make([]string, 0, jobs)
		for i := range 100 {
			queue.Go(func() {
				for n := range jobs / 100 {
					id := l.enqueue(outbox.New{Payload: fmt.Appendf(nil, "%d-%d", i, n), Delay: rand.N(5 * time.Second)})
					mu.Lock()
					ids = append(ids, id)
					mu.Unlock()
				}
			})
		}
		queue.Wait()
		over, end := context.WithCancel(t.Context())
		c := &cluster{l: l, over: over, done: make(map[string]int, jobs)}
		var all sync.WaitGroup
		for range processes {
			all.Go(c.live)
		}
		began := time.Now()
		for l.count(outbox.Done) < jobs && time.Since(began) < 6*time.Hour {
			time.Sleep(5 * time.Second)
		}
		end()
		all.Wait()

		repeated := 0
		for _, id := range ids {
			n := c.done[id]
			if n == 0 {
				t.Errorf("%s was lost", id)
			}
			repeated += max(n-1, 0)
			if j := l.job(id); j.State != outbox.Done || j.Payload != nil {
				t.Errorf("%s is %s after %d attempts: %s", id, j.State, j.Attempts, j.LastError)
			}
		}
		if int(c.kills.Load()) < jobs/500 {
			t.Errorf("only %d processes were killed", c.kills.Load())
		}
		t.Logf("%d jobs, %d processes killed, %d jobs done more than once, in %v of fake time", jobs, c.kills.Load(), repeated, time.Since(began))
	})
}

func (l *lab) count(state string) int {
	l.t.Helper()
	p, err := l.List(l.t.Context(), outbox.Query{State: state, Limit: 1})
	if err != nil {
		l.t.Fatal(err)
	}
	return p.Total
}
