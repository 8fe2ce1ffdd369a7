// Package signin holds the steps from a credential to a session, and back: registration, password sign-in, the first
// admin's set-up, re-authentication, password change, tickets for sockets, and sign-out.
package signin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/device"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/oauth"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// Lives of the one-time secrets.
const (
	TicketLife = 30 * time.Second
	SetupLife  = time.Hour
)

// Service is the steps. All fields are set before use and not changed after.
type Service struct {
	Accounts  *account.Service
	Sessions  *session.Service
	Grants    *grant.Service
	Factors   *factor.Service
	Letters   *mail.Service
	Marks     Marks
	Providers map[string]oauth.Provider
	Audit     *audit.Recorder
	Closed    bool // nobody registers by himself
	Now       func() time.Time
	Log       *slog.Logger
}

// Entry is what a sign-in brings beside its credential.
type Entry struct {
	Transport  string // session.Cookie or session.Body
	DeviceName string // "" for one made from the User-Agent
	Replaces   string // the session whose cookie is overwritten, where the cookie itself cannot come
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
	u, err := s.create(ctx, n)
	if err != nil {
		return session.Issued{}, err
	}
	s.record(ctx, audit.Event{Action: audit.UserRegistered, Actor: userParty(u.ID), Target: userParty(u.ID), UserID: u.ID, IP: e.Visit.IP, Outcome: audit.Success})
	return s.start(ctx, u, 1, []string{"pwd"}, e)
}

// Login signs in by password.
func (s *Service) Login(ctx context.Context, email, password string, e Entry) (Outcome, error) {
	if err := e.check(); err != nil {
		return Outcome{}, err
	}
	u, err := s.Accounts.Authenticate(ctx, email, password)
	if errors.Is(err, account.ErrInvalidCredentials) {
		s.refused(ctx, audit.Party{Kind: "address"}, u.ID, e.Visit.IP)
	}
	if err != nil {
		return Outcome{}, err
	}
	return s.enter(ctx, u, 1, "pwd", e)
}

// refused records a credential that was no good, of whoever it was to be.
func (s *Service) refused(ctx context.Context, by audit.Party, userID, ip string) {
	s.record(ctx, audit.Event{Action: audit.SignInFailed, Actor: by, Target: userParty(userID), UserID: userID, IP: ip, Outcome: audit.Failure})
}

// create makes an account that can be used at once.
func (s *Service) create(ctx context.Context, n account.New) (u account.User, err error) {
	n.ID, n.Welcomed = id.New(id.User), true
	if err := n.Check(); err != nil {
		return u, err
	}
	err = s.Letters.Telling(ctx, func() error {
		u, err = s.Accounts.Create(ctx, n)
		return err
	}, mail.Letter{Kind: mail.Welcome, To: n.Email, Name: n.Name, UserID: n.ID})
	return u, err
}

// start begins the session, and ends the one whose cookie it replaces.
func (s *Service) start(ctx context.Context, u account.User, aal int, amr []string, e Entry) (out session.Issued, err error) {
	name := cmp.Or(e.DeviceName, device.Name(e.Visit.Device))
	begin := session.Start{
		ID: id.New(id.Session), User: u, Transport: e.Transport, Name: name, AMR: session.AMR(aal, amr...), AAL: aal, Visit: e.Visit,
	}
	news, err := s.newDevice(ctx, u, begin.ID, e.Visit)
	if err != nil {
		return session.Issued{}, err
	}
	err = s.Letters.Telling(ctx, func() error {
		out, err = s.Sessions.Start(ctx, begin)
		return err
	}, news...)
	if err != nil {
		return session.Issued{}, err
	}
	s.know(ctx, u, e.Visit)
	s.record(ctx, audit.Event{Action: audit.SignedIn, Actor: userParty(u.ID), Target: sessionParty(out.Session.ID), UserID: u.ID, IP: e.Visit.IP, Outcome: audit.Success})
	if e.Transport == session.Cookie {
		s.replace(ctx, e)
	}
	return out, nil
}

// replace signs out the session whose cookie is being overwritten: nobody could reach it any more.
func (s *Service) replace(ctx context.Context, e Entry) {
	id := e.Replaces
	if e.Cookie != "" {
		id = s.SessionOf(ctx, e.Cookie)
	}
	if id == "" {
		return
	}
	old, err := s.Sessions.Store.Session(ctx, id)
	if err == nil {
		err = s.Logout(ctx, old, e.Visit.IP)
	}
	if err != nil && !errors.Is(err, fault.ErrNotFound) {
		s.Log.Warn("session of a replaced cookie not ended", "session", id, "error", err)
	}
}

// SessionOf is the live session of a cookie, or "".
func (s *Service) SessionOf(ctx context.Context, cookie string) string {
	shown, err := s.Sessions.Look(ctx, cookie, session.Cookie)
	if err != nil {
		return ""
	}
	return shown.Session.ID
}

