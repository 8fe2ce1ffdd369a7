package outbox_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/store/sqlite"
)

// lab is a queue on a SQLite file, in fake time.
type lab struct {
	*outbox.Service
	t     *testing.T
	store *sqlite.Store

	mu      sync.Mutex // guards the following
	changes []outbox.Change
}

// run runs a test in fake time, whose t is that of the fake time.
func run(t *testing.T, test func(*testing.T, *lab)) {
	synctest.Test(t, func(t *testing.T) {
		store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		l := &lab{t: t, store: store}
		l.Service = service(t, store)
		l.Announce = func(_ context.Context, c outbox.Change) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.changes = append(l.changes, c)
		}
		test(t, l)
	})
}

func service(t *testing.T, store outbox.Store) *outbox.Service {
	box, err := seal.New(bytes.Repeat([]byte{7}, seal.SecretSize), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &outbox.Service{Store: store, Box: box, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

// work is a handler.
type work func(ctx context.Context, t outbox.Task) error

func (w work) Run(ctx context.Context, t outbox.Task) error { return w(ctx, t) }

// pool starts workers for mail, and returns what ends them and waits.
func (l *lab) pool(do work, options ...func(*outbox.Lane)) (stop func()) {
	return start(l.t, l.Service, do, options...)
}

func start(t *testing.T, s *outbox.Service, do work, options ...func(*outbox.Lane)) (stop func()) {
	lane := outbox.Lane{Handler: do, Timeout: 15 * time.Second}
	for _, o := range options {
		o(&lane)
	}
	return startPool(t, &outbox.Pool{Service: s, Lanes: map[string]outbox.Lane{outbox.Mail: lane}, Log: slog.New(slog.DiscardHandler)})
}

func startPool(t *testing.T, p *outbox.Pool) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(stop)
	return stop
}

func (l *lab) enqueue(n outbox.New) string {
	l.t.Helper()
	if n.Kind == "" {
		n.Kind = outbox.Mail
	}
	id, err := l.Enqueue(l.t.Context(), n)
	if err != nil {
		l.t.Fatal(err)
	}
	return id
}

func (l *lab) job(id string) outbox.Job {
	l.t.Helper()
	j, err := l.store.Job(l.t.Context(), id)
	if err != nil {
		l.t.Fatal(err)
	}
	return j
}

// claim begins a job as a process does that then dies.
func (l *lab) claim() outbox.Job {
	l.t.Helper()
	now := time.Now()
	j, err := l.store.ClaimJob(l.t.Context(), outbox.Claim{Kind: outbox.Mail, Now: now, LeaseUntil: now.Add(30 * time.Second)})
	if err != nil {
		l.t.Fatal(err)
	}
	return j
}

// states are those that were announced of a job, in order.
func (l *lab) states(id string) (states []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.changes {
		if c.Job.ID == id && c.Deleted {
			states = append(states, "deleted")
		} else if c.Job.ID == id {
			states = append(states, c.Job.State)
		}
	}
	return states
}

// sleep lets fake time pass, and what is under way come to rest.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
