// Package signin holds the steps from a credential to a session, and back: registration, password sign-in, the first
// admin's set-up, re-authentication, password change, tickets for sockets, and sign-out.
package signin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/device"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// Lives of the one-time secrets.
const (
	TicketLife = 30 * time.Second
	SetupLife  = time.Hour
)

// Service is the steps. All fields are set before use and not changed after.
type Service struct {
	Accounts *account.Service
	Sessions *session.Service
	Grants   *grant.Service
	Audit    audit.Store
	Closed   bool // nobody registers by himself
	Now      func() time.Time
	Log      *slog.Logger
}

// Entry is what a sign-in brings beside its credential.
type Entry struct {
	Transport  string // session.Cookie or session.Body
	DeviceName string // "" for one made from the User-Agent
	Cookie     string // the session cookie that came with it: a sign-in that sets the cookie ends that session
	Visit      session.Visit
}

// Register makes an account and signs it in.
func (s *Service) Register(ctx context.Context, n account.New, e Entry) (session.Issued, error) {
	if s.Closed {
		return session.Issued{}, account.ErrSignupClosed
	}
	if err := e.check(); err != nil {
		return session.Issued{}, err
	}
	n.Roles, n.Verified = nil, false
	if n.Password == "" {
		return session.Issued{}, account.CheckNewPassword("password", "")
	}
	u, err := s.Accounts.Create(ctx, n)
	if err != nil {
		return session.Issued{}, err
	}
	s.record(ctx, audit.Event{Action: audit.UserRegistered, Actor: userParty(u.ID), Target: userParty(u.ID), UserID: u.ID, IP: e.Visit.IP, Outcome: audit.Success})
	return s.start(ctx, u, []string{"pwd"}, e)
}

// Login signs in by password.
func (s *Service) Login(ctx context.Context, email, password string, e Entry) (session.Issued, error) {
	if err := e.check(); err != nil {
		return session.Issued{}, err
	}
	u, err := s.Accounts.Authenticate(ctx, email, password)
	if errors.Is(err, account.ErrInvalidCredentials) {
		s.record(ctx, audit.Event{Action: audit.SignInFailed, Actor: audit.Party{Kind: "address"}, Target: userParty(u.ID), UserID: u.ID, IP: e.Visit.IP, Outcome: audit.Failure})
	}
	if err != nil {
		return session.Issued{}, err
	}
	return s.start(ctx, u, []string{"pwd"}, e)
}

// start begins the session, and ends the one whose cookie it replaces.
func (s *Service) start(ctx context.Context, u account.User, amr []string, e Entry) (session.Issued, error) {
	name := e.DeviceName
	if name == "" {
		name = device.Name(e.Visit.Device)
	}
	out, err := s.Sessions.Start(ctx, session.Start{User: u, Transport: e.Transport, Name: name, AMR: amr, AAL: 1, Visit: e.Visit})
	if err != nil {
		return session.Issued{}, err
	}
	s.record(ctx, audit.Event{Action: audit.SignedIn, Actor: userParty(u.ID), Target: sessionParty(out.Session.ID), UserID: u.ID, IP: e.Visit.IP, Outcome: audit.Success})
	if e.Transport == session.Cookie && e.Cookie != "" {
		s.replaceCookie(ctx, e.Cookie, e.Visit.IP)
	}
	return out, nil
}

// replaceCookie signs out the session whose cookie is being overwritten: nobody could reach it any more.
func (s *Service) replaceCookie(ctx context.Context, cookie, ip string) {
	old, err := s.Sessions.Look(ctx, cookie, session.Cookie)
	if err != nil {
		return // not a live session's
	}
	if _, _, err := s.Sessions.End(ctx, old.Session.ID, signedOut(old.Session, ip)); err != nil {
		s.Log.Warn("session of a replaced cookie not ended", "session", old.Session.ID, "error", err)
	}
}

// Logout ends the caller's own session.
func (s *Service) Logout(ctx context.Context, sess session.Session, ip string) error {
	_, _, err := s.Sessions.End(ctx, sess.ID, signedOut(sess, ip))
	return err
}

func signedOut(sess session.Session, ip string) session.Ending {
	return session.Ending{Reason: "signed_out", By: wire.By{Kind: wire.BySelf}, Actor: userParty(sess.UserID), IP: ip}
}

// Setup makes the first admin by the one-time set-up link, and signs him in. Input that is refused does not spend the
// link; once an admin exists it is gone.
func (s *Service) Setup(ctx context.Context, secret string, n account.New, e Entry) (session.Issued, error) {
	if err := e.check(); err != nil {
		return session.Issued{}, err
	}
	n.Roles, n.Verified = []string{account.RoleAdmin}, true
	if n.Password == "" {
		return session.Issued{}, account.CheckNewPassword("password", "")
	}
	if err := n.Check(); err != nil {
		return session.Issued{}, err
	}
	if err := s.mayStillSetUp(ctx, n.Email); err != nil {
		return session.Issued{}, err
	}
	if _, err := s.Grants.Take(ctx, grant.Setup, secret); err != nil {
		return session.Issued{}, err
	}
	u, err := s.Accounts.Create(ctx, n)
	if err != nil {
		return session.Issued{}, err
	}
	s.record(ctx, audit.Event{Action: audit.UserCreated, Actor: audit.Party{Kind: "setup"}, Target: userParty(u.ID), UserID: u.ID, IP: e.Visit.IP, Outcome: audit.Success})
	return s.start(ctx, u, []string{"pwd"}, e)
}

