package hub

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Hub holds the sockets of this node. It is safe for concurrent use.
type Hub struct {
	// Static after construction.
	cfg     Config
	limits  Limits
	origins map[string]bool
	log     *slog.Logger
	ctx     context.Context // of what sockets ask of the interfaces of cfg
	cancel  context.CancelFunc

	stats counters
	work  sync.WaitGroup // every goroutine of the hub; grows only before closing, or from a goroutine in it

	reporting sync.Mutex // held around Registry.Report, so that counts are told in order

	mu            sync.Mutex // guards the following
	closing       bool
	conns         map[*conn]struct{}
	users         map[string]*presentUser
	sessions      map[string]map[*conn]struct{}
	waiting       map[netip.Prefix]int // sockets without credential
	feeds         map[feedKey]*feed
	authenticated int
}

// presentUser is a user with sockets here.
type presentUser struct {
	sessions map[string]struct{}
	conns    int
}

// New makes a Hub.
func New(cfg Config) *Hub {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.ClientAddr == nil {
		cfg.ClientAddr = peerAddr
	}
	if cfg.Refuse == nil {
		cfg.Refuse = writeProblem
	}
	h := &Hub{
		cfg: cfg, limits: cfg.Limits.withDefaults(), log: cfg.Log,
		origins: make(map[string]bool, len(cfg.Origins)),
		stats:   counters{handshakes: map[string]uint64{}, closes: map[string]uint64{}},

		conns:    map[*conn]struct{}{},
		users:    map[string]*presentUser{},
		sessions: map[string]map[*conn]struct{}{},
		waiting:  map[netip.Prefix]int{},
		feeds:    map[feedKey]*feed{},
	}
	for _, o := range cfg.Origins {
		h.origins[o] = true
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// SessionEnded ends every socket of the session: nothing more is delivered to them, they are told, and closed with
// the code of Frame.Reason. It does not wait for them. The first end wins; later ones do nothing.
func (h *Hub) SessionEnded(end End) {
	end.Frame.Type = wire.TypeSessionEnded
	for _, c := range h.ofSession(end.SessionID) {
		c.end(end.Frame)
	}
	h.SessionsChanged(end.UserID, end.SessionID)
}

// SessionRenewed gives every socket of the session fresh authority, and tells them by auth.ok. Authority never
// shrinks.
func (h *Hub) SessionRenewed(r Renewal) {
	for _, c := range h.ofSession(r.SessionID) {
		c.renew(r, "")
	}
}

// UserChanged puts newer claims in force on the user's sockets, tells those whose roles change, and ends the feeds
// that these do not allow.
func (h *Hub) UserChanged(claims Claims) {
	for _, c := range h.ofUser(claims.UserID) {
		c.claim(claims)
	}
	notify(h, feedKey{name: wire.FeedSessions}, func(e *everybody) bool { return e.changed(claims.UserID, true) })
}

// SessionsChanged says that records of the user's sessions changed: those named, or any of them. Feeds load them again.
func (h *Hub) SessionsChanged(userID string, sessionIDs ...string) {
	notify(h, feedKey{wire.FeedDevices, userID}, func(d *devices) bool { d.reload = true; return true })
	notify(h, feedKey{name: wire.FeedSessions}, func(e *everybody) bool { return e.changed(userID, true, sessionIDs...) })
}

// PresenceChanged says that counts of the user's connections changed: those of the sessions named, or of any. Feeds
// read them again.
func (h *Hub) PresenceChanged(userID string, sessionIDs ...string) {
	notify(h, feedKey{wire.FeedDevices, userID}, func(d *devices) bool { d.recount = true; return true })
	notify(h, feedKey{name: wire.FeedPresence}, func(p *people) bool { return p.changed(userID) })
	notify(h, feedKey{name: wire.FeedSessions}, func(e *everybody) bool { return e.changed(userID, false, sessionIDs...) })
}

// AuditAdded says that a row was added to the audit. It is read if somebody watches.
func (h *Hub) AuditAdded(eventID string) {
	notify(h, feedKey{name: wire.FeedAudit}, func(r *rows) bool { return r.changed(eventID) })
}

// JobChanged says that a job came, or stands otherwise. It is read if somebody watches.
func (h *Hub) JobChanged(jobID string) {
	notify(h, feedKey{name: wire.FeedJobs}, func(r *rows) bool { return r.changed(jobID) })
}

// Resync says that changes of anybody may have been missed. All feeds load everything again; those without a list
// are lost, and told so.
func (h *Hub) Resync() {
	h.mu.Lock()
	feeds := slices.Collect(maps.Values(h.feeds))
	h.mu.Unlock()
	for _, f := range feeds {
		f.resync()
	}
}

// Deliver writes a message to the user's sockets here and returns to how many. Data that is not JSON reaches nobody.
func (h *Hub) Deliver(d Delivery) int {
	conns := h.ofUser(d.UserID)
	if len(conns) == 0 {
		return 0
	}
	d.Message.Type = wire.TypeMessage
	if len(d.Message.Data) == 0 {
		d.Message.Data = []byte("null")
	}
	data, err := marshal(d.Message)
	if err != nil {
		h.log.Warn("message does not encode", "user", d.UserID, "err", err)
		return 0
	}
	n := 0
	for _, c := range conns {
		if c.deliver(data, d.Except) {
			n++
		}
	}
	return n
}

// Connections is how many authenticated sockets the user has here.
func (h *Hub) Connections(userID string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if u := h.users[userID]; u != nil {
		return u.conns
	}
	return 0
}

func (h *Hub) ofSession(id string) []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	conns := make([]*conn, 0, len(h.sessions[id]))
	for c := range h.sessions[id] {
		conns = append(conns, c)
	}
	return conns
}

func (h *Hub) ofUser(id string) []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := h.users[id]
	if u == nil {
		return nil
	}
	conns := make([]*conn, 0, u.conns)
	for s := range u.sessions {
		for c := range h.sessions[s] {
			conns = append(conns, c)
		}
	}
	return conns
}

func (h *Hub) all() []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	conns := make([]*conn, 0, len(h.conns))
	for c := range h.conns {
		conns = append(conns, c)
	}
	return conns
}

func (h *Hub) feed(key feedKey) *feed {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.feeds[key]
}

// hasRole tells whether roles hold one of any.
func hasRole(roles []string, any ...string) bool {
	return slices.ContainsFunc(any, func(r string) bool { return slices.Contains(roles, r) })
}