// Logout ends the caller's own session.
func (s *Service) Logout(ctx context.Context, sess session.Session, ip string) error {
	_, _, err := s.Sessions.End(ctx, sess.ID, signedOut(sess, ip))
	return err
}

func signedOut(sess session.Session, ip string) session.Ending {
	return session.Ending{Reason: "signed_out", By: wire.By{Kind: wire.BySelf}, Actor: userParty(sess.UserID), IP: ip}
}

// EndOwn ends one of the user's own sessions; the one he acts from is signed out. One that has ended stays as it is,
// and what is not his is not found.
func (s *Service) EndOwn(ctx context.Context, a Actor, sessionID string) error {
	sess, err := s.Sessions.Store.Session(ctx, sessionID)
	if err != nil {
		return fmt.Errorf("read session: %w", err)
	}
	if sess.UserID != a.UserID {
		return fault.ErrNotFound
	}
	if sess.ID == a.SessionID {
		return s.Logout(ctx, sess, a.IP)
	}
	e, err := s.fromOther(ctx, a, "session_revoked")
	if err == nil {
		_, _, err = s.Sessions.End(ctx, sess.ID, e)
	}
	return err
}

// LogoutOthers ends the user's sessions but the one he acts from.
func (s *Service) LogoutOthers(ctx context.Context, a Actor) error {
	e, err := s.fromOther(ctx, a, "session_revoked")
	if err == nil {
		_, err = s.Sessions.EndAll(ctx, a.UserID, a.SessionID, e)
	}
	return err
}

// LogoutAll ends them all: his own last, so that a failure leaves him able to try again.
func (s *Service) LogoutAll(ctx context.Context, a Actor) error {
	if err := s.LogoutOthers(ctx, a); err != nil {
		return err
	}
	return s.EndOwn(ctx, a, a.SessionID)
}

// fromOther is an ending by another of the user's devices, which is named to the one that goes.
func (s *Service) fromOther(ctx context.Context, a Actor, reason string) (session.Ending, error) {
	own, err := s.own(ctx, a)
	if err != nil {
		return session.Ending{}, err
	}
	return session.Ending{Reason: reason, By: wire.By{Kind: wire.ByUser, Name: own.Name}, Actor: userParty(a.UserID), IP: a.IP}, nil
}

// own is the session that somebody acts from, as its record stands: session_revoked when it has ended since he was let
// in.
func (s *Service) own(ctx context.Context, a Actor) (session.Session, error) {
	sess, err := s.Sessions.Store.Session(ctx, a.SessionID)
	if err != nil {
		return session.Session{}, fmt.Errorf("read session: %w", err)
	}
	if sess.Ended() {
		return session.Session{}, session.Revoked(sess.EndedFrame())
	}
	return sess, nil
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
	if _, err := s.Grants.Find(ctx, grant.Setup, secret); err != nil {
		return session.Issued{}, err // before anything is told of addresses
	}
	if err := s.mayStillSetUp(ctx, n.Email); err != nil {
		return session.Issued{}, err
	}
	if _, err := s.Grants.Take(ctx, grant.Setup, secret); err != nil {
		return session.Issued{}, err
	}
	u, err := s.create(ctx, n)
	if err != nil {
		return session.Issued{}, err
	}
	s.record(ctx, audit.Event{Action: audit.UserCreated, Actor: audit.Party{Kind: "setup"}, Target: userParty(u.ID), UserID: u.ID, IP: e.Visit.IP, Outcome: audit.Success})
	return s.start(ctx, u, 1, []string{"pwd"}, e)
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

// Actor is a signed-in user who acts on his own account.
type Actor struct {
	UserID    string
	SessionID string // the one he acts from
	IP        string
}

// ChangePassword replaces the password. The session that asks goes on, the user's others end.
func (s *Service) ChangePassword(ctx context.Context, a Actor, current, next string) error {
	u, err := s.Accounts.User(ctx, a.UserID)
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
	e, err := s.fromOther(ctx, a, "credentials_changed")
	if err != nil {
		return err
	}
	err = s.telling(ctx, u.ID, mail.Letter{Kind: mail.PasswordChange, AuthVersion: 1}, func() error {
		_, err := s.Accounts.SetPassword(ctx, u, next)
		return err
	})
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // the others end also when the caller goes away now
	s.record(ctx, audit.Event{Action: audit.PasswordChanged, Actor: userParty(a.UserID), Target: userParty(a.UserID), UserID: a.UserID, IP: a.IP, Outcome: audit.Success})
	_, err = s.Sessions.EndAll(ctx, a.UserID, a.SessionID, e)
	if grants := s.Grants.Store.DeleteGrants(ctx, a.UserID, grant.Powers...); grants != nil {
		err = errors.Join(err, fmt.Errorf("withdraw one-time secrets: %w", grants))
	}
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

func (s *Service) record(ctx context.Context, e audit.Event) { s.Audit.Record(ctx, e) }

func userParty(userID string) audit.Party       { return audit.Party{Kind: "user", ID: userID} }
func sessionParty(sessionID string) audit.Party { return audit.Party{Kind: "session", ID: sessionID} }
