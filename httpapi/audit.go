package httpapi

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// EventPage is a part of the audit trail, newest first.
type EventPage struct {
	Events     []Event `json:"events"`
	NextCursor string  `json:"next_cursor,omitempty"`
}

// Event is something that happened.
type Event struct {
	ID      string            `json:"id"`
	At      wire.Time         `json:"at"`
	Action  string            `json:"action"`
	Actor   Actor             `json:"actor"`
	Target  Target            `json:"target"`
	IP      string            `json:"ip"`
	Outcome string            `json:"outcome" enum:"success,failure"`
	Reason  string            `json:"reason,omitempty" doc:"For staff only"`
	Details map[string]string `json:"details"`
}

// Actor is who did it. Name is as it is now.
type Actor struct {
	Kind string `json:"kind"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Target is to whom or what.
type Target struct {
	Kind string `json:"kind"`
	ID   string `json:"id,omitempty"`
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
	page, err := a.events(ctx, audit.Query{UserID: c.who.UserID, Cursor: in.Cursor, Limit: in.limit()})
	if err != nil {
		return nil, err
	}
	for i := range page.Events {
		e := &page.Events[i]
		e.Reason = ""
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
	page, err := a.events(ctx, audit.Query{
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

// events reads a page and joins the names of its actors.
func (a *API) events(ctx context.Context, q audit.Query) (EventPage, error) {
	rows, next, err := a.cfg.Audit.AuditEvents(ctx, q)
	if err != nil {
		return EventPage{}, err
	}
	names, err := a.names(ctx, rows)
	if err != nil {
		return EventPage{}, err
	}
	page := EventPage{Events: make([]Event, len(rows)), NextCursor: next}
	for i, e := range rows {
		page.Events[i] = Event{
			ID: e.ID, At: wire.At(e.At), Action: e.Action, Actor: Actor{Kind: e.Actor.Kind, ID: e.Actor.ID, Name: names[e.Actor.ID]},
			Target: Target(e.Target), IP: e.IP, Outcome: e.Outcome, Reason: e.Reason, Details: e.Details,
		}
		if e.Details == nil {
			page.Events[i].Details = map[string]string{}
		}
	}
	return page, nil
}

func (a *API) names(ctx context.Context, rows []audit.Event) (map[string]string, error) {
	names := make(map[string]string)
	var ids []string
	for _, e := range rows {
		if _, known := names[e.Actor.ID]; !known && id.Is(id.User, e.Actor.ID) {
			names[e.Actor.ID] = ""
			ids = append(ids, e.Actor.ID)
		}
	}
	users, err := a.cfg.Accounts.Store.UsersByID(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read actors: %w", err)
	}
	for _, u := range users {
		names[u.ID] = u.Name
	}
	return names, nil
}
