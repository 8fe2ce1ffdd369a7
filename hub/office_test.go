package hub

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// office is the world as staff sees it: everybody's sessions with their users, and single rows.
type office struct {
	*world

	staff  sync.Mutex          // guards the following; never held while world.mu is taken
	names  map[string]string   // of users, by id
	follow map[string]int      // how often a user is followed; "" is everybody
	events map[string]string   // rows of the audit: their actions, by id
	jobs   map[string]wire.Job // by id
	reads  int                 // of rows
	worse  error               // of rows
	before func()              // when set, happens before a page is read
	after  func()              // when set, happens when a page has been read
}

func newOffice(w *world) *office {
	return &office{world: w, names: map[string]string{}, follow: map[string]int{}, events: map[string]string{}, jobs: map[string]wire.Job{}}
}

// follows is how often the user is followed, "" for everybody.
func (o *office) follows(user string) int {
	o.staff.Lock()
	defer o.staff.Unlock()
	return o.follow[user]
}

func (o *office) Watch(_ context.Context, user string) (stop func()) {
	o.staff.Lock()
	defer o.staff.Unlock()
	o.follow[user]++
	return sync.OnceFunc(func() {
		o.staff.Lock()
		defer o.staff.Unlock()
		if o.follow[user]--; o.follow[user] == 0 {
			delete(o.follow, user)
		}
	})
}

func (o *office) WatchAll(ctx context.Context) (stop func()) { return o.Watch(ctx, "") }

// People knows those who have a session.
func (o *office) People(ctx context.Context, users []string) (map[string]UserPresence, error) {
	out := map[string]UserPresence{}
	for _, user := range users {
		sessions, err := o.world.Sessions(ctx, user, nil)
		if err != nil {
			return nil, err
		}
		presence, err := o.world.Presence(ctx, user)
		if err != nil {
			return nil, err
		}
		for _, s := range sessions {
			p := out[user]
			p.Online = p.Online || presence[s.ID].Online
			if seen := s.LastSeenAt.Std(); seen.After(p.LastSeenAt) {
				p.LastSeenAt = seen
			}
			out[user] = p
		}
	}
	return out, nil
}

func (o *office) List(ctx context.Context, q string, limit int) ([]wire.Session, int, error) {
	o.staff.Lock()
	before := o.before
	o.staff.Unlock()
	if before != nil {
		before()
	}
	known := map[string][]string{}
	o.world.mu.Lock()
	for _, s := range o.world.sessions {
		known[s.UserID] = nil
	}
	o.world.mu.Unlock()
	all, err := o.Of(ctx, known)
	if err != nil {
		return nil, 0, err
	}
	fits := o.Filter(q)
	all = slices.DeleteFunc(all, func(s wire.Session) bool { return !fits(s) })
	slices.SortFunc(all, func(a, b wire.Session) int { return cmp.Compare(b.ID, a.ID) })
	o.staff.Lock()
	after := o.after
	o.staff.Unlock()
	if after != nil {
		after()
	}
	return all[:min(limit, len(all))], len(all), nil
}

func (o *office) Of(ctx context.Context, known map[string][]string) ([]wire.Session, error) {
	var out []wire.Session
	for user, ids := range known {
		sessions, err := o.world.Sessions(ctx, user, ids)
		if err != nil {
			return nil, err
		}
		presence, err := o.world.Presence(ctx, user)
		if err != nil {
			return nil, err
		}
		owner := o.owner(user)
		for _, s := range sessions {
			if s.EndedAt == nil {
				s.Online, s.Connections = presence[s.ID].Online, presence[s.ID].Connections
			}
			s.User = owner
			out = append(out, s)
		}
	}
	return out, nil
}

func (o *office) owner(user string) *wire.Owner {
	o.staff.Lock()
	defer o.staff.Unlock()
	return &wire.Owner{ID: user, Email: user + "@example.com", Name: o.names[user], Roles: []string{"user"}}
}

// Filter finds the beginnings of device names, and users.
func (o *office) Filter(q string) func(wire.Session) bool {
	return func(s wire.Session) bool { return strings.HasPrefix(s.Name, q) || s.UserID == q || s.User.Name == q }
}

func (o *office) AuditEvent(_ context.Context, id string) (wire.Event, bool, error) {
	o.staff.Lock()
	defer o.staff.Unlock()
	o.reads++
	action, ok := o.events[id]
	return wire.Event{ID: id, Action: action, Details: map[string]string{}}, ok, o.worse
}

func (o *office) Job(_ context.Context, id string) (wire.Job, bool, error) {
	o.staff.Lock()
	defer o.staff.Unlock()
	o.reads++
	j, ok := o.jobs[id]
	return j, ok, o.worse
}

// with changes the office under its lock.
func (o *office) with(change func()) {
	o.staff.Lock()
	defer o.staff.Unlock()
	change()
}

// happened adds a row to the audit and tells the hub, as the rules do.
func (o *office) happened(id, action string) {
	o.with(func() { o.events[id] = action })
	o.world.hub.AuditAdded(id)
}

// rename gives the user another name.
func (o *office) rename(user, name string) {
	o.with(func() { o.names[user] = name })
	o.world.hub.UserChanged(Claims{UserID: user})
}

var errTorn = errors.New("torn")
