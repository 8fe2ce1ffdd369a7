package revocation

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Overlap is how late a stamped record may become visible: whoever reads what changed looks so much further back.
const Overlap = 30 * time.Second

// Config of a Follower. Zero durations have the defaults that stand beside them.
type Config struct {
	Source Source
	Memory *Memory
	// Applied hears each change once, after Memory has it. Called from several goroutines.
	Applied func(Change)
	Now     func() time.Time
	Log     *slog.Logger

	Horizon time.Duration // how far back a change can matter to a living access token: its TTL and leeway
	Overlap time.Duration // Overlap
	Every   time.Duration // 5 s: between reads of the store, always
	Hurried time.Duration // 1 s: between reads of the store while Hurry
	// Hurry tells whether hints may be lost just now. Nil: never.
	Hurry func() bool
	Poll  time.Duration // 250 ms: between looks for writes of other processes, and whether a read is due
}

// retry is how soon a read that failed is tried again, at the latest.
const retry = 250 * time.Millisecond

// Follower reads from the store what changed, in time order with an overlap, and knows how fresh that knowledge is.
type Follower struct {
	cfg   Config
	nudge chan struct{}

	mu      sync.Mutex // guards the following
	since   time.Time  // the store's clock at the last good read
	readAt  time.Time  // by Now
	reads   int64
	failed  int64
	applied int64
}

// NewFollower makes a follower; Start reads the past, Run follows.
func NewFollower(cfg Config) *Follower {
	cfg.Overlap = orDefault(cfg.Overlap, Overlap)
	cfg.Every = orDefault(cfg.Every, 5*time.Second)
	cfg.Hurried = orDefault(cfg.Hurried, time.Second)
	if cfg.Hurry == nil {
		cfg.Hurry = func() bool { return false }
	}
	cfg.Poll = orDefault(cfg.Poll, retry)
	return &Follower{cfg: cfg, nudge: make(chan struct{}, 1)}
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// Apply is the one gate: memory first, then Applied. A change that says nothing new is dropped. It never blocks on I/O.
func (f *Follower) Apply(c Change) {
	if !f.cfg.Memory.put(c) {
		return
	}
	f.mu.Lock()
	f.applied++
	f.mu.Unlock()
	f.cfg.Applied(c)
}

// Start reads as far back as a living access token can remember. A node serves nothing before it.
func (f *Follower) Start(ctx context.Context) error {
	clock, err := f.cfg.Source.Changes(ctx, time.Time{})
	if err != nil {
		return fmt.Errorf("read the store's clock: %w", err)
	}
	f.mu.Lock()
	f.since = clock.Now.Add(-f.cfg.Horizon)
	f.mu.Unlock()
	return f.Read(ctx)
}

// Read reads once what was stamped since the last good read, less the overlap.
func (f *Follower) Read(ctx context.Context) error {
	f.mu.Lock()
	since := f.since.Add(-f.cfg.Overlap)
	f.mu.Unlock()
	began := f.cfg.Now()
	got, err := f.cfg.Source.ChangesBut(ctx, since, f.cfg.Memory.has)
	if err != nil {
		f.mu.Lock()
		f.failed++
		f.mu.Unlock()
		return fmt.Errorf("read changes: %w", err)
	}
	for _, s := range got.Sessions {
		f.Apply(OfSession(s))
	}
	for _, u := range got.Users {
		f.Apply(OfUser(u))
	}
	f.cfg.Memory.forget(got.Now.Add(-f.cfg.Horizon - 2*f.cfg.Overlap))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	f.since, f.readAt = got.Now, began // not before memory has it: a node that was fenced admits again from here on
	return nil
}

// Nudge asks for a read at once: after a gap in the bus.
func (f *Follower) Nudge() {
	select {
	case f.nudge <- struct{}{}:
	default:
	}
}

// Run follows until ctx ends. While the store cannot be read, it says so once and tries again and again.
func (f *Follower) Run(ctx context.Context) error {
	poll := time.NewTicker(f.cfg.Poll)
	defer poll.Stop()
	failing := false
	for {
		due := failing
		select {
		case <-ctx.Done():
			return nil
		case <-f.nudge:
			due = true
		case <-poll.C:
			due = due || f.Age()+f.cfg.Poll/2 >= f.interval() || f.moved(ctx) // at the poll that is next to the time
		}
		if !due {
			continue
		}
		err := f.Read(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			f.cfg.Log.Warn("the store cannot be followed", "age", f.Age().Round(time.Millisecond), "error", err)
		}
		if err == nil && failing {
			f.cfg.Log.Info("the store is followed again")
		}
		if now := err != nil; now != failing {
			failing = now
			poll.Reset(f.pace(failing))
		}
	}
}

func (f *Follower) pace(failing bool) time.Duration {
	if failing {
		return min(f.cfg.Poll, retry)
	}
	return f.cfg.Poll
}

// interval is how old the last good read may become.
func (f *Follower) interval() time.Duration {
	if f.cfg.Hurry() {
		return min(f.cfg.Every, f.cfg.Hurried)
	}
	return f.cfg.Every
}

func (f *Follower) moved(ctx context.Context) bool {
	moved, err := f.cfg.Source.Moved(ctx)
	return err == nil && moved
}

// Age is how long ago the last good read began.
func (f *Follower) Age() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cfg.Now().Sub(f.readAt)
}

// Stats are counts for metrics.
type Stats struct {
	Reads, Failed, Applied int64
}

// Stats of the follower so far.
func (f *Follower) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Stats{Reads: f.reads, Failed: f.failed, Applied: f.applied}
}
