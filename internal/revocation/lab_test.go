package revocation

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// records is a store under fake time: what was stamped when, and from when on it can be seen.
type records struct {
	mu       sync.Mutex // guards the following
	sessions []visible[session.Session]
	users    []visible[account.User]
	asked    []time.Time // since
	foreign  bool        // another process wrote
	down     error
	torn     error // of ChangesBut only
}

type visible[T any] struct {
	rec   T
	since time.Time
}

func (r *records) Changes(ctx context.Context, since time.Time) (Changes, error) {
	return r.ChangesBut(ctx, since, func(string, int, time.Time) bool { return false })
}

func (r *records) ChangesBut(_ context.Context, since time.Time, known Known) (Changes, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(r.down, r.torn); err != nil {
		return Changes{}, err
	}
	c := Changes{Now: time.Now()}
	if since.IsZero() {
		return c, nil
	}
	r.asked = append(r.asked, since)
	for _, s := range r.sessions {
		if !s.rec.ChangedAt.Before(since) && !s.since.After(time.Now()) && !known(s.rec.ID, s.rec.Version, s.rec.ChangedAt) {
			c.Sessions = append(c.Sessions, s.rec)
		}
	}
	for _, u := range r.users {
		if !u.rec.ChangedAt.Before(since) && !u.since.After(time.Now()) && !known(u.rec.ID, u.rec.Version, u.rec.ChangedAt) {
			c.Users = append(c.Users, u.rec)
		}
	}
	return c, nil
}

func (r *records) Moved(context.Context) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	moved := r.foreign
	r.foreign = false
	return moved, r.down
}

// end stamps an end now, which can be seen after a while.
func (r *records) end(id string, visibleAfter time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.sessions = append(r.sessions, visible[session.Session]{session.Session{
		ID: id, UserID: "usr_a", Version: 2, ChangedAt: now, EndedAt: now, EndReason: "kicked", EndedBy: wire.By{Kind: wire.ByAdmin},
	}, now.Add(visibleAfter)})
}

func (r *records) set(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// node is a follower and what it applied.
type node struct {
	*Follower
	*records
	memory *Memory
	log    bytes.Buffer

	mu   sync.Mutex // guards the following
	told []Change
}

const horizon = 15*time.Minute + 30*time.Second

func newNode(r *records) *node {
	n := &node{records: r, memory: NewMemory()}
	n.Follower = NewFollower(Config{
		Source: r, Memory: n.memory, Now: time.Now, Horizon: horizon, Log: slog.New(slog.NewTextHandler(&n.log, nil)),
		Applied: func(c Change) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.told = append(n.told, c)
		},
	})
	return n
}

func (n *node) applied() []Change {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]Change(nil), n.told...)
}

// following starts a node and lets f look at it; everything happens in fake time.
func following(t *testing.T, f func(t *testing.T, n *node)) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(&records{})
		time.Sleep(time.Hour) // the store is no longer new
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- n.Run(ctx) }()
		f(t, n)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// pass lets fake time go by, until everybody waits again.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
