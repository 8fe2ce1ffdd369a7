package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// Ending is why and by whom a session ends.
type Ending struct {
	Reason  string      // a close code's name
	By      wire.By     // as the person sees it
	Message string      // for the person
	Note    string      // for the audit only
	Actor   audit.Party // zero for the system
	IP      string
}

// End ends a session: one atomic step of its record, then the announcement, then the audit row. A session that has
// ended stays as its first end left it; ended tells whether this call was it.
func (s *Service) End(ctx context.Context, sessionID string, e Ending) (sess Session, ended bool, err error) {
	return s.endDue(ctx, sessionID, e, time.Time{})
}

// endDue ends a session that, in the atomic step, has run out by due. With the zero time it ends any.
func (s *Service) endDue(ctx context.Context, sessionID string, e Ending, due time.Time) (sess Session, ended bool, err error) {
	now := s.Now()
	sess, ended, err = s.Store.EndSession(ctx, sessionID, End{
		At: now, PurgeAt: now.Add(s.Lives.Kept), Reason: e.Reason, By: e.By, Message: e.Message, Due: due,
	})
	if err != nil {
		return Session{}, false, fmt.Errorf("end session: %w", err)
	}
	if !ended {
		return sess, false, nil
	}
	ctx = context.WithoutCancel(ctx) // all are told also when the caller goes away now
	s.Announce(ctx, sess)
	if err := s.Audit.AppendAudit(ctx, endedRow(sess, e)); err != nil {
		return sess, true, fmt.Errorf("record end: %w", err)
	}
	return sess, true, nil
}

// endedRow is the audit row of an end. Its id follows from the end, so that it can be written again.
func endedRow(sess Session, e Ending) audit.Event {
	actor := e.Actor
	if actor.Kind == "" {
		actor.Kind = "system"
	}
	return audit.Event{
		ID: id.Derived(id.Audit, sess.EndedAt, audit.SessionEnded+sess.ID), At: sess.EndedAt, Action: audit.SessionEnded,
		Actor: actor, Target: audit.Party{Kind: "session", ID: sess.ID}, UserID: sess.UserID, IP: e.IP, Outcome: audit.Success,
		Reason: e.Note, Details: map[string]string{"end_reason": sess.EndReason, "message": sess.EndMessage},
	}
}

// EndAll ends the user's live sessions but except, and says how many. One that cannot be ended does not spare the
// others, nor does a caller who goes away.
func (s *Service) EndAll(ctx context.Context, userID, except string, e Ending) (int, error) {
	list, err := s.Store.SessionsOf(ctx, userID)
	if err != nil {
		return 0, fmt.Errorf("list sessions: %w", err)
	}
	list = slices.DeleteFunc(list, func(x Session) bool { return x.ID == except })
	ctx = context.WithoutCancel(ctx)
	return endEach(list, func(x Session) (bool, error) {
		_, ended, err := s.End(ctx, x.ID, e)
		return ended, err
	})
}

// endEach counts those that end ended, and joins the errors. One that is gone is no error.
func endEach(list []Session, end func(Session) (bool, error)) (n int, err error) {
	for _, x := range list {
		ended, endErr := end(x)
		if ended {
			n++
		}
		if !errors.Is(endErr, fault.ErrNotFound) {
			err = errors.Join(err, endErr)
		}
	}
	return n, err
}

// Sweep ends sessions that have passed their idle or absolute end, and says how many. A refresh that comes between
// wins: the end is looked at again in the atomic step.
func (s *Service) Sweep(ctx context.Context) (int, error) {
	now := s.Now()
	due, err := s.Store.DueSessions(ctx, now, sweepBatch)
	if err != nil {
		return 0, fmt.Errorf("find expired sessions: %w", err)
	}
	return endEach(due, func(x Session) (bool, error) {
		_, ended, err := s.endDue(ctx, x.ID, expired, now)
		return ended, err
	})
}

// Bounds of a sweep.
const (
	sweepBatch = 500
	sweepAhead = 10 * time.Second // that it looks
)

// Sweeper sweeps only when a session may have passed its end. It is for one goroutine.
type Sweeper struct {
	*Service
	quiet time.Time // until when none ends
}

// Sweep is Service's. When there was nothing to do it looks ahead, and does not ask the store again before something is
// due. A session that begins after that look, or is refreshed, ends later than it reaches: lives are longer.
func (w *Sweeper) Sweep(ctx context.Context) (int, error) {
	now := w.Now()
	if now.Before(w.quiet) {
		return 0, nil
	}
	n, err := w.Service.Sweep(ctx)
	if n > 0 || err != nil {
		return n, err
	}
	ahead := now.Add(min(sweepAhead, w.Lives.Refresh, w.Lives.Absolute))
	next, err := w.Store.DueSessions(ctx, ahead, 1)
	if err != nil {
		return 0, fmt.Errorf("find the next session to expire: %w", err)
	}
	w.quiet = ahead
	if len(next) > 0 {
		w.quiet = next[0].End()
	}
	return 0, nil
}

var expired = Ending{Reason: "session_expired", By: wire.By{Kind: wire.BySystem}}

// standing is the user of a session that may go on: not ended, within its life, the user there and enabled. What has
// run out is ended here and now.
func (s *Service) standing(ctx context.Context, sess Session) (account.User, error) {
	if sess.Ended() {
		return account.User{}, Revoked(sess.EndedFrame())
	}
	if !s.Now().Before(sess.End()) {
		return account.User{}, s.endAndRefuse(ctx, sess, expired)
	}
	user, err := s.Users.User(ctx, sess.UserID)
	if errors.Is(err, fault.ErrNotFound) || err == nil && user.Disabled {
		return account.User{}, s.endAndRefuse(ctx, sess, Ending{Reason: "account_disabled", By: wire.By{Kind: wire.BySystem}})
	}
	if err != nil {
		return account.User{}, fmt.Errorf("read user: %w", err)
	}
	return user, nil
}

func (s *Service) endAndRefuse(ctx context.Context, sess Session, e Ending) error {
	after, _, err := s.End(ctx, sess.ID, e)
	if err != nil {
		return err
	}
	return Revoked(after.EndedFrame())
}

// Authority is the session and its user, when both may go on: what a ticket or a cookie stands for.
func (s *Service) Authority(ctx context.Context, sessionID string) (Session, account.User, error) {
	sess, err := s.Store.Session(ctx, sessionID)
	if errors.Is(err, fault.ErrNotFound) {
		return Session{}, account.User{}, fault.ErrInvalidToken
	}
	if err != nil {
		return Session{}, account.User{}, fmt.Errorf("read session: %w", err)
	}
	user, err := s.standing(ctx, sess)
	return sess, user, err
}

// endedError carries the end of a session through an error.
type endedError struct{ frame wire.SessionEnded }

func (e *endedError) Error() string { return "session ended: " + e.frame.Reason }

// Revoked is the refusal session_revoked, with reason, by, at and message as session.ended has them.
func Revoked(frame wire.SessionEnded) error {
	out := fault.ErrSessionRevoked.Because(&endedError{frame}).With("reason", frame.Reason).With("by", frame.By).With("at", frame.At)
	if frame.Message != "" {
		out = out.With("message", frame.Message)
	}
	return out
}

// EndOf is the end that a Revoked error carries.
func EndOf(err error) (wire.SessionEnded, bool) {
	var e *endedError
	if !errors.As(err, &e) {
		return wire.SessionEnded{}, false
	}
	return e.frame, true
}
