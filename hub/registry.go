package hub

import (
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// enter admits work to the hub, unless it is closing. Its end is h.work.Done.
func (h *Hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return false
	}
	h.work.Add(1)
	return true
}

// reserve takes one of the address's places for sockets without credential. The place is given back by release or,
// once c is in the hub, by forget.
func (h *Hub) reserve(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting[c.from] >= h.limits.Unauthenticated {
		return false
	}
	h.waiting[c.from]++
	c.placed = true
	return true
}

func (h *Hub) release(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.releaseLocked(c)
}

func (h *Hub) releaseLocked(c *conn) {
	if !c.placed {
		return
	}
	c.placed = false
	if h.waiting[c.from]--; h.waiting[c.from] == 0 {
		delete(h.waiting, c.from)
	}
}

// adopt takes an upgraded socket into the hub, unless it is closing.
func (h *Hub) adopt(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		h.releaseLocked(c)
		return false
	}
	h.conns[c] = struct{}{}
	return true
}

// register enters an adopted socket under its user and session, if there is room. From then on SessionEnded finds it.
func (h *Hub) register(c *conn, p Principal) *Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, here := h.conns[c]; !here {
		return &Error{Code: "unavailable"} // it was closed meanwhile
	}
	u := h.users[p.UserID]
	if len(h.sessions[p.SessionID]) >= h.limits.PerSession || u != nil && u.conns >= h.limits.PerUser {
		return &Error{Code: wire.CloseRateLimited.Name(), Detail: "too many connections", RetryAfter: comeBackLater}
	}
	if u == nil {
		u = &presentUser{sessions: map[string]struct{}{}}
		h.users[p.UserID] = u
	}
	u.conns++
	u.sessions[p.SessionID] = struct{}{}
	if h.sessions[p.SessionID] == nil {
		h.sessions[p.SessionID] = map[*conn]struct{}{}
	}
	h.sessions[p.SessionID][c] = struct{}{}
	h.authenticated++
	c.userID, c.sessionID, c.registered = p.UserID, p.SessionID, true
	h.releaseLocked(c)
	return nil
}

// forget takes a socket out of everything, and tells whether it was registered: then the caller reports. Callers hold
// no lock.
func (h *Hub) forget(c *conn) (registered bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, here := h.conns[c]
	delete(h.conns, c)
	h.releaseLocked(c)
	if here {
		h.forgetWatchesLocked(c)
	}
	if !c.registered {
		return false
	}
	h.unregisterLocked(c)
	return true
}

func (h *Hub) unregisterLocked(c *conn) {
	c.registered = false
	h.authenticated--
	u := h.users[c.userID]
	u.conns--
	delete(h.sessions[c.sessionID], c)
	if len(h.sessions[c.sessionID]) == 0 {
		delete(h.sessions, c.sessionID)
		delete(u.sessions, c.sessionID)
	}
	if u.conns == 0 {
		delete(h.users, c.userID)
	}
}

// report tells the registry how many sockets the session has here now.
func (h *Hub) report(userID, sessionID string) {
	h.reporting.Lock()
	defer h.reporting.Unlock()
	h.mu.Lock()
	n := len(h.sessions[sessionID])
	h.mu.Unlock()
	h.cfg.Presence.Report(userID, sessionID, n)
}
