package hub

import (
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// feedKind is a feed of the protocol: who may watch it and how. A feed without watch is not served yet.
type feedKind struct {
	roles   []string // any of these; nil: everybody
	watch   func(*conn)
	unwatch func(*conn)
}

var feedKinds = map[string]feedKind{
	wire.FeedDevices:  {watch: (*conn).watchDevices, unwatch: (*conn).unwatchDevices},
	wire.FeedPresence: {},
	wire.FeedSessions: {roles: []string{"admin", "moderator"}},
	wire.FeedAudit:    {roles: []string{"admin", "moderator"}},
	wire.FeedJobs:     {roles: []string{"admin"}},
}

func (k feedKind) allows(roles []string) bool { return k.roles == nil || hasRole(roles, k.roles...) }

// watch is one subscription of one socket.
type watch struct {
	// Static.
	name    string
	c       *conn
	session string // of c

	// Guarded by the feed's mu.
	live  bool      // has had its snapshot
	asked time.Time // when it began to wait for it

	// Guarded by c.mu.
	behind bool // changes were dropped: only a snapshot helps
}

func (c *conn) handleSubscribe(r request) {
	name, _, ok := r.text("feed")
	kind, known := feedKinds[name]
	switch {
	case !ok || !known:
		c.invalid(r, "unknown feed")
	case !kind.allows(c.principal().Roles):
		c.forbid(r)
	case kind.watch == nil:
		c.invalid(r, "this feed is not served")
	default:
		c.ack(r)
		kind.watch(c)
	}
}

func (c *conn) handleUnsubscribe(r request) {
	name, _, ok := r.text("feed")
	kind, known := feedKinds[name]
	if !ok || !known {
		c.invalid(r, "unknown feed")
		return
	}
	if kind.unwatch != nil {
		kind.unwatch(c)
	}
	c.ack(r)
}

// watchOf is the socket's watch of the feed, made if there is none.
func (c *conn) watchOf(name string) *watch {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.watches {
		if w.name == name {
			return w
		}
	}
	w := &watch{name: name, c: c, session: c.p.SessionID}
	c.watches = append(c.watches, w)
	return w
}

// dropWatch forgets the watch and tells whether there was one.
func (c *conn) dropWatch(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.watches)
	c.watches = slices.DeleteFunc(c.watches, func(w *watch) bool { return w.name == name })
	return len(c.watches) < n
}

// dropLostFeeds ends the feeds that the user's roles no longer allow.
func (c *conn) dropLostFeeds() {
	c.mu.Lock()
	var lost []string
	for _, w := range c.watches {
		if !feedKinds[w.name].allows(c.p.Roles) {
			lost = append(lost, w.name)
		}
	}
	c.mu.Unlock()
	for _, name := range lost {
		feedKinds[name].unwatch(c)
		c.send(wire.Error{Type: wire.TypeError, Code: "forbidden", Feed: name})
	}
}

// push queues a change. When it does not fit, or the socket is limited, the watch falls behind.
func (w *watch) push(data []byte) {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	if w.c.final != nil {
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
	defer w.c.mu.Unlock()
	if w.c.final != nil {
		return
	}
	w.behind = w.c.phase != open || !w.c.enqueueLocked(data)
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
		if f := c.hub.feed(c.userID); f != nil {
			f.resume(w)
		} else {
			w.caughtUp()
		}
	}
}
