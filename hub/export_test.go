package hub

import (
	"errors"
	"fmt"
	"slices"
)

// ConsistencyCheck tells in what the hub's maps contradict each other. The hub must be at rest.
func (h *Hub) ConsistencyCheck() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(append(append(h.checkConns(), h.checkUsers()...), h.checkFeeds()...)...)
}

// checkConns: every socket is where its state says, and nowhere else.
func (h *Hub) checkConns() (wrong []error) {
	registered, placed := 0, map[any]int{}
	for c := range h.conns {
		c.mu.Lock()
		phase, ended, owes := c.phase, c.final != nil, c.debt != nil
		if owes && (phase == open || c.p.AAL >= 2) || phase == owing && !owes {
			wrong = append(wrong, fmt.Errorf("%s: owes %t %q, phase %d, aal %d", c.id, owes, c.p.Owes, phase, c.p.AAL))
		}
		c.mu.Unlock()
		if ended {
			wrong = append(wrong, fmt.Errorf("%s has ended and is still here", c.id))
		}
		if c.placed {
			placed[c.from]++
		}
		if c.registered == c.placed || c.registered == (phase == waiting) {
			wrong = append(wrong, fmt.Errorf("%s: registered %t, placed %t, phase %d", c.id, c.registered, c.placed, phase))
		}
		if !c.registered {
			continue
		}
		registered++
		if _, ok := h.sessions[c.sessionID][c]; !ok {
			wrong = append(wrong, fmt.Errorf("%s is not under its session", c.id))
		}
		if u := h.users[c.userID]; u == nil {
			wrong = append(wrong, fmt.Errorf("%s is not under its user", c.id))
		} else if _, ok := u.sessions[c.sessionID]; !ok {
			wrong = append(wrong, fmt.Errorf("the session of %s is not under its user", c.id))
		}
	}
	if registered != h.authenticated {
		wrong = append(wrong, fmt.Errorf("%d sockets registered, %d counted", registered, h.authenticated))
	}
	for from, n := range h.waiting {
		if n < 1 || n != placed[from] {
			wrong = append(wrong, fmt.Errorf("%d places of %v taken, by %d sockets", n, from, placed[from]))
		}
		delete(placed, from)
	}
	if len(placed) > 0 {
		wrong = append(wrong, fmt.Errorf("sockets without a place: %v", placed))
	}
	return wrong
}

// checkUsers: users, sessions and sockets are one tree.
func (h *Hub) checkUsers() (wrong []error) {
	sessions := 0
	for id, u := range h.users {
		conns := 0
		for s := range u.sessions {
			sessions++
			conns += len(h.sessions[s])
			for c := range h.sessions[s] {
				if c.userID != id || c.sessionID != s {
					wrong = append(wrong, fmt.Errorf("%s of %s, %s is under %s, %s", c.id, c.userID, c.sessionID, id, s))
				}
				if _, ok := h.conns[c]; !ok {
					wrong = append(wrong, fmt.Errorf("%s is under its session and not in the hub", c.id))
				}
			}
			if len(h.sessions[s]) == 0 {
				wrong = append(wrong, fmt.Errorf("session %s is empty", s))
			}
		}
		if conns != u.conns || conns == 0 {
			wrong = append(wrong, fmt.Errorf("user %s: %d sockets, counted %d", id, conns, u.conns))
		}
	}
	if sessions != len(h.sessions) {
		wrong = append(wrong, fmt.Errorf("%d sessions under users, %d in all", sessions, len(h.sessions)))
	}
	return wrong
}

// checkFeeds: a feed lives exactly while sockets watch it, of its user where it is somebody's own, and both sides know
// of each other.
func (h *Hub) checkFeeds() (wrong []error) {
	watching := 0
	for key, f := range h.feeds {
		f.mu.Lock()
		if len(f.watches) == 0 || f.key != key {
			wrong = append(wrong, fmt.Errorf("feed %v: of %v, %d watches", key, f.key, len(f.watches)))
		}
		for c, w := range f.watches {
			watching++
			c.mu.Lock()
			mutual := slices.Contains(c.watches, w)
			c.mu.Unlock()
			if _, here := h.conns[c]; !here || !mutual || w.c != c || w.key != key || w.session != c.sessionID {
				wrong = append(wrong, fmt.Errorf("feed %v: here %t, mutual %t, watched by %s of %s", key, here, mutual, c.id, c.userID))
			}
			if key.user != "" && key.user != c.userID {
				wrong = append(wrong, fmt.Errorf("feed %v is watched by %s", key, c.userID))
			}
		}
		if p, ok := f.matter.(*people); ok {
			wrong = append(wrong, p.check()...)
		}
		f.mu.Unlock()
	}
	for c := range h.conns {
		c.mu.Lock()
		watching -= len(c.watches)
		c.mu.Unlock()
	}
	if watching != 0 {
		wrong = append(wrong, fmt.Errorf("feeds have %+d watches more than sockets have", watching))
	}
	return wrong
}

// check: people are known exactly while somebody watches them.
func (p *people) check() (wrong []error) {
	wanted := map[string]int{}
	for _, w := range p.f.watches {
		for _, id := range w.want.users {
			wanted[id]++
		}
	}
	for id, one := range p.known {
		if len(one.watches) != wanted[id] || wanted[id] == 0 {
			wrong = append(wrong, fmt.Errorf("%s is watched by %d, known to be by %d", id, wanted[id], len(one.watches)))
		}
	}
	if len(p.known) != len(wanted) || len(p.stale) > len(p.known) {
		wrong = append(wrong, fmt.Errorf("%d people known, %d wanted, %d stale", len(p.known), len(wanted), len(p.stale)))
	}
	return wrong
}
