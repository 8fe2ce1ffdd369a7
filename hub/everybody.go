package hub

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Bounds of the feed of everybody's sessions.
const (
	mostUsers   = 100    // whose sessions are read in one turn
	mostPages   = 8      // snapshots in one turn
	mostPending = 5_000  // users whose news wait; beyond it everybody gets a snapshot
	mostHeld    = 10_000 // sessions remembered for one watch; beyond it it gets a snapshot
)

// everybody is all users' sessions, as staff watches them. The list itself is kept nowhere: a watch begins with a page
// of it, and of what is told to have changed the sessions are read and compared with what the watch has been told.
type everybody struct {
	f       *feed
	stop    func()          // ends the following of changes on other nodes; nil: not followed yet
	pending map[string]news // by user
	resyncs int             // a page that was read before the last one may be missing what it forgot
}

// news is what may have changed of a user's sessions.
type news struct {
	all      bool            // any of them
	sessions map[string]bool // these, true if their records
}

func newEverybody(f *feed) matter { return &everybody{f: f, pending: map[string]news{}} }

func (e *everybody) joined(w *watch) {
	w.roll = &roll{fits: e.f.hub.cfg.Sessions.Filter(w.want.q)}
}

func (e *everybody) left(*watch) {
	if len(e.f.watches) == 0 && e.stop != nil {
		e.f.ending = append(e.f.ending, e.stop)
		e.stop = nil
	}
}

func (e *everybody) resync() {
	e.resyncs++
	clear(e.pending)
	for _, w := range e.f.watches {
		if w.live {
			w.live, w.asked = false, time.Time{}
		}
	}
}

func (e *everybody) resume(w *watch) bool {
	w.live, w.asked = false, time.Time{}
	w.caughtUp()
	return true
}

// changed notes that sessions of the user may have changed: their records, or else their presence. Without ids it may
// be any.
func (e *everybody) changed(userID string, records bool, ids ...string) bool {
	n, known := e.pending[userID]
	if !known && len(e.pending) >= mostPending {
		e.resync()
		return true
	}
	n.all = n.all || len(ids) == 0
	for _, id := range ids {
		if n.sessions == nil {
			n.sessions = make(map[string]bool, len(ids))
		}
		n.sessions[id] = n.sessions[id] || records
	}
	e.pending[userID] = n
	return true
}

// everybodyTurn reads the sessions of some users, and the pages of some watches that wait.
type everybodyTurn struct {
	*everybody
	follow  bool
	news    map[string]news
	known   map[string][]string // by user
	waiting []*watch
	resyncs int // when it began

	// Loaded.
	stopped func()
	found   map[string][]wire.Session // by user
	pages   []page
}

// page is the beginning of a list.
type page struct {
	sessions []wire.Session
	total    int
}

func (e *everybody) next() turn {
	t := &everybodyTurn{everybody: e, follow: e.stop == nil, waiting: e.f.waitingLocked(mostPages), resyncs: e.resyncs}
	if len(t.waiting) == 0 && len(e.pending) == 0 {
		return nil
	}
	t.news, t.known = map[string]news{}, map[string][]string{}
	for user, n := range e.pending {
		if len(t.news) == mostUsers {
			break
		}
		delete(e.pending, user)
		t.news[user], t.known[user] = n, e.knownOf(user, n)
	}
	return t
}

// knownOf are the sessions of the user that live as far as a watch was told, or that the news name.
func (e *everybody) knownOf(user string, n news) []string {
	known := maps.Clone(n.sessions)
	if known == nil {
		known = map[string]bool{}
	}
	for _, w := range e.f.watches {
		for id, last := range w.roll.held[user] {
			if last != nil {
				known[id] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(known))
}

func (t *everybodyTurn) load(ctx context.Context) error {
	cfg := &t.f.hub.cfg
	if t.follow {
		t.stopped = cfg.Observer.WatchAll(ctx)
	}
	if len(t.known) > 0 {
		sessions, err := cfg.Sessions.Of(ctx, t.known)
		if err != nil {
			return err
		}
		t.found = make(map[string][]wire.Session, len(t.known))
		for _, s := range sessions {
			t.found[s.UserID] = append(t.found[s.UserID], s)
		}
	}
	for _, w := range t.waiting {
		sessions, total, err := cfg.Sessions.List(ctx, w.want.q, w.want.limit)
		if err != nil {
			return err
		}
		t.pages = append(t.pages, page{sessions, total})
	}
	return nil
}

// followed keeps what ends the following, or has it called if nobody is left.
func (t *everybodyTurn) followed() {
	switch {
	case t.stopped == nil:
	case t.stop == nil && len(t.f.watches) > 0:
		t.stop = t.stopped
	default:
		t.f.ending = append(t.f.ending, t.stopped)
	}
}

func (t *everybodyTurn) failed() {
	t.followed()
	for user, n := range t.news {
		if n.all {
			t.changed(user, true)
		}
		for id, records := range n.sessions {
			t.changed(user, records, id)
		}
	}
}

func (t *everybodyTurn) apply() {
	t.followed()
	for user, n := range t.news {
		t.tell(user, n, t.found[user])
	}
	if t.resyncs != t.everybody.resyncs {
		return // they wait for the next turn
	}
	for i, w := range t.waiting {
		p := t.pages[i]
		w.roll.begin(p)
		for j := range p.sessions {
			p.sessions[j].Current = p.sessions[j].ID == w.session
		}
		t.f.startLocked(w, encode(wire.SessionsSnapshot{
			Type: wire.TypeSessionsSnapshot, Seq: w.seq, Sessions: append([]wire.Session{}, p.sessions...), Total: p.total,
		}))
	}
}

// tell sends every watch what became of the user's sessions for it. What is the same for several is encoded once.
func (t *everybodyTurn) tell(user string, n news, found []wire.Session) {
	slices.SortFunc(found, func(a, b wire.Session) int { return cmp.Compare(a.ID, b.ID) })
	encoded := map[[2]string]*encoder{}
	for _, w := range t.f.watches {
		if !w.live {
			continue
		}
		for _, s := range w.roll.compare(user, n, found) {
			key := [2]string{s.change, s.session.ID}
			if encoded[key] == nil {
				encoded[key] = &encoder{delta: s, frame: sessionsChanged}
			}
			w.tell(encoded[key].of(w))
		}
		if w.roll.size > mostHeld {
			t.resume(w)
		}
	}
}

func sessionsChanged(s delta) any {
	return wire.SessionsChanged{Type: wire.TypeSessionsChanged, Change: s.change, Session: s.session}
}
