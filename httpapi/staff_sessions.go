package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
)

// SessionPage is a part of the list of everybody's sessions, newest first, each with its user.
type SessionPage struct {
	Sessions   []wire.Session `json:"sessions"`
	NextCursor string         `json:"next_cursor,omitempty"`
	Total      int            `json:"total"`
}

// EndedSessions is how many sessions a call ended.
type EndedSessions struct {
	Ended int `json:"ended"`
}

// Stats is who is here, and on which nodes.
type Stats struct {
	Nodes          []Node `json:"nodes"`
	UsersOnline    int    `json:"users_online"`
	SessionsOnline int    `json:"sessions_online"`
	Connections    int    `json:"connections"`
}

// Node is a running process.
type Node struct {
	ID          string    `json:"id"`
	StartedAt   wire.Time `json:"started_at"`
	Connections int       `json:"connections"`
	LagMS       int64     `json:"lag_ms" doc:"How old this node's knowledge of ended sessions is, in milliseconds"`
}

type sessionSearch struct {
	Paging
	Q      string `query:"q" doc:"The beginning of a word of device name, or of the owner's address or name; or a whole IP address or id"`
	UserID string `query:"user_id"`
	Online string `query:"online" enum:"true,false"`
}

// ending is an act of DELETE: some proxies drop its body, so the reason may stand in the query.
type ending struct {
	ID      string `path:"id"`
	Reason  string `query:"reason" doc:"For the audit only"`
	Message string `query:"message" doc:"Shown to the person"`
	Body    *Why
}

func (in *ending) why() (staff.Why, error) {
	w := Why{Reason: in.Reason, Message: in.Message}
	if in.Body != nil {
		w = *in.Body
	}
	return w.check()
}

func (a *API) staffSessionRoutes() {
	const tag = "Staff: sessions"
	handle(a, route{method: "GET", path: "/admin/sessions", tag: tag, roles: staffRoles, summary: "Search sessions"}, a.sessions)
	handle(a, route{method: "DELETE", path: "/admin/sessions/{id}", tag: tag, roles: staffRoles, status: http.StatusNoContent,
		summary: "End somebody's session: its sockets close at once"}, a.kick)
	handle(a, route{method: "DELETE", path: "/admin/users/{id}/sessions", tag: tag, roles: staffRoles,
		summary: "End all of a user's sessions"}, a.kickAll)
	handle(a, route{method: "GET", path: "/admin/stats", tag: tag, roles: adminRole, summary: "Nodes and counts"}, a.stats)
}

func (a *API) sessions(ctx context.Context, c *call, in *sessionSearch) (*answer[SessionPage], error) {
	page, err := a.cfg.Sessions.Store.ListSessions(ctx, session.Query{
		Q: in.Q, UserID: in.UserID, Online: flag(in.Online), Cursor: in.Cursor, Limit: in.limit(),
	})
	if err != nil {
		return nil, err
	}
	list, err := a.SessionsOf(ctx, page.Sessions, c.who.SessionID)
	if err != nil {
		return nil, err
	}
	return &answer[SessionPage]{SessionPage{Sessions: list, NextCursor: page.Next, Total: page.Total}}, nil
}

// SessionsOf are sessions as staff sees them: with their users and presence. Current is the caller's own, if it is his.
func (a *API) SessionsOf(ctx context.Context, sessions []session.Session, current string) ([]wire.Session, error) {
	var ids []string
	owners := make(map[string]*wire.Owner)
	for _, s := range sessions {
		if _, known := owners[s.UserID]; !known {
			owners[s.UserID] = nil
			ids = append(ids, s.UserID)
		}
	}
	users, err := a.cfg.Accounts.Store.UsersByID(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read owners: %w", err)
	}
	for _, u := range users {
		owners[u.ID] = owner(u)
	}
	states, err := a.cfg.Presence.PresenceOf(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read presence: %w", err)
	}
	out := make([]wire.Session, len(sessions))
	for i, s := range sessions {
		out[i] = present(a.cfg.Sessions.Traces.Overlay(s), states[s.UserID], current)
		out[i].User = owners[s.UserID]
	}
	return out, nil
}

func owner(u account.User) *wire.Owner {
	return &wire.Owner{ID: u.ID, Email: u.Email, Name: u.Name, Roles: u.Roles}
}

func (a *API) kick(ctx context.Context, c *call, in *ending) (*nothing, error) {
	reason, err := in.why()
	if err != nil {
		return nil, err
	}
	return nil, a.cfg.Staff.EndSession(ctx, c.staff(), in.ID, reason)
}

func (a *API) kickAll(ctx context.Context, c *call, in *ending) (*answer[EndedSessions], error) {
	reason, err := in.why()
	if err != nil {
		return nil, err
	}
	n, err := a.cfg.Staff.EndSessions(ctx, c.staff(), in.ID, reason)
	if err != nil {
		return nil, err
	}
	return &answer[EndedSessions]{EndedSessions{n}}, nil
}

func (a *API) stats(ctx context.Context, _ *call, _ *struct{}) (*answer[Stats], error) {
	ctx, cancel := context.WithTimeout(ctx, statsTimeout)
	defer cancel()
	totals, err := a.cfg.Presence.Totals(ctx)
	if err != nil {
		return nil, fmt.Errorf("count who is online: %w", err)
	}
	nodes, err := a.cfg.Nodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	return &answer[Stats]{Stats{
		Nodes: nodes, UsersOnline: totals.Users, SessionsOnline: totals.Sessions, Connections: totals.Connections,
	}}, nil
}

const statsTimeout = 5 * time.Second
