package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
)

// SessionList is a user's own devices: the current one first, then those online, then those seen last.
type SessionList struct {
	Sessions []wire.Session `json:"sessions"`
}

// Ticket stands for a session in one handshake or auth frame.
type Ticket struct {
	Ticket    string `json:"ticket"`
	ExpiresIn int    `json:"expires_in"`
}

type SessionPath struct {
	ID string `path:"id"`
}

type renaming struct {
	SessionPath
	Body struct {
		Name string `json:"name"`
	}
}

func (a *API) sessionRoutes() {
	const tag = "My devices"
	handle(a, route{method: "GET", path: "/auth/session", tag: tag, owing: true, summary: "The session of this access token"}, a.ownSession)
	handle(a, route{method: "GET", path: "/auth/sessions", tag: tag, summary: "All my devices"}, a.ownSessions)
	handle(a, route{method: "PATCH", path: "/auth/sessions/{id}", tag: tag, summary: "Name one of my devices"}, a.renameSession)
	handle(a, route{method: "DELETE", path: "/auth/sessions/{id}", tag: tag, status: http.StatusNoContent,
		summary: "Sign out one of my devices: its sockets close at once"}, a.endSession)
	handle(a, route{method: "POST", path: "/auth/logout/others", tag: tag, status: http.StatusNoContent, stepUp: true,
		summary: "Sign out all my other devices"}, a.logoutOthers)
	handle(a, route{method: "POST", path: "/auth/logout/all", tag: tag, status: http.StatusNoContent,
		summary: "Sign out all my devices, this one too"}, a.logoutAll)
	handle(a, route{method: "POST", path: "/auth/ticket", tag: tag, summary: "A one-time ticket for a socket"}, a.ticket)
}

func (a *API) ownSession(ctx context.Context, c *call, _ *struct{}) (*answer[wire.Session], error) {
	s, err := a.cfg.Sessions.Get(ctx, c.who.UserID, c.who.SessionID)
	return a.asSession(ctx, c, s, err)
}

func (a *API) asSession(ctx context.Context, c *call, s session.Session, err error) (*answer[wire.Session], error) {
	if err != nil {
		return nil, err
	}
	w, err := a.session(ctx, s, c.who.SessionID)
	if err != nil {
		return nil, err
	}
	return &answer[wire.Session]{w}, nil
}

func (a *API) ownSessions(ctx context.Context, c *call, _ *struct{}) (*answer[SessionList], error) {
	list, err := a.cfg.Sessions.List(ctx, c.who.UserID)
	if err != nil {
		return nil, err
	}
	states, err := a.cfg.Presence.Presence(ctx, c.who.UserID)
	if err != nil {
		return nil, fmt.Errorf("read presence: %w", err)
	}
	out := make([]wire.Session, len(list))
	for i, s := range list {
		out[i] = present(s, states, c.who.SessionID)
	}
	slices.SortFunc(out, wire.ByInterest)
	return &answer[SessionList]{SessionList{out}}, nil
}

func (a *API) renameSession(ctx context.Context, c *call, in *renaming) (*answer[wire.Session], error) {
	s, err := a.cfg.Sessions.Rename(ctx, c.who.UserID, in.ID, in.Body.Name)
	return a.asSession(ctx, c, s, err)
}

// endSession signs out one of the caller's devices; his current one is an ordinary sign-out.
func (a *API) endSession(ctx context.Context, c *call, in *SessionPath) (*nothing, error) {
	err := a.cfg.SignIn.EndOwn(ctx, c.actor(), in.ID)
	if err == nil && in.ID == c.who.SessionID {
		c.dropCookie()
	}
	return nil, err
}

func (a *API) logoutOthers(ctx context.Context, c *call, _ *struct{}) (*nothing, error) {
	return nil, a.cfg.SignIn.LogoutOthers(ctx, c.actor())
}

func (a *API) logoutAll(ctx context.Context, c *call, _ *struct{}) (*nothing, error) {
	err := a.cfg.SignIn.LogoutAll(ctx, c.actor())
	if err == nil {
		c.dropCookie()
	}
	return nil, err
}

func (a *API) ticket(ctx context.Context, c *call, _ *struct{}) (*answer[Ticket], error) {
	// A ticket outlives the check of the access token, so the record is looked at too.
	if _, err := a.cfg.Sessions.Get(ctx, c.who.UserID, c.who.SessionID); errors.Is(err, fault.ErrNotFound) {
		return nil, fault.ErrInvalidToken
	} else if err != nil {
		return nil, err
	}
	secret, err := a.cfg.SignIn.Ticket(ctx, c.who.UserID, c.who.SessionID)
	if err != nil {
		return nil, err
	}
	return &answer[Ticket]{Ticket{secret, seconds(signin.TicketLife)}}, nil
}

// actor is the caller as the rules know him.
func (c *call) actor() signin.Actor {
	return signin.Actor{UserID: c.who.UserID, SessionID: c.who.SessionID, IP: c.ip()}
}
