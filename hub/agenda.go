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

// agenda knows when each of its sockets has something due. The hub's bell serves all of them: a timer for each socket
// would cost more memory than all the rest that an idle one keeps here. As every socket that is in the hub is on an
// agenda, the agendas also know them all.
type agenda struct {
	hub *Hub

	mu    sync.Mutex // guards the following, and due and place of its conns
	conns byDue
	asked instant // when the bell was asked to ring
}

// bell is the timer of all agendas: a node wakes up once for what is due together.
type bell struct {
	mu    sync.Mutex // guards the following; after an agenda's
	timer *time.Timer
	set   instant // when it rings
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
	a.askLocked()
}

// askLocked sees to it that the bell does not ring too late. If it rings too early nothing is found, and it is asked
// again.
func (a *agenda) askLocked() {
	if next := a.nextLocked(); next < a.asked {
		a.asked = next
		a.hub.ringAt(next)
	}
}

func (a *agenda) nextLocked() instant {
	if len(a.conns) == 0 {
		return never
	}
	return a.conns[0].due
}

// ringAt has the bell ring then, if it would not before.
func (h *Hub) ringAt(at instant) {
	h.bell.mu.Lock()
	defer h.bell.mu.Unlock()
	if at >= h.bell.set {
		return
	}
	h.bell.set = at
	d := max(0, time.Duration(at-h.now()))
	if h.bell.timer == nil {
		h.bell.timer = time.AfterFunc(d, h.ring)
		return
	}
	h.bell.timer.Reset(d)
}

// ring has every socket do what is due on it.
func (h *Hub) ring() {
	h.bell.mu.Lock()
	h.bell.set = never
	h.bell.mu.Unlock()
	now, next := h.now(), never
	for i := range h.agendas {
		due, after := h.agendas[i].take(now)
		for _, c := range due {
			c.tick()
		}
		next = min(next, after)
	}
	h.ringAt(next)
}

// take takes the sockets on which something is due, and says when the next will have. That the bell is not asked for.
func (a *agenda) take(now instant) (due []*conn, next instant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.conns) > 0 && a.conns[0].due <= now {
		c := a.conns[0]
		due = append(due, c)
		c.due = never
		heap.Fix(&a.conns, 0)
	}
	a.asked = a.nextLocked()
	return due, a.asked
}
