package hub

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// devices are the live sessions of one user.
type devices struct {
	f       *feed
	list    map[string]wire.Session // nil: never loaded
	reload  bool                    // records may have changed
	recount bool                    // connections may have changed
	seq     int64                   // up to which change of connections the list is true; 0: unknown
}

func newDevices(f *feed) matter { return &devices{f: f} }

func (d *devices) joined(*watch) { d.reload = true }

func (d *devices) left(*watch) {}

func (d *devices) resync() { d.reload = true }

func (d *devices) resume(w *watch) bool {
	w.start(d.snapshot(w))
	return true
}

func (d *devices) snapshot(w *watch) []byte {
	list := make([]wire.Session, 0, len(d.list))
	for _, s := range d.list {
		s.Current = s.ID == w.session
		list = append(list, s)
	}
	slices.SortFunc(list, wire.ByInterest)
	return encode(wire.DevicesSnapshot{Type: wire.TypeDevicesSnapshot, Seq: w.seq, Devices: list})
}

// devicesTurn loads the list, or only the counts.
type devicesTurn struct {
	*devices
	records bool
	known   []string
	waiting []*watch

	// Loaded.
	sessions []wire.Session
	presence map[string]Presence
}

func (d *devices) next() turn {
	if !d.reload && !d.recount {
		return nil
	}
	t := &devicesTurn{devices: d, records: d.reload || d.list == nil}
	d.reload, d.recount = false, false
	if t.records {
		t.known = slices.Collect(maps.Keys(d.list))
		t.waiting = d.f.waitingLocked(len(d.f.watches))
	}
	return t
}

func (t *devicesTurn) load(ctx context.Context) (err error) {
	cfg, user := &t.f.hub.cfg, t.f.key.user
	if t.records {
		if t.sessions, err = cfg.Devices.Sessions(ctx, user, t.known); err != nil {
			return err
		}
	}
	t.presence, err = cfg.Presence.Presence(ctx, user)
	return err
}

func (t *devicesTurn) failed() {
	t.reload, t.recount = t.reload || t.records, t.recount || !t.records
}

func (t *devicesTurn) apply() {
	t.seq = 0
	for _, p := range t.presence {
		t.seq = p.Seq // that of the user: all have the same
	}
	if !t.records {
		t.countAgain(t.presence)
		return
	}
	t.replace(t.sessions, t.presence)
	for _, w := range t.waiting {
		t.f.startLocked(w, t.snapshot(w))
	}
}

// withPresence merges what the registry knows into a record.
func withPresence(s wire.Session, p Presence) wire.Session {
	s.Current, s.Online, s.Connections = false, p.Online, p.Connections
	if p.LastSeenAt.After(s.LastSeenAt.Std()) {
		s.LastSeenAt = wire.At(p.LastSeenAt)
	}
	return s
}

// replace makes the records loaded the list, and tells the watches what changed.
func (d *devices) replace(records []wire.Session, presence map[string]Presence) {
	list, ended := map[string]wire.Session{}, map[string]wire.Session{}
	for _, s := range records {
		if s.EndedAt != nil {
			ended[s.ID] = withPresence(s, Presence{})
			continue
		}
		list[s.ID] = withPresence(s, presence[s.ID])
	}
	old := d.list
	d.list = list
	for _, id := range slices.Sorted(maps.Keys(old)) {
		if _, lives := list[id]; !lives {
			d.tell(delta{wire.ChangeRemoved, farewell(old[id], ended)})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(list)) {
		before, known := old[id]
		d.tell(deltas(before, known, list[id])...)
	}
}

// count puts how a session stands now into the list, if that goes on from what the list has, and tells whether something
// must be loaded instead. Of the session's sockets here, so many, what the registry said was ahead of the changes: one
// that does not agree with them is history.
func (d *devices) count(sessionID string, p Presence, here int) (load bool) {
	before, known := d.list[sessionID]
	switch {
	case p.Seq != 0 && p.Seq <= d.seq:
		return false
	case d.f.loading, d.seq == 0, p.Seq != d.seq+1, !known, here > 0 && here != p.Connections:
		d.recount = true
		return true
	}
	d.seq = p.Seq
	d.list[sessionID] = withPresence(before, p)
	d.tell(deltas(before, true, d.list[sessionID])...)
	return false
}

// countAgain puts fresh counts into the list. A session that is online and not in it must be loaded.
func (d *devices) countAgain(presence map[string]Presence) {
	for id, p := range presence {
		if _, known := d.list[id]; !known && p.Online {
			d.reload = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(d.list)) {
		before := d.list[id]
		d.list[id] = withPresence(before, presence[id])
		d.tell(deltas(before, true, d.list[id])...)
	}
}

// tell sends changes to every watch that has its snapshot. Each is encoded once for the session's own sockets, where
// current is true, and once for all others.
func (d *devices) tell(changes ...delta) {
	for _, s := range changes {
		e := encoder{delta: s, frame: func(s delta) any {
			return wire.DevicesChanged{Type: wire.TypeDevicesChanged, Change: s.change, Device: s.session}
		}}
		for _, w := range d.f.watches {
			if w.live {
				w.tell(e.of(w))
			}
		}
	}
}

// delta is one change of a session.
type delta struct {
	change  string
	session wire.Session
}

// encoder encodes a delta when the first watch needs it, for those whose own session it is of and for the others.
type encoder struct {
	delta
	frame    func(delta) any
	variants [2]change
}

func (e *encoder) of(w *watch) change {
	i := 0
	if e.session.Current = w.session == e.session.ID; e.session.Current {
		i = 1
	}
	if e.variants[i].head == nil {
		e.variants[i] = newChange(e.frame(e.delta))
	}
	return e.variants[i]
}

// farewell is the session as a removed change tells it. A record that is already gone has no reason left to give.
func farewell(last wire.Session, ended map[string]wire.Session) wire.Session {
	if s, ok := ended[last.ID]; ok {
		return s
	}
	now := wire.At(time.Now())
	last.Online, last.Connections = false, 0
	last.EndedAt, last.EndReason = &now, wire.CloseSessionExpired.Name()
	return last
}

// deltas are what became of one session.
func deltas(before wire.Session, known bool, now wire.Session) (out []delta) {
	if !known {
		before = now
		before.Online, before.Connections = false, 0
		out = append(out, delta{wire.ChangeAdded, before})
	}
	switch {
	case now.Online && !before.Online:
		return append(out, delta{wire.ChangeOnline, now})
	case !now.Online && before.Online:
		return append(out, delta{wire.ChangeOffline, now})
	case !alike(before, now):
		return append(out, delta{wire.ChangeUpdated, now})
	}
	return out
}

// alike tells whether nothing changed that is worth a frame. Times alone are not.
func alike(a, b wire.Session) bool {
	return a.Name == b.Name && a.Device == b.Device && a.IP == b.IP && sameLocation(a.Location, b.Location) &&
		slices.Equal(a.AMR, b.AMR) && a.AAL == b.AAL && a.Connections == b.Connections && sameOwner(a.User, b.User)
}

func sameLocation(a, b *wire.Location) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func sameOwner(a, b *wire.Owner) bool {
	return a == b || a != nil && b != nil && a.Email == b.Email && a.Name == b.Name && slices.Equal(a.Roles, b.Roles)
}
