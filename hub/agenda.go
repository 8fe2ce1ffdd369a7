package hub

import (
	"container/heap"
	"math"
	"sync"
	"time"
)

// instant is a time since the hub began, by the monotonic clock. A socket holds several: eight bytes each, not
// the twenty-four of a time.Time.
type instant time.Duration

const never instant = math.MaxInt64

// now is the present instant.
func (h *Hub) now() instant { return instant(time.Since(h.began)) }

// at is the instant of a time.
func (h *Hub) at(t time.Time) instant { return h.now() + instant(time.Until(t)) }

// agenda knows when each of its sockets has something due. One timer serves all of them: a timer for each socket
// would cost more memory than all the rest that an idle one keeps here. As every socket that is in the hub is on an
// agenda, the agendas also know them all.
type agenda struct {
	hub *Hub

	mu    sync.Mutex // guards the following, and due and place of its conns
	conns byDue
	timer *time.Timer
	set   instant // when the timer comes
}

// byDue is a heap of sockets.
type byDue []*conn

func (b byDue) Len() int           { return len(b) }
func (b byDue) Less(i, j int) bool { return b[i].due < b[j].due }

func (b byDue) Swap(i, j int) {
	b[i], b[j] = b[j], b[i]
	b[i].place, b[j].place = int32(i), int32(j)
}

func (b *byDue) Push(x any) {
	c := x.(*conn)
	c.place = int32(len(*b))
	*b = append(*b, c)
}

func (b *byDue) Pop() any {
	last := len(*b) - 1
	c := (*b)[last]
	(*b)[last] = nil
	*b = (*b)[:last]
	c.place = nowhere
	return c
}

// nowhere is the place of a socket that is on no agenda.
const nowhere = -1

func (h *Hub) agendaOf(c *conn) *agenda { return &h.agendas[c.part] }

// adopt takes an upgraded socket into the hub, unless it is closing.
func (h *Hub) adopt(c *conn) bool {
	a := h.agendaOf(c)
	a.mu.Lock()
	defer a.mu.Unlock()
	if h.closing.Load() {
		return false
	}
	c.due = never
	heap.Push(&a.conns, c)
	return true
}

func (a *agenda) remove(c *conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.place != nowhere {
		heap.Remove(&a.conns, int(c.place))
	}
}

func (a *agenda) appendTo(conns []*conn) []*conn {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append(conns, a.conns...)
}

// put says when the socket has something due.
func (a *agenda) put(c *conn, due instant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.place == nowhere {
		return
	}
	c.due = due
	heap.Fix(&a.conns, int(c.place))
	a.wakeLocked()
}

// wakeLocked sees to it that the timer does not come too late. One that comes too early finds nothing, and is set
// again.
func (a *agenda) wakeLocked() {
	if len(a.conns) == 0 || a.conns[0].due >= a.set {
		return
	}
	a.set = a.conns[0].due
	d := max(0, time.Duration(a.set-a.hub.now()))
	if a.timer == nil {
		a.timer = time.AfterFunc(d, a.run)
		return
	}
	a.timer.Reset(d)
}

// run has every socket do what is due on it.
func (a *agenda) run() {
	for _, c := range a.take(a.hub.now()) {
		c.tick()
	}
}

// take takes the sockets on which something is due.
func (a *agenda) take(now instant) (due []*conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.conns) > 0 && a.conns[0].due <= now {
		c := a.conns[0]
		due = append(due, c)
		c.due = never
		heap.Fix(&a.conns, 0)
	}
	a.set = never
	a.wakeLocked()
	return due
}
