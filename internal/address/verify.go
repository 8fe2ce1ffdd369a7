package address

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// Verify proves an address by the link of a letter: a registration's, an account's, or the one an account is to have.
func (s *Service) Verify(ctx context.Context, secret, ip string) error {
	g, w, err := s.find(ctx, secret, grant.VerifyEmail, grant.ChangeEmail)
	switch {
	case err != nil:
		return err
	case g.Purpose == grant.ChangeEmail:
		return s.move(ctx, g, w, ip)
	case id.Is(id.User, g.UserID):
		return s.verify(ctx, g, w, ip)
	}
	return s.admit(ctx, w, ip)
}

// verify proves the address of an account.
func (s *Service) verify(ctx context.Context, g grant.Grant, w waiting, ip string) error {
	u, err := s.Accounts.User(ctx, g.UserID)
	if errors.Is(err, fault.ErrNotFound) {
		return grant.ErrExpired
	}
	if err != nil {
		return err
	}
	welcome, letters := s.welcome(u)
	err = s.Letters.Telling(ctx, func() error {
		_, err := s.Accounts.Change(ctx, u.ID, true, func(u *account.User) error {
			if u.Email != w.Email || !u.EmailVerifiedAt.IsZero() || u.Disabled {
				return grant.ErrExpired
			}
			s.proved(u, welcome)
			return nil
		})
		return err
	}, letters...)
	if err != nil {
		return err
	}
	s.record(ctx, audit.EmailVerified, u.ID, ip)
	return s.withdraw(context.WithoutCancel(ctx), u.ID, grant.VerifyEmail)
}

// welcome is the letter that goes with the proof of an address, once.
func (s *Service) welcome(u account.User) (first bool, letters []mail.Letter) {
	if first = s.Accounts.FirstUse(u); first {
		letters = append(letters, mail.To(u, mail.Welcome))
	}
	return first, letters
}

// proved notes in a user's record that his address is.
func (s *Service) proved(u *account.User, welcome bool) {
	if u.EmailVerifiedAt.IsZero() {
		u.EmailVerifiedAt = s.Now()
	}
	if welcome {
		u.WelcomedAt = s.Now()
	}
}

// admit makes the account that waited for its address. The others that wait for the same address are forgotten. Where
// there is an account by now, a proved one has an owner; another one may be anybody's, and is given to who proves it.
func (s *Service) admit(ctx context.Context, w waiting, ip string) error {
	u, found, err := s.byEmail(ctx, w.Email)
	switch {
	case err != nil:
		return err
	case found && (u.Disabled || !u.EmailVerifiedAt.IsZero()):
		return grant.ErrExpired
	case found:
		err = s.claim(ctx, u, w, ip)
	default:
		err = s.create(ctx, w, ip)
	}
	if err != nil {
		return err
	}
	return s.withdraw(context.WithoutCancel(ctx), w.Email)
}

func (s *Service) create(ctx context.Context, w waiting, ip string) error {
	if s.Closed {
		return account.ErrSignupClosed
	}
	n := account.New{ID: id.New(id.User), Email: w.Email, Name: w.Name, Hash: w.Hash, Verified: true, Welcomed: true}
	err := s.Letters.Telling(ctx, func() error {
		_, err := s.Accounts.Create(ctx, n)
		return err
	}, mail.Letter{Kind: mail.Welcome, To: n.Email, Name: n.Name, UserID: n.ID})
	if errors.Is(err, account.ErrEmailTaken) {
		return grant.ErrExpired // somebody was faster
	}
	if err != nil {
		return err
	}
	s.record(ctx, audit.UserRegistered, n.ID, ip)
	return nil
}

func (s *Service) claim(ctx context.Context, u account.User, w waiting, ip string) error {
	welcome, letters := s.welcome(u)
	u, err := s.disown(ctx, u, session.Ending{Reason: "credentials_changed", By: wire.By{Kind: wire.BySystem}, IP: ip})
	if err != nil {
		return err
	}
	err = s.Letters.Telling(ctx, func() error {
		_, err := s.Accounts.Change(ctx, u.ID, true, func(now *account.User) error {
			if now.AuthVersion != u.AuthVersion {
				return grant.ErrExpired
			}
			now.Disown()
			now.Name, now.PasswordHash = w.Name, w.Hash
			s.proved(now, welcome)
			return nil
		})
		return err
	}, letters...)
	if err == nil {
		s.record(ctx, audit.EmailVerified, u.ID, ip)
	}
	return err
}

