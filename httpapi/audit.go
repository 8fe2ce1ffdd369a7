package httpapi

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// EventPage is a part of the audit trail, newest first.
type EventPage struct {
	Events     []wire.Event `json:"events"`
	NextCursor string       `json:"next_cursor,omitempty"`
}

type auditSearch struct {
	Paging
	Actor  string `query:"actor" doc:"An id"`
	Target string `query:"target" doc:"An id"`
	Action string `query:"action"`
	Since  string `query:"since" format:"date-time"`
	Until  string `query:"until" format:"date-time"`
}

func (a *API) auditRoutes() {
	handle(a, route{method: "GET", path: "/auth/activity", tag: "My account", summary: "What happened to my account"}, a.activity)
	handle(a, route{method: "GET", path: "/admin/audit", tag: "Staff: audit", roles: staffRoles, summary: "What happened"}, a.auditTrail)
}

// activity shows a user what concerns him. Of what staff did he sees neither their address nor their reason.
func (a *API) activity(ctx context.Context, c *call, in *Paging) (*answer[EventPage], error) {
	page, err := a.rows(ctx, audit.Query{UserID: c.who.UserID, Cursor: in.Cursor, Limit: in.limit()})
	if err != nil {
		return nil, err
	}
	for i := range page.Events {
		e := &page.Events[i]
		e.Reason, e.User = "", nil
		if e.Actor.Kind == "user" && e.Actor.ID != c.who.UserID {
			e.IP, e.Actor.ID = "", ""
		}
	}
	return &answer[EventPage]{page}, nil
}

func (a *API) auditTrail(ctx context.Context, _ *call, in *auditSearch) (*answer[EventPage], error) {
	since, err := instant("since", in.Since)
	if err != nil {
		return nil, err
	}
	end, err := instant("until", in.Until)
	if err != nil {
		return nil, err
	}
	page, err := a.rows(ctx, audit.Query{
		Actor: in.Actor, Target: in.Target, Action: in.Action, Since: since, Until: end, Cursor: in.Cursor, Limit: in.limit(),
	})
	return &answer[EventPage]{page}, err
}

func instant(member, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fault.Field(member, "must be a time of RFC 3339")
	}
	return t, nil
}

func (a *API) rows(ctx context.Context, q audit.Query) (EventPage, error) {
	rows, next, err := a.cfg.Audit.AuditEvents(ctx, q)
	if err != nil {
		return EventPage{}, err
	}
	events, err := a.EventsOf(ctx, rows)
	return EventPage{Events: events, NextCursor: next}, err
}

// EventsOf are rows of the audit as staff sees them: with the names of their actors, and whom they concern.
func (a *API) EventsOf(ctx context.Context, rows []audit.Event) ([]wire.Event, error) {
	users, err := a.usersOf(ctx, rows)
	if err != nil {
		return nil, err
	}
	out := make([]wire.Event, len(rows))
	for i, e := range rows {
		out[i] = wire.Event{
			ID: e.ID, At: wire.At(e.At), Action: e.Action, Actor: wire.Actor{Kind: e.Actor.Kind, ID: e.Actor.ID, Name: users[e.Actor.ID].Name},
			Target: wire.Target(e.Target), IP: e.IP, Outcome: e.Outcome, Reason: e.Reason, Details: e.Details,
		}
		if e.Details == nil {
			out[i].Details = map[string]string{}
		}
		if u, ok := users[e.UserID]; ok {
			out[i].User = &wire.Whom{ID: u.ID, Email: u.Email, Name: u.Name}
		}
	}
	return out, nil
}

// usersOf are the users whom rows name, by id, as far as they are still there.
func (a *API) usersOf(ctx context.Context, rows []audit.Event) (map[string]account.User, error) {
	var ids []string
	for _, e := range rows {
		for _, who := range []string{e.Actor.ID, e.UserID} {
			if id.Is(id.User, who) && !slices.Contains(ids, who) {
				ids = append(ids, who)
			}
		}
	}
	found, err := a.cfg.Accounts.Store.UsersByID(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read actors: %w", err)
	}
	users := make(map[string]account.User, len(found))
	for _, u := range found {
		users[u.ID] = u
	}
	return users, nil
}
