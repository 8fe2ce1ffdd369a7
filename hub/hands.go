package hub

import (
	"sync"
	"sync/atomic"
)

// spareHands is how many goroutines wait for something to do.
const spareHands = 64

// hands are the goroutines that read and write. One that has finished waits for the next task: a new one would begin
// with a small stack, and to grow it costs more than most tasks do.
type hands struct {
	tasks chan task
	spare atomic.Int32
	ended sync.Once
	over  chan struct{}
}

type task struct {
	c  *conn
	do func(*conn)
}

func (h *hands) close() { h.ended.Do(func() { close(h.over) }) }

// hand has a goroutine do something with the socket. It does not wait.
func (c *conn) hand(do func(*conn)) {
	c.hub.work.Add(1)
	c.hub.start(task{c, do})
}

func (h *Hub) start(t task) {
	select {
	case h.hands.tasks <- t:
	default:
		go h.serve(t)
	}
}

// serve makes the caller one of the hands.
func (h *Hub) serve(t task) {
	for more := true; more; t, more = h.hands.next() {
		t.do(t.c)
		h.work.Done()
	}
}

// next waits for a task, unless enough others do.
func (h *hands) next() (t task, more bool) {
	defer h.spare.Add(-1)
	if h.spare.Add(1) > spareHands {
		return t, false
	}
	select {
	case t = <-h.tasks:
		return t, true
	case <-h.over:
		return t, false
	}
}
