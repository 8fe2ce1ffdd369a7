package redis

import (
	"sync"
	"time"
)

// The answers to a renewal.
const (
	leaseGone = 0
	leaseLate = 2 // it had run out, but nobody took it
)

// leases is what this node knows of all leases, by the clock of Redis.
type leases struct {
	length time.Duration

	// Owned by the keeper.
	said     record          // what this node last wrote of itself
	runs     map[string]bool // the servers, when they were last compared
	compared time.Time
	audited  bool // under the present id has looked for what nodes without lease left

	mu        sync.Mutex // guards the following
	at        time.Time  // when they were read
	clock     int64      // of Redis then, in microseconds
	ends      map[string]int64
	strangers map[string]bool // nodes of whom there was no lease
	own       string
	since     int64 // this node's own lease has held unbroken since; by the clock of Redis
}

func newLeases(length time.Duration) *leases { return &leases{length: length} }

// read takes an answer of a script. anew says that this node's own lease began with it.
func (l *leases) read(got []any, own string, anew bool) error {
	clock, ends, err := parseLeases(got)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if anew {
		l.since = clock
	}
	l.at, l.clock, l.ends, l.own, l.strangers = time.Now(), clock, ends, own, map[string]bool{}
	return nil
}

func (l *leases) nowLocked() int64 { return l.clock + time.Since(l.at).Microseconds() }

// now is the clock of Redis, as well as this node can tell; zero when it never read it.
func (l *leases) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at.IsZero() {
		return time.Time{}
	}
	return instant(l.nowLocked())
}

// alive tells whether a node's entries count. One that has no lease may have come since they were read: then the
// answer is not known. Leases read too long ago say nothing, and everybody counts.
func (l *leases) alive(node string) (alive, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.at) > l.length {
		return true, true
	}
	if end, ok := l.ends[node]; ok {
		return end > l.nowLocked(), true
	}
	return false, l.strangers[node]
}

// stranger notes that there is no lease of the node.
func (l *leases) stranger(node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.ends[node]; !ok {
		l.strangers[node] = true
	}
}

// mayReap tells whether this node's own lease has held for a whole period: then Redis did not sleep, and whoever did
// not renew is dead.
func (l *leases) mayReapLocked() bool { return l.nowLocked()-l.since >= l.length.Microseconds() }

// due are the members that have run out, if this node may reap, and how long until it is to look again.
func (l *leases) due() (members []string, next time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, next := l.nowLocked(), l.length
	for member, end := range l.ends {
		if member == l.own {
			continue
		}
		if end <= now {
			members = append(members, member)
			end = l.since + l.length.Microseconds() // when this node may
		}
		if end > now {
			next = min(next, time.Duration(end-now)*time.Microsecond+time.Millisecond)
		}
	}
	if !l.mayReapLocked() {
		members = nil
	}
	return members, next
}

// lives are the nodes that hold a lease.
func (l *leases) lives() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, now := map[string]bool{}, l.nowLocked()
	for member, end := range l.ends {
		if !isDead(member) && end > now {
			found[member] = true
		}
	}
	return found
}

// mentions tells whether the node is among the leases, alive or dead.
func (l *leases) mentions(node string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, lease := l.ends[node]
	_, left := l.ends[dead+node]
	return lease || left
}

// mark notes that a member was added as run out.
func (l *leases) mark(member string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ends[member] = 0
}