func (s *Service) mayStillSetUp(ctx context.Context, email string) error {
	has, err := s.Accounts.HasAdmin(ctx)
	if err != nil {
		return err
	}
	if has {
		return grant.ErrExpired
	}
	_, err = s.Accounts.Store.UserByEmail(ctx, email)
	if err == nil {
		return account.ErrEmailTaken
	}
	if !errors.Is(err, fault.ErrNotFound) {
		return fmt.Errorf("look for the address: %w", err)
	}
	return nil
}

// SetupLink is the secret of a new set-up link; older ones die. "" once an admin exists.
func (s *Service) SetupLink(ctx context.Context) (string, error) {
	has, err := s.Accounts.HasAdmin(ctx)
	if err != nil || has {
		return "", err
	}
	if err := s.Grants.Store.DeleteGrantsOf(ctx, grant.Setup); err != nil {
		return "", fmt.Errorf("withdraw set-up links: %w", err)
	}
	return s.Grants.Give(ctx, grant.Grant{Purpose: grant.Setup, TriesLeft: 1}, SetupLife)
}

// Reauthenticate shows the password again: the session's auth_time becomes fresh.
func (s *Service) Reauthenticate(ctx context.Context, userID, sessionID, password, ip string) (session.Issued, error) {
	u, err := s.Accounts.Store.User(ctx, userID)
	if err != nil {
		return session.Issued{}, fmt.Errorf("read user: %w", err)
	}
	if err := s.Accounts.CheckPassword(ctx, u, password); err != nil {
		return session.Issued{}, err
	}
	s.record(ctx, audit.Event{Action: audit.Reauthenticated, Actor: userParty(userID), Target: sessionParty(sessionID), UserID: userID, IP: ip, Outcome: audit.Success})
	return s.Sessions.Reauthenticate(ctx, sessionID)
}

// ChangePassword replaces the password. The session that asks goes on, the user's others end.
func (s *Service) ChangePassword(ctx context.Context, userID, sessionID, current, next, ip string) error {
	u, err := s.Accounts.Store.User(ctx, userID)
	if err != nil {
		return fmt.Errorf("read user: %w", err)
	}
	if err := account.CheckNewPassword("new_password", next); err != nil {
		return err
	}
	if u.PasswordHash != "" {
		if err := s.Accounts.CheckPassword(ctx, u, current); err != nil {
			return err
		}
	}
	if _, err := s.Accounts.SetPassword(ctx, userID, next); err != nil {
		return err
	}
	s.record(ctx, audit.Event{Action: audit.PasswordChanged, Actor: userParty(userID), Target: userParty(userID), UserID: userID, IP: ip, Outcome: audit.Success})
	if err := s.Grants.Store.DeleteGrants(ctx, userID); err != nil {
		return fmt.Errorf("withdraw one-time secrets: %w", err)
	}
	sess, err := s.Sessions.Store.Session(ctx, sessionID)
	if err != nil {
		return fmt.Errorf("read session: %w", err)
	}
	_, err = s.Sessions.EndAll(ctx, userID, sessionID, session.Ending{
		Reason: "credentials_changed", By: wire.By{Kind: wire.ByUser, Name: sess.Name}, Actor: userParty(userID), IP: ip,
	})
	return err
}

// Ticket is a one-time secret that stands for the session in one handshake or auth frame.
func (s *Service) Ticket(ctx context.Context, userID, sessionID string) (string, error) {
	return s.Grants.Give(ctx, grant.Grant{Purpose: grant.Ticket, UserID: userID, SessionID: sessionID, TriesLeft: 1}, TicketLife)
}

// RedeemTicket is the session and user of a ticket.
func (s *Service) RedeemTicket(ctx context.Context, secret string) (session.Session, account.User, error) {
	g, err := s.Grants.Take(ctx, grant.Ticket, secret)
	if err != nil {
		return session.Session{}, account.User{}, err
	}
	return s.Sessions.Authority(ctx, g.SessionID)
}

func (e Entry) check() error {
	if e.DeviceName == "" {
		return nil
	}
	return session.CheckName("device_name", e.DeviceName)
}

// record appends an audit row. What was done stands; a row that fails is logged.
func (s *Service) record(ctx context.Context, e audit.Event) {
	e.ID, e.At = id.New(id.Audit), s.Now()
	if err := s.Audit.AppendAudit(ctx, e); err != nil {
		s.Log.Error("audit row not written", "action", e.Action, "user", e.UserID, "error", err)
	}
}

func userParty(userID string) audit.Party       { return audit.Party{Kind: "user", ID: userID} }
func sessionParty(sessionID string) audit.Party { return audit.Party{Kind: "session", ID: sessionID} }
