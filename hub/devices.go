package hub

import (
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// withPresence merges what the registry knows into a record.
func withPresence(s wire.Session, p Presence) wire.Session {
	s.Current, s.Online, s.Connections = false, p.Online, p.Connections
	if p.LastSeenAt.After(s.LastSeenAt.Std()) {
		s.LastSeenAt = wire.At(p.LastSeenAt)
	}
	return s
}

// replaceLocked makes the records loaded the list, and tells the watches what changed.
func (f *feed) replaceLocked(records []wire.Session, presence map[string]Presence) {
	list, ended := map[string]wire.Session{}, map[string]wire.Session{}
	for _, s := range records {
		if s.EndedAt != nil {
			ended[s.ID] = withPresence(s, Presence{})
			continue
		}
		list[s.ID] = withPresence(s, presence[s.ID])
	}
	old := f.list
	f.list = list
	for _, id := range slices.Sorted(maps.Keys(old)) {
		if _, lives := list[id]; !lives {
			f.emitLocked(wire.ChangeRemoved, farewell(old[id], ended))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(list)) {
		before, known := old[id]
		f.compareLocked(before, known, list[id])
	}
}

// recountLocked puts fresh counts into the list. A session that is online and not in it must be loaded.
func (f *feed) recountLocked(presence map[string]Presence) {
	for id, p := range presence {
		if _, known := f.list[id]; !known && p.Online {
			f.reload = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(f.list)) {
		before := f.list[id]
		f.list[id] = withPresence(before, presence[id])
		f.compareLocked(before, true, f.list[id])
	}
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

// compareLocked tells the watches what became of one session.
func (f *feed) compareLocked(before wire.Session, known bool, now wire.Session) {
	if !known {
		quiet := now
		quiet.Online, quiet.Connections = false, 0
		f.emitLocked(wire.ChangeAdded, quiet)
		before = quiet
	}
	switch {
	case now.Online && !before.Online:
		f.emitLocked(wire.ChangeOnline, now)
	case !now.Online && before.Online:
		f.emitLocked(wire.ChangeOffline, now)
	case !alike(before, now):
		f.emitLocked(wire.ChangeUpdated, now)
	}
}

// alike tells whether nothing changed that is worth a frame. Times alone are not.
func alike(a, b wire.Session) bool {
	return a.Name == b.Name && a.Device == b.Device && a.IP == b.IP && sameLocation(a.Location, b.Location) &&
		slices.Equal(a.AMR, b.AMR) && a.AAL == b.AAL && a.Connections == b.Connections
}

func sameLocation(a, b *wire.Location) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// emitLocked sends one change to every watch that has its snapshot. It is encoded once for the session's own
// sockets, where current is true, and once for all others.
func (f *feed) emitLocked(change string, s wire.Session) {
	f.seq++
	var variants [2][]byte
	for _, w := range f.watches {
		if !w.live {
			continue
		}
		i := 0
		if s.Current = w.session == s.ID; s.Current {
			i = 1
		}
		if variants[i] == nil {
			variants[i] = encode(wire.DevicesChanged{Type: wire.TypeDevicesChanged, Seq: f.seq, Change: change, Device: s})
		}
		w.push(variants[i])
	}
}
