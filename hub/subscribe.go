package hub

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// feedKind is a feed of the protocol: who may watch it and what it is about.
type feedKind struct {
	roles  []string // any of these; nil: everybody
	own    bool     // every user has one of his own
	served func(*Config) bool
	wants  func(r request) (want, error) // reads what the subscription asks for
	matter func(*feed) matter
}

// staff are the roles of moderators and admins.
var staff = []string{"admin", "moderator"}

var feedKinds = map[string]feedKind{
	wire.FeedDevices: {
		own: true, served: func(*Config) bool { return true }, wants: wantsNothing, matter: newDevices,
	},
	wire.FeedPresence: {
		served: func(cfg *Config) bool { return cfg.Observer != nil }, wants: wantsPeople, matter: newPeople,
	},
	wire.FeedSessions: {
		roles: staff, served: func(cfg *Config) bool { return cfg.Sessions != nil && cfg.Observer != nil }, wants: wantsSessions, matter: newEverybody,
	},
	wire.FeedAudit: {
		roles: staff, served: func(cfg *Config) bool { return cfg.Records != nil }, wants: wantsNothing, matter: newAudit,
	},
	wire.FeedJobs: {
		roles: staff[:1], served: func(cfg *Config) bool { return cfg.Records != nil }, wants: wantsNothing, matter: newJobs,
	},
}

// want is what a subscription asks for.
type want struct {
	users []string // of presence; each once
	q     string   // of sessions
	limit int      // of sessions
}

// Bounds of what may be asked for.
const (
	defaultPage  = 50
	largestPage  = 200
	longestID    = 64  // bytes of a user's id
	longestQuery = 256 // bytes of q
)

func (c *conn) handleSubscribe(r request) {
	name, _, ok := r.text("feed")
	kind, known := feedKinds[name]
	switch {
	case !ok || !known:
		c.invalid(r, "unknown feed")
	case !allowed(c.principal(), kind.roles):
		c.forbid(r)
	case !kind.served(&c.hub.cfg):
		c.invalid(r, "this feed is not served")
	default:
		want, err := kind.wants(r)
		if err != nil {
			c.invalid(r, err.Error())
			return
		}
		c.subscribe(r, kind, feedKey{name: name}, want)
	}
}

func (c *conn) subscribe(r request, kind feedKind, key feedKey, want want) {
	p := c.principal()
	roles := kind.roles
	if key.name == wire.FeedPresence && !c.hub.cfg.PresenceVisible && !want.only(p.UserID) {
		roles = staff
	}
	if !allowed(p, roles) {
		c.forbid(r)
		return
	}
	if kind.own {
		key.user = p.UserID
	}
	c.ack(r)
	c.hub.attend(c.newWatch(key, roles, want), kind)
	c.dropLostFeeds() // a demotion may have come between
}

// allowed tells whether the user has one of the roles; nil asks for none.
func allowed(p Principal, roles []string) bool { return roles == nil || hasRole(p.Roles, roles...) }

func (c *conn) handleUnsubscribe(r request) {
	name, _, ok := r.text("feed")
	if _, known := feedKinds[name]; !ok || !known {
		c.invalid(r, "unknown feed")
		return
	}
	if w := c.watchOf(name); w != nil {
		c.hub.leave(w)
	}
	c.ack(r)
}

// only tells whether nobody but the user is asked for.
func (w want) only(userID string) bool { return len(w.users) == 1 && w.users[0] == userID }

func wantsNothing(request) (want, error) { return want{}, nil }

var errPeople = fmt.Errorf("user_ids is a list of 1 to %d ids", wire.MaxPresenceIDs)

func wantsPeople(r request) (want, error) {
	var ids []*string
	if json.Unmarshal(r.members["user_ids"], &ids) != nil || len(ids) == 0 || len(ids) > wire.MaxPresenceIDs {
		return want{}, errPeople
	}
	var out want
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if id == nil || *id == "" || len(*id) > longestID {
			return want{}, errPeople
		}
		if !seen[*id] {
			seen[*id] = true
			out.users = append(out.users, *id)
		}
	}
	return out, nil
}

func wantsSessions(r request) (want, error) {
	q, _, ok := r.text("q")
	if !ok || len(q) > longestQuery {
		return want{}, fmt.Errorf("q is a string of at most %d bytes", longestQuery)
	}
	out := want{q: strings.TrimSpace(q), limit: defaultPage}
	raw, present := r.members["limit"]
	if !present || string(raw) == "null" {
		return out, nil
	}
	if json.Unmarshal(raw, &out.limit) != nil || out.limit < 1 {
		return want{}, fmt.Errorf("limit is a whole number of at least 1")
	}
	out.limit = min(out.limit, largestPage)
	return out, nil
}
