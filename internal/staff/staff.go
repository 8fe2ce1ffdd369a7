// Package staff holds what admins and moderators may do to other people's accounts and sessions.
//
// An admin may do everything. A moderator reads, and ends sessions of users who are neither admin nor moderator. That
// the caller has one of the two roles, or that of admin, is checked by whoever lets him in; what depends on the target
// is checked here.
package staff

import (
	"context"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// Service is the acts of staff. All exported fields are set before use and not changed after.
type Service struct {
	Accounts *account.Service
	Sessions *session.Service
	Factors  *factor.Service
	Letters  *mail.Service
	Audit    *audit.Recorder
	// Erase takes everything personal of a disabled user out of the store.
	Erase func(ctx context.Context, userID string) error

	names names
}

// Actor is who acts: a user with a staff role, or the shell.
type Actor struct {
	UserID string // "" for the shell
	Admin  bool
	IP     string
}

// Shell is whoever has a shell on the machine.
var Shell = Actor{Admin: true}

func (a Actor) party() audit.Party {
	if a.UserID == "" {
		return audit.Party{Kind: "shell"}
	}
	return audit.Party{Kind: "user", ID: a.UserID}
}

// Why goes with an act: Reason to the audit only, Message to the person.
type Why struct {
	Reason  string
	Message string
}

// Bounds of Why, in code points.
const (
	MaxReason  = 200
	MaxMessage = 200
)

// EndSession ends somebody's session: kicked.
func (s *Service) EndSession(ctx context.Context, a Actor, sessionID string, why Why) error {
	if err := s.mayEnd(ctx, a, sessionID); err != nil {
		return err
	}
	_, _, err := s.Sessions.End(ctx, sessionID, s.ending(ctx, a, "kicked", why))
	return err
}

// mayEnd refuses a session that the actor may not end. An admin may end any: nothing is read for him, since every read
// would be time in which the session lives.
func (s *Service) mayEnd(ctx context.Context, a Actor, sessionID string) error {
	if a.Admin {
		return nil
	}
	sess, err := s.Sessions.Store.Session(ctx, sessionID)
	if err != nil {
		return fmt.Errorf("read session: %w", err)
	}
	_, err = s.target(ctx, a, sess.UserID)
	return err
}

// EndSessions ends all of somebody's sessions, and says how many.
func (s *Service) EndSessions(ctx context.Context, a Actor, userID string, why Why) (int, error) {
	if _, err := s.target(ctx, a, userID); err != nil {
		return 0, err
	}
	return s.Sessions.EndAll(ctx, userID, "", s.ending(ctx, a, "kicked", why))
}

// SetRoles replaces a user's roles. Open sockets hear of it, older access tokens are stale.
func (s *Service) SetRoles(ctx context.Context, a Actor, userID string, roles []string, why Why) (account.User, error) {
	u, changed, err := s.Accounts.SetRoles(ctx, userID, roles)
	if err != nil {
		return account.User{}, err
	}
	if changed {
		s.record(ctx, a, audit.UserRoles, userID, why, map[string]string{"roles": fmt.Sprint(u.Roles)})
	}
	return u, nil
}

// Disable takes a user's standing away and ends his sessions with account_disabled. Done again, it ends what a crash
// left open.
func (s *Service) Disable(ctx context.Context, a Actor, userID string, why Why) (u account.User, err error) {
	err = s.telling(ctx, userID, mail.Disabled, func() error {
		var changed bool
		u, changed, err = s.Accounts.SetDisabled(ctx, userID, true)
		if err == nil && !changed {
			return mail.ErrNone
		}
		if err == nil {
			s.record(ctx, a, audit.UserDisabled, userID, why, nil)
		}
		return err
	})
	if err != nil {
		return account.User{}, err
	}
	ctx = context.WithoutCancel(ctx) // his sessions end also when the caller goes away now
	_, err = s.Sessions.EndAll(ctx, userID, "", s.ending(ctx, a, "account_disabled", why))
	return u, err
}

// Enable gives a user's standing back. Ended sessions stay ended.
func (s *Service) Enable(ctx context.Context, a Actor, userID string, why Why) (account.User, error) {
	u, changed, err := s.Accounts.SetDisabled(ctx, userID, false)
	if err == nil && changed {
		s.record(ctx, a, audit.UserEnabled, userID, why, nil)
	}
	return u, err
}

// ResetFactors takes all of a user's second factors away, for somebody who has lost them, and ends his sessions. It
// takes them away again after that: a session may have added one before it ended.
func (s *Service) ResetFactors(ctx context.Context, a Actor, userID string, why Why) (account.User, error) {
	err := s.telling(ctx, userID, mail.FactorsReset, func() error {
		_, err := s.Factors.Reset(ctx, userID)
		return err
	})
	if err != nil {
		return account.User{}, err
	}
	ctx = context.WithoutCancel(ctx) // his sessions end also when the caller goes away now
	s.record(ctx, a, audit.FactorsReset, userID, why, nil)
	if _, err := s.Sessions.EndAll(ctx, userID, "", s.ending(ctx, a, "credentials_changed", why)); err != nil {
		return account.User{}, err
	}
	return s.Factors.Reset(ctx, userID)
}

// Delete is the end of an account: its user is disabled, his sessions end, and then everything personal goes. Done
// again, it finishes what a crash left.
func (s *Service) Delete(ctx context.Context, a Actor, userID string, why Why) error {
	if _, _, err := s.Accounts.SetDisabled(ctx, userID, true); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // he is gone also when the caller goes away now
	s.record(ctx, a, audit.UserDeleted, userID, why, nil)
	if _, err := s.Sessions.EndAll(ctx, userID, "", s.ending(ctx, a, "account_disabled", why)); err != nil {
		return err
	}
	return s.Erase(ctx, userID)
}

// telling has a user told by letter of a change that raises his auth_version.
func (s *Service) telling(ctx context.Context, userID, kind string, change func() error) error {
	u, err := s.Accounts.User(ctx, userID)
	if err != nil {
		return err
	}
	l := mail.To(u, kind)
	l.AuthVersion = u.AuthVersion + 1
	return s.Letters.Telling(ctx, change, l)
}

// Messaged records that an admin sent a message to a user's devices.
func (s *Service) Messaged(ctx context.Context, a Actor, userID, name string) {
	s.record(ctx, a, audit.MessageSent, userID, Why{}, map[string]string{"name": name})
}

// target is the user whose sessions the actor wants to end, if he may.
func (s *Service) target(ctx context.Context, a Actor, userID string) (account.User, error) {
	u, err := s.Accounts.User(ctx, userID)
	if err != nil {
		return account.User{}, fmt.Errorf("read user: %w", err)
	}
	if !a.Admin && u.Staff() {
		return account.User{}, fault.ErrForbidden
	}
	return u, nil
}

func (s *Service) ending(ctx context.Context, a Actor, reason string, why Why) session.Ending {
	by := wire.By{Kind: wire.ByAdmin}
	if a.UserID != "" {
		by.Name = s.names.of(a.UserID, s.Audit.Now(), func() (string, error) {
			u, err := s.Accounts.User(ctx, a.UserID)
			return u.Name, err
		})
	}
	return session.Ending{Reason: reason, By: by, Message: why.Message, Note: why.Reason, Actor: a.party(), IP: a.IP}
}

func (s *Service) record(ctx context.Context, a Actor, action, userID string, why Why, details map[string]string) {
	s.Audit.Record(ctx, audit.Event{
		Action: action, Actor: a.party(), Target: audit.Party{Kind: "user", ID: userID},
		UserID: userID, IP: a.IP, Outcome: audit.Success, Reason: why.Reason, Details: details,
	})
}
