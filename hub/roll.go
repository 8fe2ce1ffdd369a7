package hub

import (
	"cmp"
	"maps"
	"slices"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// roll is what a watch of everybody's sessions has been told of them.
type roll struct {
	fits func(wire.Session) bool
	last *wire.Session                       // of the page; nil when the page was the whole list
	held map[string]map[string]*wire.Session // by user and id, as told last; nil once it was told to have ended
	size int
}

// begin forgets everything but the page.
func (r *roll) begin(p page) {
	r.last, r.held, r.size = nil, map[string]map[string]*wire.Session{}, 0
	for _, s := range p.sessions {
		r.hold(s.UserID, s.ID, &s)
		if len(p.sessions) < p.total {
			r.last = &s
		}
	}
}

// behind tells whether the session stood behind the page, if it stood in the list then.
func (r *roll) behind(s wire.Session) bool {
	if r.last == nil {
		return false
	}
	return cmp.Or(s.CreatedAt.Std().Compare(r.last.CreatedAt.Std()), cmp.Compare(s.ID, r.last.ID)) < 0
}

func (r *roll) hold(user, id string, s *wire.Session) {
	if r.held[user] == nil {
		r.held[user] = map[string]*wire.Session{}
	}
	if _, held := r.held[user][id]; !held {
		r.size++
	}
	r.held[user][id] = s
}

func (r *roll) drop(user, id string) {
	delete(r.held[user], id)
	r.size--
	if len(r.held[user]) == 0 {
		delete(r.held, user)
	}
}

// compare is what the watch is to be told of the user's sessions as they were found: those that live, and those of
// the known that have ended.
func (r *roll) compare(user string, n news, found []wire.Session) (out []delta) {
	for _, id := range r.vanished(user, found) {
		out = append(out, delta{wire.ChangeRemoved, farewell(*r.held[user][id], nil)})
		r.hold(user, id, nil)
	}
	for _, s := range found {
		last, held := r.held[user][s.ID]
		fits := r.fits(s)
		switch {
		case held && last == nil: // after removed comes nothing
		case s.EndedAt != nil:
			if held || fits && n.sessions[s.ID] {
				out = append(out, delta{wire.ChangeRemoved, s})
				r.hold(user, s.ID, nil)
			}
		case held && !fits:
			out = append(out, delta{wire.ChangeRemoved, s})
			r.drop(user, s.ID)
		case held:
			out = append(out, deltas(*last, true, s)...)
			r.hold(user, s.ID, &s)
		case fits && n.names(s.ID):
			out = append(out, r.unheard(n, s)...)
			r.hold(user, s.ID, &s)
		}
	}
	return out
}

// vanished are sessions that the watch holds for live and that were not found at all.
func (r *roll) vanished(user string, found []wire.Session) []string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(r.held[user])) {
		gone := !slices.ContainsFunc(found, func(s wire.Session) bool { return s.ID == id })
		if gone && r.held[user][id] != nil {
			out = append(out, id)
		}
	}
	return out
}

// unheard is what to tell of a session that the watch has not been told of. If it was not in the page though it would
// stand there, it is new. How one behind the page stood before is not known: from what happened and how it stands now
// it is taken for the likeliest.
func (r *roll) unheard(n news, s wire.Session) []delta {
	switch {
	case !r.behind(s):
		return deltas(wire.Session{}, false, s)
	case n.all || n.sessions[s.ID] || s.Online && s.Connections != 1:
		return []delta{{wire.ChangeUpdated, s}}
	case s.Online:
		return []delta{{wire.ChangeOnline, s}}
	}
	return []delta{{wire.ChangeOffline, s}}
}

// names tells whether the news may be of the session.
func (n news) names(id string) bool {
	_, named := n.sessions[id]
	return n.all || named
}
