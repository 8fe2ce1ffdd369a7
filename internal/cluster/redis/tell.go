package redis

import (
	"sync"

	"github.com/gatehouse-dev/gatehouse/internal/presence"
)

// mostUntold bounds the changes that wait for the owner. Beyond it they are dropped, and the owner is told of a gap.
const mostUntold = 100_000

// teller tells changes one at a time, outside all locks.
type teller struct {
	mu      sync.Mutex // guards the following
	f       func(presence.Change)
	queue   []presence.Change
	dropped int64
	ended   bool
	wake    chan struct{}
}

func newTeller() *teller {
	return &teller{f: func(presence.Change) {}, wake: make(chan struct{}, 1)}
}

// add queues a change and tells whether it fits.
func (t *teller) add(c presence.Change) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) >= mostUntold {
		t.dropped++
		return false
	}
	t.queue = append(t.queue, c)
	t.kick()
	return true
}

func (t *teller) kick() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// end lets run return when everything is told.
func (t *teller) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.kick()
}

func (t *teller) run() {
	for range t.wake {
		for {
			t.mu.Lock()
			changes, f, ended := t.queue, t.f, t.ended
			t.queue = nil
			t.mu.Unlock()
			if len(changes) == 0 {
				if ended {
					return
				}
				break
			}
			for _, c := range changes {
				f(c)
			}
		}
	}
}
