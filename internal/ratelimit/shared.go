package ratelimit

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// How long the shared buckets may take, and for how long they are left alone after they did not.
const (
	patience = 50 * time.Millisecond
	pause    = time.Second
)

// Far keeps buckets that several nodes share, as Memory keeps those of one. An error says that it cannot be asked now.
type Far interface {
	Take(ctx context.Context, limit Limit, key string) (Level, error)
	Return(ctx context.Context, limit Limit, key string) error
}

// Shared counts in buckets of all nodes and, beside them, in those of this node alone. So what this node counted stays
// counted when the shared buckets are away or slow: then its own decide. A limit that is reached here is not asked for
// elsewhere, and no request waits longer than patience. It is safe for concurrent use.
type Shared struct {
	near *Memory
	far  Far
	log  *slog.Logger

	away  atomic.Int64 // until when far is left alone, in Unix nanoseconds; 0: it answers
	alone atomic.Uint64
}

// NewShared makes a Shared of the buckets of all nodes and of this one.
func NewShared(far Far, near *Memory, log *slog.Logger) *Shared {
	return &Shared{near: near, far: far, log: log}
}

// Take is Memory's. The error is always nil.
func (s *Shared) Take(ctx context.Context, limit Limit, key string) (Level, error) {
	near, _ := s.near.Take(ctx, limit, key)
	if near.Wait > 0 {
		return near, nil
	}
	var far Level
	if !s.ask(ctx, func(ctx context.Context) (err error) {
		far, err = s.far.Take(ctx, limit, key)
		return err
	}) {
		return near, nil
	}
	if far.Wait > 0 {
		_ = s.near.Return(ctx, limit, key)
	}
	return far, nil
}

// Return is Memory's. The error is always nil: a place that cannot be given back comes back with time.
func (s *Shared) Return(ctx context.Context, limit Limit, key string) error {
	_ = s.near.Return(ctx, limit, key)
	s.ask(ctx, func(ctx context.Context) error { return s.far.Return(ctx, limit, key) })
	return nil
}

// Alone is how often this node's own buckets had to decide.
func (s *Shared) Alone() uint64 { return s.alone.Load() }

// ask asks the shared buckets, and tells whether they answered in time. That the client has gone is not their fault.
func (s *Shared) ask(ctx context.Context, f func(context.Context) error) bool {
	if s.rests() {
		s.alone.Add(1)
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := f(ctx); err != nil {
		s.alone.Add(1)
		if s.away.Swap(time.Now().Add(pause).UnixNano()) == 0 {
			s.log.Warn("limits are counted on this node alone: the buckets of all nodes cannot be asked", "error", err)
		}
		return false
	}
	if s.away.Swap(0) != 0 {
		s.log.Info("limits are counted over all nodes again")
	}
	return true
}

// rests tells whether the shared buckets are left alone. When the pause is over one caller tries them, the others do
// not wait for it.
func (s *Shared) rests() bool {
	until, now := s.away.Load(), time.Now()
	return until != 0 && (now.UnixNano() < until || !s.away.CompareAndSwap(until, now.Add(pause).UnixNano()))
}
