package hub

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// ConsistencyCheck tells in what the hub's parts contradict each other. The hub must be at rest.
func (h *Hub) ConsistencyCheck() error {
	return errors.Join(slices.Concat(h.checkConns(), h.checkUsers(), h.checkAgendas(), h.checkFeeds())...)
}

// checkConns: every socket is where its state says, and nowhere else.
func (h *Hub) checkConns() (wrong []error) {
	registered, placed := 0, map[netip.Prefix]int{}
	for _, c := range h.all() {
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
			placed[neighbourhood(c.addr)]++
		}
		isRegistered := c.shard != nil
		if isRegistered == c.placed || isRegistered == (phase == waiting) {
			wrong = append(wrong, fmt.Errorf("%s: registered %t, placed %t, phase %d", c.id, isRegistered, c.placed, phase))
		}
		if !isRegistered {
			continue
		}
		registered++
		if !slices.Contains(h.ofSession(c.p.UserID, c.p.SessionID), c) {
			wrong = append(wrong, fmt.Errorf("%s is not under its user and session", c.id))
		}
	}
	if n := h.authenticated(); registered != n {
		wrong = append(wrong, fmt.Errorf("%d sockets registered, %d counted", registered, n))
	}
	if !maps.Equal(placed, h.lobby.waiting) {
		wrong = append(wrong, fmt.Errorf("sockets take the places %v, counted are %v", placed, h.lobby.waiting))
	}
	return wrong
}

// checkUsers: under a user, in his shard, are sockets of his that are in the hub, and only users who have any.
func (h *Hub) checkUsers() (wrong []error) {
	here := h.all()
	for i := range h.shards {
		s, conns := &h.shards[i], 0
		for id := range s.users {
			before := conns
			s.ofLocked(id, func(c *conn) {
				conns++
				if c.p.UserID != id || c.shard != s || h.shardOf(id) != s || !slices.Contains(here, c) {
					wrong = append(wrong, fmt.Errorf("%s of %s is under %s", c.id, c.p.UserID, id))
				}
			})
			if conns == before {
				wrong = append(wrong, fmt.Errorf("user %s has no sockets", id))
			}
		}
		if conns != s.conns {
			wrong = append(wrong, fmt.Errorf("shard %d: %d sockets, counted %d", i, conns, s.conns))
		}
	}
	return wrong
}

// checkAgendas: every socket knows its place, none is due before its parent in the heap, and the bell is not late.
func (h *Hub) checkAgendas() (wrong []error) {
	h.bell.mu.Lock()
	bell := h.bell.set
	h.bell.mu.Unlock()
	for i := range h.agendas {
		a := &h.agendas[i]
		a.mu.Lock()
		for n, c := range a.conns {
			if int(c.place) != n || h.agendaOf(c) != a || n > 0 && a.conns[(n-1)/2].due > c.due {
				wrong = append(wrong, fmt.Errorf("agenda %d: %s is at %d, believes %d", i, c.id, n, c.place))
			}
		}
		if due := a.nextLocked(); due < a.asked || due < bell {
			wrong = append(wrong, fmt.Errorf("agenda %d: due at %d, asked for %d, rings at %d", i, due, a.asked, bell))
		}
		a.mu.Unlock()
	}
	return wrong
}

// checkFeeds: a feed lives exactly while sockets watch it, of its user where it is somebody's own, and both sides know
// of each other.
func (h *Hub) checkFeeds() (wrong []error) {
	watching, conns := 0, h.all()
	for _, f := range h.feeds() {
		key := f.key
		f.mu.Lock()
		if len(f.watches) == 0 || h.feed(key) != f {
			wrong = append(wrong, fmt.Errorf("feed %v: %d watches", key, len(f.watches)))
		}
		for c, w := range f.watches {
			watching++
			c.mu.Lock()
			mutual := slices.Contains(c.watches, w)
			c.mu.Unlock()
			if here := slices.Contains(conns, c); !here || !mutual || w.c != c || w.key != key || w.session != c.p.SessionID {
				wrong = append(wrong, fmt.Errorf("feed %v: here %t, mutual %t, watched by %s of %s", key, here, mutual, c.id, c.p.UserID))
			}
			if key.user != "" && key.user != c.p.UserID {
				wrong = append(wrong, fmt.Errorf("feed %v is watched by %s", key, c.p.UserID))
			}
		}
		if p, ok := f.matter.(*people); ok {
			wrong = append(wrong, p.check()...)
		}
		f.mu.Unlock()
	}
	for _, c := range conns {
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
