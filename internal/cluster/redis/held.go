package redis

import (
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/presence"
)

// mostSteps bounds the counts of one session that wait to be written. Beyond it only the latest matters.
const mostSteps = 64

// holdings are the sessions that this node has connections of, or had less than the grace ago, and what of them Redis
// has not been told yet.
type holdings struct {
	grace time.Duration
	wake  chan struct{} // capacity 1: there is something to write, or an earlier deadline

	mu          sync.Mutex         // guards the following
	users       map[string]*device // the first of each user's; the others follow by next
	queue       []*device          // with something to write; each once
	void        int                // how many of the queue are forgotten
	leaving     []departure        // in the order of their time
	connections int
}

// device is a session. All of it is guarded by the holdings. There is one for every session that is online here, and
// most users have one: so a user's devices are a list without a map of its own, the ids are the caller's strings, and
// what a device needs only until it is written goes with that.
type device struct {
	user, session string
	next          *device // of the same user
	since         int64   // when the count last changed, in nanoseconds since 1970
	steps         []int   // counts to write, the oldest first; nil when there are none
	count         int32
	gone          bool // the grace is over: to be removed
	told          bool // Redis has, or may have, heard of it
	writing       bool // an entry of it is being written
	queued        bool
}

// departure is that a device lost its last connection.
type departure struct {
	d  *device
	at time.Time
}

// entry is what is to be written of a device.
type entry struct {
	d             *device
	user, session string
	steps         []int
	gone          bool
}

func newHoldings(grace time.Duration) *holdings {
	return &holdings{grace: max(grace, 0), wake: make(chan struct{}, 1), users: map[string]*device{}}
}

func (h *holdings) kick() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// report notes a count and tells whether it is news.
func (h *holdings) report(user, session string, n int, now time.Time) bool {
	n = max(n, 0)
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.findLocked(user, session)
	if d == nil && n == 0 || d != nil && int(d.count) == n {
		return false
	}
	if d == nil {
		d = h.addLocked(user, session)
	}
	h.connections += n - int(d.count)
	d.count, d.since, d.gone = int32(n), now.UnixNano(), false
	if len(d.steps) == mostSteps {
		d.steps = d.steps[:mostSteps-1]
	}
	d.steps = append(d.steps, n)
	h.leaveLocked(d, now)
	h.queueLocked(d)
	return true
}

// adopt takes over a session that Redis believes to be here, in order to take it away after the grace.
func (h *holdings) adopt(user, session string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.findLocked(user, session) != nil {
		return
	}
	d := h.addLocked(user, session)
	d.since, d.told, d.steps = now.UnixNano(), true, []int{0}
	h.leaveLocked(d, now)
	h.queueLocked(d)
}

func (h *holdings) findLocked(user, session string) *device {
	for d := h.users[user]; d != nil; d = d.next {
		if d.session == session {
			return d
		}
	}
	return nil
}

func (h *holdings) addLocked(user, session string) *device {
	d := &device{user: user, session: session, next: h.users[user]}
	h.users[user] = d
	return d
}

// removeLocked takes a device that is there out of its user's list.
func (h *holdings) removeLocked(d *device) {
	first := h.users[d.user]
	for at := &first; ; at = &(*at).next {
		if *at == d {
			*at = d.next
			break
		}
	}
	if first != nil {
		h.users[d.user] = first
		return
	}
	delete(h.users, d.user)
	if len(h.users) == 0 {
		h.users = map[string]*device{} // a map keeps the room of all that it ever held
	}
}

func (h *holdings) leaveLocked(d *device, now time.Time) {
	if d.count == 0 {
		h.leaving = append(h.leaving, departure{d, now})
	}
}

func (h *holdings) queueLocked(d *device) {
	if !d.queued {
		d.queued = true
		h.queue = append(h.queue, d)
	}
	h.kick()
}

