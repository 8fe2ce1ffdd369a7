package session

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Traces gathers what use leaves on sessions and writes it in batches. That a generation was used, or from where, is
// written at the next tick; that a session was merely seen, once in SeenEvery.
//
// Until then Overlay and Acked answer from memory, so that this node never contradicts itself.
type Traces struct {
	write   func(ctx context.Context, batch []Trace) error
	now     func() time.Time
	log     *slog.Logger
	mu      sync.Mutex // guards the following
	pending map[string]*pendingTrace
	dropped int64
}

type pendingTrace struct {
	Trace
	urgent  bool      // to be written at the next tick
	written time.Time // when it was last written
	dirty   bool
}

// Bounds of the gathering.
const (
	SeenEvery    = 30 * time.Second
	traceForget  = 10 * time.Minute
	maxTraces    = 100_000 // sessions; more are written at once
	traceBatch   = 2_000
	traceTimeout = 5 * time.Second
)

// NewTraces writes with write, usually Store.Touch.
func NewTraces(write func(ctx context.Context, batch []Trace) error, now func() time.Time, log *slog.Logger) *Traces {
	return &Traces{write: write, now: now, log: log, pending: make(map[string]*pendingTrace)}
}

// Add notes a trace. It never blocks on the store.
func (t *Traces) Add(x Trace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pending[x.SessionID]
	if p == nil {
		if len(t.pending) >= maxTraces {
			t.dropped++
			return
		}
		p = &pendingTrace{Trace: Trace{SessionID: x.SessionID}}
		t.pending[x.SessionID] = p
	}
	p.merge(x)
}

func (p *pendingTrace) merge(x Trace) {
	p.dirty = true
	if x.LastSeenAt.After(p.LastSeenAt) {
		p.LastSeenAt = x.LastSeenAt
	}
	if x.IP != "" && (x.IP != p.IP || x.UserAgent != p.UserAgent) {
		p.IP, p.UserAgent, p.Location, p.urgent = x.IP, x.UserAgent, x.Location, true
	}
	if x.Acked > p.Acked {
		p.Acked, p.urgent = x.Acked, true
	}
	if x.OnlineSeq > p.OnlineSeq {
		p.Online, p.OnlineSeq, p.urgent = x.Online, x.OnlineSeq, true
	}
}

// Acked is the highest generation this node saw used.
func (t *Traces) Acked(sessionID string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.pending[sessionID]; p != nil {
		return p.Acked
	}
	return 0
}

// Overlay is the session with the traces this node knows.
func (t *Traces) Overlay(s Session) Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pending[s.ID]
	if p == nil {
		return s
	}
	if p.LastSeenAt.After(s.LastSeenAt) {
		s.LastSeenAt = p.LastSeenAt
	}
	if p.IP != "" && p.dirty {
		s.IP, s.UserAgent, s.Location = p.IP, p.UserAgent, p.Location
	}
	s.Acked = max(s.Acked, p.Acked)
	return s
}

// Dropped counts the traces that did not fit.
func (t *Traces) Dropped() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropped
}

// Run writes every interval until ctx ends, and then what is left.
func (t *Traces) Run(ctx context.Context, interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.flush(ctx, false)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), traceTimeout)
			defer cancel()
			t.flush(last, true)
			return nil
		}
	}
}

// flush writes what is due; what cannot be written stays for the next time.
func (t *Traces) flush(ctx context.Context, all bool) {
	for due := t.due(all); len(due) > 0; {
		batch := due[:min(len(due), traceBatch)]
		due = due[len(batch):]
		if err := t.write(ctx, batch); err != nil {
			t.log.Warn("traces of sessions not written, will try again", "sessions", len(batch), "error", err)
			t.again(batch)
		}
	}
}

func (t *Traces) due(all bool) []Trace {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	var out []Trace
	for id, p := range t.pending {
		switch {
		case p.dirty && (all || p.urgent || now.Sub(p.written) >= SeenEvery):
			out = append(out, p.Trace)
			p.dirty, p.urgent, p.written = false, false, now
		case !p.dirty && now.Sub(p.written) > traceForget:
			delete(t.pending, id)
		}
	}
	return out
}

func (t *Traces) again(batch []Trace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, x := range batch {
		if p := t.pending[x.SessionID]; p != nil {
			p.dirty, p.urgent = true, true
		}
	}
}
