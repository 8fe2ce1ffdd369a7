package rules

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/location"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

// heralded is a store whose facts webhooks are told of: an event is queued before its fact is written and made due
// after, so that it is told if the fact came true, whatever becomes of this process. That it cannot be queued is no
// reason to refuse: a kick must land.
type heralded struct {
	Store
	r *Rules
}

// InsertSession tells that a session started.
func (h heralded) InsertSession(ctx context.Context, s session.Session) (out session.Session, err error) {
	e := webhook.Event{Type: webhook.SessionStarted, At: s.CreatedAt, Data: webhook.Data{UserID: s.UserID, SessionID: s.ID}}
	err = h.telling(ctx, e, func() error {
		out, err = h.Store.InsertSession(ctx, s)
		return err
	})
	if err == nil && s.Location == nil && public(s.IP) {
		if _, err := location.Enqueue(ctx, h.r.Queue, s.ID); err != nil {
			h.r.Log.Warn("the place of a session is not looked for", "session", s.ID, "error", err)
		}
	}
	return out, err
}

// public tells whether an address may have a place.
func public(ip string) bool {
	addr, err := netip.ParseAddr(ip)
	return err == nil && addr.IsGlobalUnicast() && !addr.IsPrivate()
}

// errNoNews is of a fact that was there before.
var errNoNews = errors.New("no news")

// EndSession tells that a session ended. It is read for that, unless nobody would be told.
func (h heralded) EndSession(ctx context.Context, id string, end session.End) (s session.Session, ended bool, err error) {
	if !h.r.Hooks.Wanted(ctx, webhook.SessionEnded) {
		return h.Store.EndSession(ctx, id, end)
	}
	if s, err = h.Session(ctx, id); err != nil || s.Ended() {
		return s, false, err
	}
	e := webhook.Event{Type: webhook.SessionEnded, At: end.At, Data: webhook.Data{
		UserID: s.UserID, SessionID: s.ID, Reason: end.Reason, By: &webhook.By{Kind: end.By.Kind},
	}}
	err = h.telling(ctx, e, func() error {
		if s, ended, err = h.Store.EndSession(ctx, id, end); err == nil && !ended {
			return errNoNews
		}
		return err
	})
	if errors.Is(err, errNoNews) {
		err = nil
	}
	return s, ended, err
}

// ReplaceUser tells that a user's roles changed, or that he was disabled.
func (h heralded) ReplaceUser(ctx context.Context, u account.User, stamp bool) (out account.User, err error) {
	e, ok := h.change(ctx, u, stamp)
	if !ok {
		return h.Store.ReplaceUser(ctx, u, stamp)
	}
	err = h.telling(ctx, e, func() error {
		out, err = h.Store.ReplaceUser(ctx, u, stamp)
		return err
	})
	return out, err
}

// change is what a user's record says that it did not say before. The one it replaces is read for it, unless nobody
// would be told.
func (h heralded) change(ctx context.Context, u account.User, stamp bool) (e webhook.Event, ok bool) {
	if !stamp || !h.r.Hooks.Wanted(ctx, webhook.RolesChanged, webhook.UserDisabled) {
		return e, false
	}
	before, err := h.User(ctx, u.ID)
	if err != nil {
		return e, false
	}
	e = webhook.Event{At: h.r.Now(), Epoch: u.Epoch, Data: webhook.Data{UserID: u.ID}}
	switch {
	case u.Disabled && !before.Disabled:
		e.Type = webhook.UserDisabled
	case !slices.Equal(u.Roles, before.Roles):
		e.Type, e.Data.Roles = webhook.RolesChanged, u.Roles
	default:
		return e, false
	}
	return e, true
}

func (h heralded) telling(ctx context.Context, e webhook.Event, write func() error) error {
	jobs, err := h.r.Hooks.Raise(ctx, e, outbox.Fallback)
	if err != nil {
		h.r.Log.Error("webhooks are not told of an event", "event", e.Type, "error", err)
	}
	if err := write(); err != nil {
		return err // the jobs find out by themselves that it did not come true
	}
	h.r.Queue.Due(ctx, jobs...)
	return nil
}
