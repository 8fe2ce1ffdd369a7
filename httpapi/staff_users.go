package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
)

// UserPage is a part of the list of users, newest first.
type UserPage struct {
	Users      []wire.User `json:"users"`
	NextCursor string      `json:"next_cursor,omitempty"`
	Total      int         `json:"total"`
}

// Delivered is how many sockets a message was sent to.
type Delivered struct {
	Delivered int `json:"delivered"`
}

// Paging asks for a part of a list.
type Paging struct {
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" doc:"50 by default, at most 200"`
}

const (
	defaultPage = 50
	largestPage = 200
)

func (p Paging) limit() int {
	if p.Limit == 0 {
		return defaultPage
	}
	return min(p.Limit, largestPage)
}

// flag is a boolean of a query: true, false, or not asked about.
func flag(value string) *bool {
	if value == "" {
		return nil
	}
	yes := value == "true"
	return &yes
}

type userSearch struct {
	Paging
	Q      string `query:"q" doc:"The beginning of a word of address or name, or a whole id"`
	Role   string `query:"role" enum:"user,moderator,admin"`
	Online string `query:"online" enum:"true,false"`
}

type UserPath struct {
	ID string `path:"id"`
}

// explained is an act with its reason. For acts with a body it may be left out.
type explained struct {
	UserPath
	Body *Why
}

// Why goes with an act of staff.
type Why struct {
	Reason  string `json:"reason,omitempty" doc:"For the audit only"`
	Message string `json:"message,omitempty" doc:"Shown to the person"`
}

func (w *Why) check() (staff.Why, error) {
	if w == nil {
		return staff.Why{}, nil
	}
	if utf8.RuneCountInString(w.Reason) > staff.MaxReason {
		return staff.Why{}, fault.Field("reason", "must be at most 200 characters long")
	}
	if utf8.RuneCountInString(w.Message) > staff.MaxMessage {
		return staff.Why{}, fault.Field("message", "must be at most 200 characters long")
	}
	return staff.Why{Reason: w.Reason, Message: w.Message}, nil
}

type roleChange struct {
	UserPath
	Body struct {
		Roles []string `json:"roles"`
		Why
	}
}

type messaging struct {
	UserPath
	Body struct {
		Name string          `json:"name"`
		Data json.RawMessage `json:"data,omitempty"`
	}
}

func (a *API) staffUserRoutes() {
	const tag = "Staff: users"
	handle(a, route{method: "GET", path: "/admin/users", tag: tag, roles: staffRoles, summary: "Search users"}, a.users)
	handle(a, route{method: "GET", path: "/admin/users/{id}", tag: tag, roles: staffRoles, summary: "One user"}, a.oneUser)
	handle(a, route{method: "POST", path: "/admin/users", tag: tag, roles: adminRole, status: http.StatusCreated, stepUp: true,
		summary: "Make an account for somebody and invite him by mail"}, a.invite)
	handle(a, route{method: "DELETE", path: "/admin/users/{id}", tag: tag, roles: adminRole, status: http.StatusNoContent, stepUp: true,
		summary: "Delete a user's account"}, a.deleteUser)
	handle(a, route{method: "PUT", path: "/admin/users/{id}/roles", tag: tag, roles: adminRole, stepUp: true,
		summary: "Set a user's roles: in force at once, also on open sockets"}, a.setRoles)
	handle(a, route{method: "POST", path: "/admin/users/{id}/disable", tag: tag, roles: adminRole, stepUp: true,
		summary: "Disable a user and end his sessions"}, a.disable)
	handle(a, route{method: "POST", path: "/admin/users/{id}/enable", tag: tag, roles: adminRole,
		summary: "Enable a user again"}, a.enable)
	handle(a, route{method: "POST", path: "/admin/users/{id}/factors/reset", tag: tag, roles: adminRole, stepUp: true,
		summary: "Take a user's second factors away and end his sessions"}, a.resetFactors)
	handle(a, route{method: "POST", path: "/admin/users/{id}/messages", tag: tag, roles: adminRole, status: http.StatusAccepted,
		summary: "Push a message to a user's open sockets"}, a.message)
}