// expire lets graces end. It returns the sessions that went offline by it, and how long until the next does.
func (h *holdings) expire(now time.Time) (gone []entry, next time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.leaving) > 0 {
		first := h.leaving[0]
		if wait := first.at.Add(h.grace).Sub(now); wait > 0 {
			return gone, wait
		}
		h.leaving = h.leaving[1:]
		d := first.d
		if d.count > 0 || d.gone || d.since != first.at.UnixNano() {
			continue
		}
		d.gone = true
		gone = append(gone, entry{d: d, user: d.user, session: d.session, gone: true})
		if d.told {
			h.queueLocked(d)
		} else {
			h.forgetLocked(d) // Redis never heard of it
		}
	}
	h.leaving = nil
	return gone, time.Hour
}

// overtaken says that another node found the session offline. Its last connection was there, and the grace here is over
// as well: what Redis got in one order, two nodes may have had in the other. Unless there is news for Redis yet.
func (h *holdings) overtaken(user, session string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.findLocked(user, session)
	if d == nil || d.count > 0 || d.gone || d.writing || len(d.steps) > 0 {
		return
	}
	d.gone = true
	h.queueLocked(d)
}

// take takes what is to be written, up to about so many commands.
func (h *holdings) take(most int) []entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	var batch []entry
	for len(h.queue) > 0 && most > 0 {
		d := h.queue[0]
		h.queue = h.queue[1:]
		d.queued = false
		if !h.hasLocked(d) {
			h.void--
			continue
		}
		batch = append(batch, entry{d: d, user: d.user, session: d.session, steps: d.steps, gone: d.gone})
		most -= len(d.steps) + 1
		d.steps, d.told, d.writing = nil, true, true
	}
	if len(h.queue) == 0 {
		h.queue = nil // and with it the room that a storm took
	}
	return batch
}

// giveBack returns what could not be written, of which only the latest matters now.
func (h *holdings) giveBack(batch []entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range batch {
		e.d.writing = false
		if len(e.d.steps) == 0 {
			e.d.steps = []int{int(e.d.count)}
		}
		e.d.steps = e.d.steps[len(e.d.steps)-1:]
		h.queueLocked(e.d)
	}
}

// written forgets sessions whose removal was written.
func (h *holdings) written(e entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.d.writing = false
	if e.gone && e.d.gone {
		h.forgetLocked(e.d)
	}
}

func (h *holdings) hasLocked(d *device) bool { return h.findLocked(d.user, d.session) == d }

// forgetLocked drops the device. In a long time without Redis the queue would grow by those that came and went.
func (h *holdings) forgetLocked(d *device) {
	if !h.hasLocked(d) {
		return
	}
	h.removeLocked(d)
	if !d.queued {
		return
	}
	if h.void++; h.void > len(h.queue)/2 {
		h.queue = slices.DeleteFunc(h.queue, func(d *device) bool { return !h.hasLocked(d) })
		h.void = 0
	}
}

// again has everything written once more.
func (h *holdings) again() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range h.users {
		for ; d != nil; d = d.next {
			d.steps = []int{int(d.count)}
			h.queueLocked(d)
		}
	}
}

// of is how the user's sessions stand as far as this node goes.
func (h *holdings) of(user string) map[string]presence.State {
	h.mu.Lock()
	defer h.mu.Unlock()
	states := map[string]presence.State{}
	for d := h.users[user]; d != nil; d = d.next {
		if !d.gone {
			states[d.session] = presence.State{Online: true, Connections: int(d.count), LastSeen: time.Unix(0, d.since).UTC()}
		}
	}
	return states
}

// connectionsOf is how many connections the user has here.
func (h *holdings) connectionsOf(user string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for d := h.users[user]; d != nil; d = d.next {
		n += int(d.count)
	}
	return n
}

// totals counts what is here.
func (h *holdings) totals() presence.Totals {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := presence.Totals{Connections: h.connections}
	for _, d := range h.users {
		online := 0
		for ; d != nil; d = d.next {
			if !d.gone {
				online++
			}
		}
		t.Sessions += online
		t.Users += min(online, 1)
	}
	return t
}

// count is how many connections this node has; empty tells whether it holds nothing, in a grace or not.
func (h *holdings) count() (connections int, empty bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.connections, len(h.users) == 0
}
