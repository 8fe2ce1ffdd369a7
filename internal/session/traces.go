package session

import (
	"context"
	"log/slog"
	"maps"
	"slices"
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
	Trace             // its IP, UserAgent and Location only until they are written: another node may write later ones
	dirty   bool      // has what is yet to be written
	urgent  bool      // at the next tick
	written time.Time // when it was last written
}

// Bounds of the gathering.
const (
	SeenEvery    = 30 * time.Second
	maxTraces    = 100_000 // sessions; further ones are dropped, and counted. From half on, what is written is forgotten
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
	if x.IP != "" {
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
	if p.IP != "" {
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
	due := t.due(all)
	for batch := range slices.Chunk(due, traceBatch) {
		if err := t.write(ctx, batch); err != nil {
			t.log.Warn("traces of sessions not written, will try again", "sessions", len(due), "error", err)
			return
		}
		t.wrote(batch)
		due = due[len(batch):]
	}
}

func (t *Traces) due(all bool) []Trace {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, was := t.now(), len(t.pending)
	var out []Trace
	for id, p := range t.pending {
		rested := now.Sub(p.written) >= SeenEvery
		switch {
		case p.dirty && (all || p.urgent || rested):
			out = append(out, p.Trace)
		case !p.dirty && (rested || len(t.pending) > maxTraces/2): // what it says stands in the record
			delete(t.pending, id)
		}
	}
	if len(t.pending) < was/2 { // a map keeps the room of all that it ever held
		t.pending = maps.Collect(maps.All(t.pending))
	}
	return out
}

// wrote notes what is written. What came meanwhile stays to be written.
func (t *Traces) wrote(batch []Trace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, x := range batch {
		p := t.pending[x.SessionID]
		if p.IP == x.IP && p.UserAgent == x.UserAgent && p.Location == x.Location {
			p.IP, p.UserAgent, p.Location = "", "", nil
		}
		p.urgent = p.IP != "" || p.Acked > x.Acked || p.OnlineSeq > x.OnlineSeq
		p.dirty = p.urgent || p.LastSeenAt.After(x.LastSeenAt)
		p.written = now
	}
}
