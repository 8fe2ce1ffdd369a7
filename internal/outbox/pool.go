package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Handler does the jobs of one kind.
type Handler interface {
	// Run does the work, or returns ErrNoFact because the fact behind it does not hold (yet). It may be called again
	// for the same job, also after it succeeded and on another node, and must make that harmless. It returns soon
	// after ctx ends: with the lane's timeout, or when the job is no longer this worker's. Its error is shown to
	// staff: no secret, link or message is in it. An error of Permanent is not tried again.
	Run(ctx context.Context, t Task) error
}

// Task is a job as its handler sees it.
type Task struct {
	ID        string
	Kind      string
	Subject   string
	Attempt   int // 1 for the first
	CreatedAt time.Time
	Note      []byte
	Payload   []byte // nil when there was none, and when staff retries a job whose payload is gone
}

// ErrNoFact says that what a job follows from has not happened. It may yet: the job is looked at again until it is a
// minute old. Then it is done, and nothing of it is told.
var ErrNoFact = errors.New("what the job follows from did not happen")

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error that no further try can mend: the job dies of it.
func Permanent(err error) error { return permanent{err} }

// IsPermanent tells whether an error was marked by Permanent.
func IsPermanent(err error) bool {
	var p permanent
	return errors.As(err, &p)
}

// Lane is how the jobs of one kind are run.
type Lane struct {
	Handler    Handler
	Timeout    time.Duration // of one try
	Workers    int           // at once on this node; 0 means 8
	PerSubject int           // of them for one subject; 0 means half
}

// Pool runs jobs on this node. Its fields are set before Run and not changed after.
type Pool struct {
	Service *Service
	Lanes   map[string]Lane // by kind
	Log     *slog.Logger
}

const (
	lease       = 30 * time.Second
	renewEvery  = lease / 3
	lookEvery   = time.Second     // to see jobs of other nodes, delays that are over and leases that ran out
	writeAgain  = time.Second     // how a job went, while the store is away
	parting     = 3 * time.Second // for the tries under way when the pool ends
	callTimeout = 5 * time.Second // of a call to the store
)

// Run runs jobs until ctx ends. Tries under way get a moment to finish; what does not is handed back, and counts as
// not tried.
func (p *Pool) Run(ctx context.Context) error {
	var lanes sync.WaitGroup
	lanes.Go(func() { p.look(ctx) })
	for kind, l := range p.Lanes {
		if l.Workers <= 0 {
			l.Workers = 8
		}
		if l.PerSubject <= 0 {
			l.PerSubject = (l.Workers + 1) / 2
		}
		run := &lane{Lane: l, kind: kind, s: p.Service, log: p.Log, free: make(chan struct{}, l.Workers), busy: make(map[string]int)}
		lanes.Go(func() { run.dispatch(ctx) })
	}
	lanes.Wait()
	return nil
}

// look wakes all lanes when any has a job to do that nobody rang for. Most of the time none has, and one question says
// so: a claim for each lane would be a write for each.
func (p *Pool) look(ctx context.Context) {
	kinds := slices.Collect(maps.Keys(p.Lanes))
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for away := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		due, err := p.due(ctx, kinds)
		lost := err != nil && ctx.Err() == nil
		if lost && !away {
			p.Log.Warn("jobs cannot be looked for, will try again", "error", err)
		}
		away = lost
		if !due {
			continue
		}
		for _, kind := range kinds {
			p.Service.ring(kind)
		}
	}
}

func (p *Pool) due(ctx context.Context, kinds []string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return p.Service.Store.JobsDue(ctx, p.Service.Now(), kinds...)
}

// lane runs the jobs of one kind. One goroutine claims; each try has its own.
type lane struct {
	// Static after construction.
	Lane
	kind string
	s    *Service
	log  *slog.Logger
	free chan struct{} // has an element for each worker that is taken

	mu   sync.Mutex     // guards the following
	busy map[string]int // workers by subject
}

// dispatch claims while there is a free worker and a due job. Then it waits for the bell.
func (l *lane) dispatch(ctx context.Context) {
	var tries sync.WaitGroup
	defer tries.Wait()
	for away := false; ; {
		select {
		case l.free <- struct{}{}:
		case <-ctx.Done():
			return
		}
		j, err := l.claim(ctx)
		if err == nil {
			tries.Go(func() {
				defer l.release(j)
				l.try(ctx, j)
			})
			continue
		}
		<-l.free
		lost := !errors.Is(err, fault.ErrNotFound) && ctx.Err() == nil
		if lost && !away {
			l.log.Warn("jobs cannot be claimed, will try again", "kind", l.kind, "error", err)
		}
		away = lost
		select {
		case <-ctx.Done():
			return
		case <-l.s.bell(l.kind):
		}
	}
}

func (l *lane) claim(ctx context.Context) (Job, error) {
	if err := ctx.Err(); err != nil {
		return Job{}, err
	}
	ctx, cancel := l.call(ctx)
	defer cancel()
	now := l.s.Now()
	j, err := l.s.Store.ClaimJob(ctx, Claim{Kind: l.kind, Except: l.full(), Now: now, LeaseUntil: now.Add(lease)})
	if err != nil {
		return Job{}, err
	}
	l.mu.Lock()
	l.busy[j.Subject]++
	l.mu.Unlock()
	l.s.changed(ctx, j)
	return j, nil
}

// full are the subjects that may have no more workers. Jobs for none are not held together by it.
func (l *lane) full() (subjects []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for subject, n := range l.busy {
		if subject != "" && n >= l.PerSubject {
			subjects = append(subjects, subject)
		}
	}
	return subjects
}

// release frees the worker of a job, and looks again if others waited for just that.
func (l *lane) release(j Job) {
	l.mu.Lock()
	n := l.busy[j.Subject]
	if n == 1 {
		delete(l.busy, j.Subject)
	} else {
		l.busy[j.Subject] = n - 1
	}
	l.mu.Unlock()
	<-l.free
	if n >= l.PerSubject {
		l.s.ring(l.kind)
	}
}

// call bounds a call to the store. What a claim or a try has to say there is said also when the pool ends.
func (l *lane) call(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
}

// handle calls the handler. One that panics has failed its try, and takes nothing down with it.
func (l *lane) handle(ctx context.Context, j Job) (err error) {
	defer func() {
		if r := recover(); r != nil {
			l.log.Error("a job's handler panicked", "job", j.ID, "kind", j.Kind, "panic", r)
			err = errors.New("the handler panicked")
		}
	}()
	t := Task{ID: j.ID, Kind: j.Kind, Subject: j.Subject, Attempt: j.Attempts, CreatedAt: j.CreatedAt, Note: j.Note}
	if j.Payload != nil {
		if t.Payload, err = l.s.Box.Open(purpose, j.Payload, []byte(j.ID)); err != nil {
			return fmt.Errorf("open payload: %w", err)
		}
	}
	return l.Handler.Run(ctx, t)
}
