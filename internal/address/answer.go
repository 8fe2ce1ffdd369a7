package address

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// Answer makes the letter that somebody asked for: mail.Config's. Done twice it makes two links, each good.
func (s *Service) Answer(ctx context.Context, t outbox.Task, l mail.Letter) (mail.Letter, error) {
	u, found, err := s.byEmail(ctx, l.To)
	if err != nil {
		return l, err
	}
	switch l.Ask.For {
	case registration:
		return s.answerRegistration(ctx, t, l, u, found)
	case verification:
		return s.answerVerification(ctx, l, u, found)
	case reset:
		return s.answerReset(ctx, u, found)
	case change:
		return s.answerChange(ctx, t, l, u, found)
	case wanted:
		if found && !u.EmailVerifiedAt.IsZero() {
			return l, s.tellTaken(ctx, t, u)
		}
		return l, mail.ErrNone
	}
	return l, outbox.Permanent(fmt.Errorf("nobody knows what %q is", l.Ask.For))
}

// answerRegistration gives name and password to the link.
func (s *Service) answerRegistration(ctx context.Context, t outbox.Task, l mail.Letter, u account.User, found bool) (mail.Letter, error) {
	if found && u.Disabled {
		return l, mail.ErrNone
	}
	if found && !u.EmailVerifiedAt.IsZero() {
		return l, s.tellTaken(ctx, t, u)
	}
	return s.verifying(ctx, l.To, grant.Grant{UserID: l.To}, waiting{Email: l.To, Name: l.Name, Hash: l.Ask.Hash})
}

// verifying is the letter whose link verifies an address.
func (s *Service) verifying(ctx context.Context, to string, g grant.Grant, w waiting) (mail.Letter, error) {
	g.Purpose = grant.VerifyEmail
	secret, err := s.give(ctx, g, w, VerifyLife)
	return mail.Letter{Kind: mail.VerifyEmail, To: to, Purpose: g.Purpose, Token: secret}, err
}

func (s *Service) answerVerification(ctx context.Context, l mail.Letter, u account.User, found bool) (mail.Letter, error) {
	switch {
	case found && (u.Disabled || !u.EmailVerifiedAt.IsZero()):
		return l, mail.ErrNone
	case found:
		return s.verifying(ctx, l.To, grant.Grant{UserID: u.ID, AuthVersion: u.AuthVersion}, waiting{Email: u.Email})
	}
	kept, err := s.Grants.Kept(ctx, grant.Registration, l.To)
	if errors.Is(err, grant.ErrExpired) {
		return l, mail.ErrNone
	}
	if err != nil {
		return l, err
	}
	w, err := decode(kept)
	if err != nil {
		return l, err
	}
	return s.verifying(ctx, l.To, grant.Grant{UserID: l.To}, w)
}

func (s *Service) answerReset(ctx context.Context, u account.User, found bool) (mail.Letter, error) {
	l := mail.To(u, mail.ResetPassword)
	if !found || u.Disabled {
		return l, mail.ErrNone
	}
	var err error
	l.Purpose = grant.ResetPassword
	l.Token, err = s.give(ctx, grant.Grant{Purpose: l.Purpose, UserID: u.ID, AuthVersion: u.AuthVersion}, waiting{Email: u.Email}, ResetLife)
	return l, err
}

// answerChange writes to the address that a user wants: a link, or to its owner that somebody wants it.
func (s *Service) answerChange(ctx context.Context, t outbox.Task, l mail.Letter, owner account.User, found bool) (mail.Letter, error) {
	if found && owner.ID == l.UserID {
		return l, mail.ErrNone
	}
	if found {
		return l, s.tellTaken(ctx, t, owner)
	}
	var err error
	l.Ask, l.Purpose = nil, grant.ChangeEmail
	l.Token, err = s.give(ctx, grant.Grant{Purpose: l.Purpose, UserID: l.UserID, SessionID: l.SessionID, AuthVersion: l.AuthVersion}, waiting{Email: l.To}, VerifyLife)
	return l, err
}

// errTold says that he was told not long ago.
var errTold = &fault.Error{Kind: fault.Conflict, Code: "conflict", Detail: "he was told lately"}

// tellTaken tells the owner of an address that somebody wants it, now and then. It is a letter of its own, so that it
// is not lost where its first try fails: ErrNone for the one that was asked for.
func (s *Service) tellTaken(ctx context.Context, t outbox.Task, u account.User) error {
	now := s.Now()
	if u.Disabled || now.Sub(u.ToldTakenAt) < toldEvery {
		return mail.ErrNone
	}
	err := s.Letters.TellingOnce(ctx, t.ID, t.CreatedAt, func() error { return s.noteTold(ctx, u.ID, now) }, mail.To(u, mail.EmailTaken))
	if err == nil || errors.Is(err, errTold) || errors.Is(err, fault.ErrNotFound) {
		return mail.ErrNone
	}
	return err
}

func (s *Service) noteTold(ctx context.Context, userID string, now time.Time) error {
	_, err := s.Accounts.Change(ctx, userID, false, func(u *account.User) error {
		if now.Sub(u.ToldTakenAt) < toldEvery {
			return errTold
		}
		u.ToldTakenAt = now
		return nil
	})
	return err
}

// Awaited is the hash of the password that waits for an address to be proved: account.Service's.
func (s *Service) Awaited(ctx context.Context, email string) (string, error) {
	kept, err := s.Grants.Kept(ctx, grant.Registration, email)
	if errors.Is(err, grant.ErrExpired) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	w, err := decode(kept)
	return w.Hash, err
}