func (a *API) users(ctx context.Context, c *call, in *userSearch) (*answer[UserPage], error) {
	page, err := a.cfg.Accounts.Store.ListUsers(ctx, account.Query{
		Q: in.Q, Role: in.Role, Online: flag(in.Online), Cursor: in.Cursor, Limit: in.limit(),
	})
	if err != nil {
		return nil, err
	}
	out := UserPage{Users: make([]wire.User, len(page.Users)), NextCursor: page.Next, Total: page.Total}
	for i, u := range page.Users {
		out.Users[i] = user(u)
	}
	return &answer[UserPage]{out}, nil
}

func (a *API) oneUser(ctx context.Context, c *call, in *UserPath) (*answer[wire.User], error) {
	return asUser(a.cfg.Accounts.User(ctx, in.ID))
}

func asUser(u account.User, err error) (*answer[wire.User], error) {
	if err != nil {
		return nil, err
	}
	return &answer[wire.User]{user(u)}, nil
}

func (a *API) setRoles(ctx context.Context, c *call, in *roleChange) (*answer[wire.User], error) {
	reason, err := in.Body.check()
	if err != nil {
		return nil, err
	}
	return asUser(a.cfg.Staff.SetRoles(ctx, c.staff(), in.ID, in.Body.Roles, reason))
}

func (a *API) disable(ctx context.Context, c *call, in *explained) (*answer[wire.User], error) {
	reason, err := in.Body.check()
	if err != nil {
		return nil, err
	}
	return asUser(a.cfg.Staff.Disable(ctx, c.staff(), in.ID, reason))
}

func (a *API) enable(ctx context.Context, c *call, in *explained) (*answer[wire.User], error) {
	reason, err := in.Body.check()
	if err != nil {
		return nil, err
	}
	return asUser(a.cfg.Staff.Enable(ctx, c.staff(), in.ID, reason))
}

func (a *API) deleteUser(ctx context.Context, c *call, in *ending) (*nothing, error) {
	reason, err := in.why()
	if err != nil {
		return nil, err
	}
	return nil, a.cfg.Staff.Delete(ctx, c.staff(), in.ID, reason)
}

func (a *API) resetFactors(ctx context.Context, c *call, in *explained) (*answer[wire.User], error) {
	reason, err := in.Body.check()
	if err != nil {
		return nil, err
	}
	return asUser(a.cfg.Staff.ResetFactors(ctx, c.staff(), in.ID, reason))
}

// staff is the caller as somebody who acts on others.
func (c *call) staff() staff.Actor {
	return staff.Actor{UserID: c.who.UserID, Admin: c.who.Has(account.RoleAdmin), IP: c.ip()}
}

// compact is data as it is sent: what was left out is null.
func compact(data json.RawMessage) json.RawMessage {
	var out bytes.Buffer
	if json.Compact(&out, data) != nil {
		return json.RawMessage("null")
	}
	return out.Bytes()
}

// message sends first and asks then whom that was: a message to nobody harms nobody.
func (a *API) message(ctx context.Context, c *call, in *messaging) (*answer[Delivered], error) {
	name, data := in.Body.Name, compact(in.Body.Data)
	switch n := utf8.RuneCountInString(name); {
	case n < 1 || strings.ContainsFunc(name, unicode.IsControl):
		return nil, fault.Field("name", "must be 1 to 64 characters long, without control characters")
	case n > wire.MaxNameLength || len(data) > wire.MaxMessageBytes:
		return nil, errTooLarge
	}
	if !id.Is(id.User, in.ID) {
		return nil, fault.ErrNotFound
	}
	m := wire.Message{Type: wire.TypeMessage, Name: name, Data: data, From: wire.From{UserID: c.who.UserID}, At: wire.At(a.now())}
	n, err := a.cfg.Send(ctx, in.ID, m)
	if err != nil {
		return nil, err
	}
	if n == 0 { // whoever has a socket exists, and need not be looked for
		if _, err := a.cfg.Accounts.User(ctx, in.ID); err != nil {
			return nil, err
		}
	}
	a.cfg.Staff.Messaged(ctx, c.staff(), in.ID, name)
	return &answer[Delivered]{Delivered{n}}, nil
}
