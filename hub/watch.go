package hub

import (
	"slices"
	"time"
)

// watch is one subscription of one socket. Subscribing again makes another in its place.
type watch struct {
	// Static.
	key     feedKey
	c       *conn
	session string   // of c
	roles   []string // one of which its user must have; nil: none
	want    want

	// Guarded by the feed's mu.
	live  bool      // has had its snapshot, if there is one: changes are told
	asked time.Time // when it began to wait for its first; zero: it had one, and waits as long as it takes
	seq   int64     // of what it was told last
	roll  *roll     // of a watch of sessions

	// Guarded by c.mu.
	behind bool // changes were dropped: only a snapshot helps
}

func (c *conn) newWatch(key feedKey, roles []string, want want) *watch {
	return &watch{key: key, c: c, session: c.p.SessionID, roles: roles, want: want, seq: 1}
}

// watching are the socket's watches.
func (c *conn) watching() []*watch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.watches)
}

// watchOf is the socket's watch of the feed, nil if there is none.
func (c *conn) watchOf(name string) *watch {
	for _, w := range c.watching() {
		if w.key.name == name {
			return w
		}
	}
	return nil
}

// keep makes w the socket's watch of its feed, unless the socket has ended.
func (c *conn) keep(w *watch) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.final != nil {
		return false
	}
	c.watches = append(slices.DeleteFunc(c.watches, func(x *watch) bool { return x.key == w.key }), w)
	return true
}

// drop forgets the watch and tells whether it was there.
func (c *conn) drop(w *watch) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.watches)
	c.watches = slices.DeleteFunc(c.watches, func(x *watch) bool { return x == w })
	return len(c.watches) < n
}

// dropLostFeeds ends the feeds that the user's roles no longer allow.
func (c *conn) dropLostFeeds() {
	c.mu.Lock()
	var lost []*watch
	for _, w := range c.watches {
		if !w.allowedLocked() {
			lost = append(lost, w)
		}
	}
	c.mu.Unlock()
	for _, w := range lost {
		w.lose("forbidden")
	}
}

// lose ends the watch and tells the socket why, once.
func (w *watch) lose(code string) {
	if w.c.hub.leave(w) {
		w.c.send(lostFeed(w.key.name, code))
	}
}

// allowedLocked tells whether the user's roles, as they are now, allow the watch.
func (w *watch) allowedLocked() bool { return allowed(w.c.p, w.roles) }

// tell numbers a change and queues it. The caller holds the feed's mu.
func (w *watch) tell(ch change) {
	w.seq++
	w.push(ch.numbered(w.seq))
}

// push queues a change. When it does not fit, or the socket is limited, the watch falls behind. From the moment that
// its user has lost the right, the watch gets nothing, though it has yet to end.
func (w *watch) push(data []byte) {
	w.c.mu.Lock()
	defer w.c.unlock(w.c.hurryLocked())
	if w.c.final != nil || !w.allowedLocked() {
		return
	}
	if w.behind || w.c.phase != open || !w.c.enqueueLocked(data) {
		w.behind = true
		w.c.hub.stats.dropped.Add(1)
	}
}

// start queues a snapshot, behind which changes count again.
func (w *watch) start(data []byte) {
	w.c.mu.Lock()
	defer w.c.unlock(w.c.claimLocked())
	if w.c.final != nil {
		return
	}
	w.behind = w.allowedLocked() && (w.c.phase != open || !w.c.enqueueLocked(data))
}

// fallBehind says that the watch missed something.
func (w *watch) fallBehind() {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	if w.c.final == nil {
		w.behind = true
		w.c.flushLocked()
	}
}

// caughtUp says that the watch needs no snapshot of its own accord.
func (w *watch) caughtUp() {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	w.behind = false
}

func (c *conn) behindLocked() bool {
	return c.phase == open && slices.ContainsFunc(c.watches, func(w *watch) bool { return w.behind })
}

// catchUp asks the feeds that fell behind for snapshots. The flusher calls it when the queue has drained.
func (c *conn) catchUp() {
	c.mu.Lock()
	var behind []*watch
	for _, w := range c.watches {
		if w.behind {
			behind = append(behind, w)
		}
	}
	c.mu.Unlock()
	for _, w := range behind {
		if f := c.hub.feed(w.key); f != nil {
			f.resume(w)
		} else {
			w.caughtUp()
		}
	}
}
