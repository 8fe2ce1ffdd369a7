package gatehouse

import (
	"context"
	"errors"
	"slices"

	"github.com/gatehouse-dev/gatehouse/httpapi"
	"github.com/gatehouse-dev/gatehouse/hub"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/words"
)

// observer lets the hub see people whose sockets may be on other nodes. What is no id of a user names nobody.
type observer struct{ g *Gatehouse }

func (o observer) Watch(ctx context.Context, userID string) (stop func()) {
	if !id.Is(id.User, userID) {
		return func() {}
	}
	return o.g.cluster.Watch(ctx, userID)
}

func (o observer) WatchAll(ctx context.Context) (stop func()) { return o.g.cluster.WatchAll(ctx) }

// People asks the registry, and of those who are offline the records, when they were seen.
func (o observer) People(ctx context.Context, userIDs []string) (map[string]hub.UserPresence, error) {
	ids := slices.DeleteFunc(slices.Clone(userIDs), func(s string) bool { return !id.Is(id.User, s) })
	states, err := whoIsHere(o).PresenceOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]hub.UserPresence, len(ids))
	for _, userID := range ids {
		var p hub.UserPresence
		for _, s := range states[userID] {
			p.Online = p.Online || s.Online
			if s.LastSeen.After(p.LastSeenAt) {
				p.LastSeenAt = s.LastSeen
			}
		}
		if !p.Online {
			if err := o.lastSeen(ctx, userID, &p); err != nil {
				return nil, err
			}
		}
		out[userID] = p
	}
	return out, nil
}

func (o observer) lastSeen(ctx context.Context, userID string, p *hub.UserPresence) error {
	list, err := o.g.rules.Sessions.List(ctx, userID)
	for _, s := range list {
		if s.LastSeenAt.After(p.LastSeenAt) {
			p.LastSeenAt = s.LastSeenAt
		}
	}
	return err
}

// everybody shows the hub all users' sessions, as GET /admin/sessions shows them.
type everybody struct{ g *Gatehouse }

func (e everybody) List(ctx context.Context, q string, limit int) ([]wire.Session, int, error) {
	page, err := e.g.rules.Store.ListSessions(ctx, session.Query{Q: q, Limit: limit})
	if err != nil {
		return nil, 0, err
	}
	list, err := e.g.api.SessionsOf(ctx, page.Sessions, "")
	return list, page.Total, err
}

func (e everybody) Of(ctx context.Context, known map[string][]string) ([]wire.Session, error) {
	var all []session.Session
	for userID, ids := range known {
		list, err := e.g.rules.Sessions.List(ctx, userID, ids...)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return e.g.api.SessionsOf(ctx, all, "")
}

// Filter finds what the stores find: they index by the same words.
func (e everybody) Filter(q string) func(wire.Session) bool {
	query := words.Parse(q)
	return func(s wire.Session) bool {
		if query.Any() {
			return true
		}
		of := words.Name(s.Name)
		if s.User != nil {
			of = append(append(of, words.Email(s.User.Email)...), words.Name(s.User.Name)...)
		}
		return query.Match(of, s.ID, s.UserID, s.IP)
	}
}

// records shows the hub single rows, as the API shows them.
type records struct{ g *Gatehouse }

func (r records) AuditEvent(ctx context.Context, eventID string) (wire.Event, bool, error) {
	rows, _, err := r.g.rules.Store.AuditEvents(ctx, audit.Query{ID: eventID, Limit: 1})
	if err != nil || len(rows) == 0 {
		return wire.Event{}, false, err
	}
	events, err := r.g.api.EventsOf(ctx, rows)
	if err != nil {
		return wire.Event{}, false, err
	}
	return events[0], true, nil
}

func (r records) Job(ctx context.Context, jobID string) (wire.Job, bool, error) {
	j, err := r.g.rules.Store.Job(ctx, jobID)
	if errors.Is(err, fault.ErrNotFound) {
		return wire.Job{}, false, nil
	}
	if err != nil {
		return wire.Job{}, false, err
	}
	return httpapi.JobOf(j), true, nil
}
