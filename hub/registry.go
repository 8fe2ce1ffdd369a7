package hub

import (
	"hash/maphash"
	"net/netip"
	"sync"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// How many parts the hub is divided into, so that no lock is everybody's. Powers of two.
const (
	shards  = 64 // of users, with their feeds
	agendas = 32 // of sockets
)

// shard holds users: each user is in one. Its lock comes before those of feeds, and those before a conn's.
type shard struct {
	reporting sync.Mutex // held around Registry.Report, so that counts of a user are told in order

	mu    sync.Mutex       // guards the following, and sibling of its conns
	users map[string]*conn // the first of a user's sockets here; each is the sibling of another
	feeds map[feedKey]*feed
	conns int
}

var seed = maphash.MakeSeed()

// shardOf is where the user is; that of "" has the feeds that are nobody's own.
func (h *Hub) shardOf(userID string) *shard {
	return &h.shards[maphash.String(seed, userID)%shards]
}

// ofLocked calls f for the user's sockets.
func (s *shard) ofLocked(userID string, f func(*conn)) {
	for c := s.users[userID]; c != nil; c = c.sibling {
		f(c)
	}
}

// count is how many sockets the user has here, and how many of them the session.
func (h *Hub) count(userID, sessionID string) (user, session int) {
	s := h.shardOf(userID)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.countLocked(userID, sessionID)
}

func (s *shard) countLocked(userID, sessionID string) (user, session int) {
	s.ofLocked(userID, func(c *conn) {
		user++
		if c.p.SessionID == sessionID {
			session++
		}
	})
	return user, session
}

// enter admits work to the hub, unless it is closing. Its end is h.work.Done.
func (h *Hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing.Load() {
		return false
	}
	h.work.Add(1)
	return true
}

// lobby counts sockets without credential by where they come from.
type lobby struct {
	mu      sync.Mutex // guards the following, and placed of every conn
	waiting map[netip.Prefix]int
}

// reserve takes one of the address's places for sockets without credential. The place is given back by release.
func (h *Hub) reserve(c *conn) bool {
	from := neighbourhood(c.addr)
	h.lobby.mu.Lock()
	defer h.lobby.mu.Unlock()
	if h.lobby.waiting[from] >= h.limits.Unauthenticated {
		return false
	}
	h.lobby.waiting[from]++
	c.placed = true
	return true
}

func (h *Hub) release(c *conn) {
	h.lobby.mu.Lock()
	defer h.lobby.mu.Unlock()
	if !c.placed {
		return
	}
	c.placed = false
	from := neighbourhood(c.addr)
	if h.lobby.waiting[from]--; h.lobby.waiting[from] == 0 {
		delete(h.lobby.waiting, from)
	}
}

// register enters an adopted socket under its user, if there is room. From then on SessionEnded finds it.
func (h *Hub) register(c *conn, p Principal) *Error {
	s := h.shardOf(p.UserID)
	if err := s.register(c, p, &h.limits); err != nil {
		return err
	}
	h.release(c)
	return nil
}

func (s *shard) register(c *conn, p Principal, l *Limits) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ofUser, ofSession := s.countLocked(p.UserID, p.SessionID); ofSession >= l.PerSession || ofUser >= l.PerUser {
		return &Error{Code: wire.CloseRateLimited.Name(), Detail: "too many connections", RetryAfter: comeBackLater}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.final != nil {
		return &Error{Code: "unavailable"} // it was closed meanwhile
	}
	c.shard = s
	c.sibling = s.users[p.UserID]
	s.users[p.UserID] = c
	s.conns++
	return nil
}

// forget takes a socket that has ended out of everything, and tells whether it was registered: then the caller
// reports. Callers hold no lock.
func (h *Hub) forget(c *conn) (registered bool) {
	c.mu.Lock()
	s := c.shard
	c.mu.Unlock()
	h.agendaOf(c).remove(c)
	h.release(c)
	for _, w := range c.watching() { // there can be no new ones: see keep
		h.leave(w)
	}
	if s != nil {
		s.unregister(c)
	}
	return s != nil
}

func (s *shard) unregister(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns--
	first := s.users[c.p.UserID]
	switch {
	case first != c:
		before := first
		for before.sibling != c {
			before = before.sibling
		}
		before.sibling = c.sibling
	case c.sibling != nil:
		s.users[c.p.UserID] = c.sibling
	default:
		delete(s.users, c.p.UserID)
	}
	c.sibling = nil
}

// report tells the registry how many sockets the session has here now.
func (h *Hub) report(userID, sessionID string) {
	s := h.shardOf(userID)
	s.reporting.Lock()
	defer s.reporting.Unlock()
	_, n := h.count(userID, sessionID)
	h.cfg.Presence.Report(userID, sessionID, n)
}

// ofUser is the user's sockets here.
func (h *Hub) ofUser(id string) (conns []*conn) {
	s := h.shardOf(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ofLocked(id, func(c *conn) { conns = append(conns, c) })
	return conns
}

// ofSession is the session's sockets here.
func (h *Hub) ofSession(userID, id string) (conns []*conn) {
	s := h.shardOf(userID)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ofLocked(userID, func(c *conn) {
		if c.p.SessionID == id {
			conns = append(conns, c)
		}
	})
	return conns
}

func (h *Hub) authenticated() (n int) {
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.Lock()
		n += s.conns
		s.mu.Unlock()
	}
	return n
}

// all is every socket that was adopted and has not ended.
func (h *Hub) all() (conns []*conn) {
	for i := range h.agendas {
		conns = h.agendas[i].appendTo(conns)
	}
	return conns
}
