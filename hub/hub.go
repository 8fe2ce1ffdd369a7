package hub

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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

	began time.Time
	poll  poller
	hands hands
	hurry hurry

	stats counters
	// work counts handshakes, sockets that have not closed, and goroutines. It grows only before closing, or while what
	// makes it grow counts already.
	work   sync.WaitGroup
	placed atomic.Uint32 // sockets so far: they take their agendas in turn

	lobby   lobby
	shards  [shards]shard
	agendas [agendas]agenda
	bell    bell

	mu      sync.Mutex // held where closing changes, and where that must not happen
	closing atomic.Bool
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
		began:   time.Now(),
		hands:   hands{tasks: make(chan task), over: make(chan struct{})},
		stats:   counters{handshakes: map[string]uint64{}, closes: map[string]uint64{}},
		lobby:   lobby{waiting: map[netip.Prefix]int{}},
		bell:    bell{set: never},
	}
	for i := range h.shards {
		h.shards[i] = shard{users: map[string]*conn{}, feeds: map[feedKey]*feed{}}
	}
	for i := range h.agendas {
		h.agendas[i] = agenda{hub: h, asked: never}
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
	for _, c := range h.ofSession(end.UserID, end.SessionID) {
		c.end(end.Frame)
	}
	h.SessionsChanged(end.UserID, end.SessionID)
}

// SessionRenewed gives every socket of the session fresh authority, and tells them by auth.ok. Authority never
// shrinks.
func (h *Hub) SessionRenewed(r Renewal) {
	for _, c := range h.ofSession(r.UserID, r.SessionID) {
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
	h.othersSee(userID, sessionIDs...)
}

// SessionPresence is PresenceChanged of one session that says how it stands now. A feed that knows all changes before
// this one takes it over without reading.
func (h *Hub) SessionPresence(userID, sessionID string, p Presence) {
	_, here := h.count(userID, sessionID)
	notify(h, feedKey{wire.FeedDevices, userID}, func(d *devices) bool { return d.count(sessionID, p, here) })
	h.othersSee(userID, sessionID)
}

// othersSee tells the feeds in which others see the user that counts of his connections changed.
func (h *Hub) othersSee(userID string, sessionIDs ...string) {
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
	for _, f := range h.feeds() {
		f.resync()
	}
}

// Deliver writes a message to the user's sockets here and returns to how many.
func (h *Hub) Deliver(d Delivery) int {
	n := 0
	for _, c := range h.ofUser(d.UserID) {
		if c.deliver(d.Frame, d.Except) {
			n++
		}
	}
	return n
}

// Connections is how many authenticated sockets the user has here.
func (h *Hub) Connections(userID string) int {
	n, _ := h.count(userID, "")
	return n
}

func (h *Hub) feed(key feedKey) *feed {
	s := h.shardOf(key.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.feeds[key]
}

func (h *Hub) feeds() (all []*feed) {
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.Lock()
		all = slices.AppendSeq(all, maps.Values(s.feeds))
		s.mu.Unlock()
	}
	return all
}

// hasRole tells whether roles hold one of any.
func hasRole(roles []string, any ...string) bool {
	return slices.ContainsFunc(any, func(r string) bool { return slices.Contains(roles, r) })
}
