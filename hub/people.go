package hub

import (
	"context"
	"maps"
	"slices"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// mostPeople is how many people are read in one turn.
const mostPeople = 500

// people is the presence of everybody whom a socket here watches.
type people struct {
	f     *feed
	known map[string]*person
	stale map[string]struct{} // to be read
}

// person is one of them.
type person struct {
	watches map[*watch]struct{}
	stop    func()        // ends the following of changes on other nodes; nil: not followed yet
	state   wire.Presence // UserID "": not read yet
}

func newPeople(f *feed) matter {
	return &people{f: f, known: map[string]*person{}, stale: map[string]struct{}{}}
}

func (p *people) joined(w *watch) {
	for _, id := range w.want.users {
		one := p.known[id]
		if one == nil {
			one = &person{watches: map[*watch]struct{}{}}
			p.known[id] = one
		}
		one.watches[w] = struct{}{}
		p.stale[id] = struct{}{}
	}
}

func (p *people) left(w *watch) {
	for _, id := range w.want.users {
		one := p.known[id]
		delete(one.watches, w)
		if len(one.watches) > 0 {
			continue
		}
		delete(p.known, id)
		delete(p.stale, id)
		if one.stop != nil {
			p.f.ending = append(p.f.ending, one.stop)
		}
	}
}

func (p *people) resync() {
	for id := range p.known {
		p.stale[id] = struct{}{}
	}
}

// changed notes that a user's presence may have changed, and tells whether anybody watches him.
func (p *people) changed(userID string) bool {
	if p.known[userID] == nil {
		return false
	}
	p.stale[userID] = struct{}{}
	return true
}

func (p *people) resume(w *watch) bool {
	w.start(p.snapshot(w))
	return true
}

func (p *people) snapshot(w *watch) []byte {
	users := make([]wire.Presence, len(w.want.users))
	for i, id := range w.want.users {
		users[i] = p.known[id].state
	}
	return encode(wire.PresenceSnapshot{Type: wire.TypePresenceSnapshot, Seq: w.seq, Users: users})
}

// peopleTurn reads some of the people. Those that are new are followed before they are read, so that no change gets
// lost between.
type peopleTurn struct {
	*people
	users  []string
	follow []string

	// Loaded.
	stops  map[string]func()
	states map[string]UserPresence
}

func (p *people) next() turn {
	if len(p.stale) == 0 {
		return nil
	}
	t := &peopleTurn{people: p, stops: map[string]func(){}}
	for id := range p.stale {
		if len(t.users) == mostPeople {
			break
		}
		delete(p.stale, id)
		t.users = append(t.users, id)
		if p.known[id].stop == nil {
			t.follow = append(t.follow, id)
		}
	}
	return t
}

func (t *peopleTurn) load(ctx context.Context) (err error) {
	observer := t.f.hub.cfg.Observer
	for _, id := range t.follow {
		t.stops[id] = observer.Watch(ctx, id)
	}
	t.states, err = observer.People(ctx, t.users)
	return err
}

func (t *peopleTurn) failed() {
	t.followed()
	for _, id := range t.users {
		t.changed(id)
	}
}

// followed keeps what ends the following. Of somebody who is watched no longer, or again since, it is called.
func (t *peopleTurn) followed() {
	for id, stop := range t.stops {
		if one := t.known[id]; one != nil && one.stop == nil {
			one.stop = stop
		} else {
			t.f.ending = append(t.f.ending, stop)
		}
	}
}

func (t *peopleTurn) apply() {
	t.followed()
	for _, id := range t.users {
		if one := t.known[id]; one != nil {
			one.take(id, t.states[id])
		}
	}
	for _, w := range t.f.waitingLocked(len(t.f.watches)) {
		if t.read(w) {
			t.f.startLocked(w, t.snapshot(w))
		}
	}
}

// read tells whether all of the people that the watch asked for have been read.
func (p *people) read(w *watch) bool {
	return !slices.ContainsFunc(w.want.users, func(id string) bool { return p.known[id].state.UserID == "" })
}

// take puts down how a user stands, and tells who watches him. When he was last seen never goes back, and is no news.
func (one *person) take(id string, now UserPresence) {
	before := one.state
	one.state = wire.Presence{UserID: id, Online: now.Online, LastSeenAt: before.LastSeenAt}
	if seen := wire.At(now.LastSeenAt); !now.LastSeenAt.IsZero() && (before.LastSeenAt == nil || seen.Std().After(before.LastSeenAt.Std())) {
		one.state.LastSeenAt = &seen
	}
	if before.UserID == "" || before.Online == now.Online {
		return
	}
	news := newChange(wire.PresenceChanged{Type: wire.TypePresenceChanged, Presence: one.state})
	for w := range maps.Keys(one.watches) {
		if w.live {
			w.tell(news)
		}
	}
}