// move gives an account the address that it asked for. The links that were sent to the old one die.
func (s *Service) move(ctx context.Context, g grant.Grant, w waiting, ip string) error {
	u, err := s.holder(ctx, g)
	if err != nil {
		return err
	}
	if err := s.askedByOwner(ctx, g.SessionID); err != nil {
		return err
	}
	told := mail.To(u, mail.EmailChanged)
	told.At = s.Now()
	err = s.Letters.Telling(ctx, func() error {
		_, err := s.Accounts.Change(ctx, u.ID, true, func(now *account.User) error {
			if now.AuthVersion != g.AuthVersion || now.Email != u.Email {
				return grant.ErrExpired
			}
			now.Email, now.EmailVerifiedAt = w.Email, s.Now()
			return nil
		})
		return err
	}, told)
	if err != nil {
		return err
	}
	s.record(ctx, audit.EmailChanged, u.ID, ip)
	ctx = context.WithoutCancel(ctx)
	return errors.Join(s.withdraw(ctx, u.ID, grant.VerifyEmail, grant.ChangeEmail, grant.ResetPassword, grant.Invite), s.withdraw(ctx, w.Email))
}

// askedByOwner refuses what was asked from a session that somebody put an end to: whoever asked may be why.
func (s *Service) askedByOwner(ctx context.Context, sessionID string) error {
	sess, err := s.Sessions.Store.Session(ctx, sessionID)
	if errors.Is(err, fault.ErrNotFound) {
		return grant.ErrExpired
	}
	if err != nil {
		return fmt.Errorf("read session: %w", err)
	}
	if sess.Ended() && sess.EndReason != "signed_out" && sess.EndReason != "session_expired" {
		return grant.ErrExpired
	}
	return nil
}

// Reset sets a new password by the link of a letter, and verifies the address that it went to. All sessions end, and
// what others were given to act for the user. A password that is refused does not spend the link.
func (s *Service) Reset(ctx context.Context, secret, password, ip string) error {
	if err := account.CheckNewPassword("new_password", password); err != nil {
		return err
	}
	g, w, err := s.find(ctx, secret, grant.ResetPassword, grant.Invite)
	if err != nil {
		return err
	}
	u, err := s.holder(ctx, g)
	if err != nil {
		return err
	}
	hash, err := s.Accounts.Hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	e := session.Ending{Reason: "credentials_changed", By: wire.By{Kind: wire.ByUser}, Actor: audit.Party{Kind: "user", ID: u.ID}, IP: ip}
	if err := s.choose(ctx, u, w, hash, e); err != nil {
		return err
	}
	s.record(ctx, audit.PasswordReset, u.ID, ip)
	return s.endAll(ctx, u.ID, e)
}

// choose writes the new password. What was set up before the address was proved goes.
func (s *Service) choose(ctx context.Context, u account.User, w waiting, hash string, e session.Ending) (err error) {
	welcome, letters := s.welcome(u)
	unproved := u.EmailVerifiedAt.IsZero()
	if unproved {
		if u, err = s.disown(ctx, u, e); err != nil {
			return err
		}
	}
	if !welcome {
		l := mail.To(u, mail.PasswordChange)
		l.AuthVersion, l.At = u.AuthVersion+1, s.Now()
		letters = append(letters, l)
	}
	return s.Letters.Telling(ctx, func() error {
		_, err := s.Accounts.Change(ctx, u.ID, true, func(now *account.User) error {
			if now.AuthVersion != u.AuthVersion || now.Email != w.Email {
				return grant.ErrExpired
			}
			if unproved {
				now.Disown() // raises the version too
			} else {
				now.AuthVersion++
			}
			now.PasswordHash = hash
			s.proved(now, welcome)
			return nil
		})
		return err
	}, letters...)
}
