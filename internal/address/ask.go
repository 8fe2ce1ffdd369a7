package address

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
)

// What may be asked for.
const (
	registration = "registration"
	verification = "verification"
	reset        = "reset"
	change       = "change"
	wanted       = "wanted"
)

// Register has the account made once its address is proved, for every address that might be one. Name and password
// wait in the letter's own link; they are kept by the address too, to tell who signs in too soon, and for one more
// letter.
func (s *Service) Register(ctx context.Context, n account.New, ip string) error {
	if s.Closed {
		return account.ErrSignupClosed
	}
	if n.Password == "" {
		return account.CheckNewPassword("password", "")
	}
	if err := n.Check(); err != nil {
		return err
	}
	hash, err := s.Accounts.Hasher.Hash(ctx, n.Password)
	if err != nil {
		return err
	}
	if err := s.keep(ctx, waiting{Email: n.Email, Name: n.Name, Hash: hash}); err != nil {
		return err
	}
	return s.ask(ctx, mail.Letter{Kind: mail.VerifyEmail, To: n.Email, Name: n.Name, Ask: &mail.Ask{For: registration, Hash: hash, IP: ip}})
}

// Resend asks for one more letter that verifies the address, which is in its normal form.
func (s *Service) Resend(ctx context.Context, email, ip string) error {
	return s.ask(ctx, mail.Letter{Kind: mail.VerifyEmail, To: email, Ask: &mail.Ask{For: verification, IP: ip}})
}

// Forgot asks for a link to choose a new password, by an address in its normal form.
func (s *Service) Forgot(ctx context.Context, email, ip string) error {
	return s.ask(ctx, mail.Letter{Kind: mail.ResetPassword, To: email, Ask: &mail.Ask{For: reset, IP: ip}})
}

// Wanted has the owner of an address told that somebody wanted to register it.
func (s *Service) Wanted(ctx context.Context, email, ip string) error {
	return s.ask(ctx, mail.Letter{Kind: mail.EmailTaken, To: email, Ask: &mail.Ask{For: wanted, IP: ip}})
}

// Actor is a signed-in user.
type Actor struct {
	UserID    string
	SessionID string // the one he acts from
	IP        string
}

// Change asks for another address, in its normal form. It is proved by a letter there; the present one is told,
// whether or not the other is free: or he could ask in that way who is here.
func (s *Service) Change(ctx context.Context, a Actor, email string) error {
	u, err := s.Accounts.User(ctx, a.UserID)
	if err != nil {
		return err
	}
	if u.Email == email {
		if u.EmailVerifiedAt.IsZero() {
			return s.Resend(ctx, email, a.IP)
		}
		return nil
	}
	notice := mail.To(u, mail.ChangeAsked)
	notice.At = s.Now()
	err = s.Letters.Telling(ctx, func() error {
		return s.ask(ctx, mail.Letter{
			Kind: mail.ChangeEmail, To: email, UserID: u.ID, SessionID: a.SessionID, AuthVersion: u.AuthVersion, Ask: &mail.Ask{For: change, IP: a.IP},
		})
	}, notice)
	if err == nil {
		s.record(ctx, audit.EmailChangeAsked, u.ID, a.IP)
	}
	return err
}

func (s *Service) keep(ctx context.Context, w waiting) error {
	payload, err := w.encode()
	if err != nil {
		return err
	}
	return s.Grants.Keep(ctx, grant.Grant{Purpose: grant.Registration, UserID: w.Email, TriesLeft: 1, Payload: payload}, VerifyLife)
}

func (s *Service) ask(ctx context.Context, l mail.Letter) error {
	_, err := s.Letters.Post(ctx, l, 0)
	return err
}
