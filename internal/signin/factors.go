package signin

import (
	"context"
	"errors"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// What somebody does with his own factors. Whoever adds one has shown it: his session is raised to aal 2, and his
// tokens stay valid. His other sessions owe it from then on.

// living changes users for somebody whose session must live until the change is written. A session that ends (by a
// claim of the account, by a reset of its factors) must leave nothing behind: whoever ends it ends it between two
// writes of the user, so that what was to be written on top of the first is decided again after the second.
type living struct {
	*account.Service
	lives func(ctx context.Context) error
}

func (l living) Change(ctx context.Context, userID string, stamp bool, edit func(*account.User) error) (account.User, error) {
	return l.Service.Change(ctx, userID, stamp, l.checked(ctx, edit))
}

func (l living) Stamp(ctx context.Context, userID string, edit func(*account.User) error) (account.User, error) {
	return l.Service.Stamp(ctx, userID, l.checked(ctx, edit))
}

// checked looks at the session after the user was read and before he is written.
func (l living) checked(ctx context.Context, edit func(*account.User) error) func(*account.User) error {
	return func(u *account.User) error {
		if err := l.lives(ctx); err != nil {
			return err
		}
		return edit(u)
	}
}

// living is the accounts, to be changed by a as long as his session lives.
func (s *Service) living(a Actor) living {
	return living{s.Accounts, func(ctx context.Context) error {
		_, err := s.own(ctx, a)
		return err
	}}
}

// factors are those that a may add to as long as his session lives.
func (s *Service) factors(a Actor) *factor.Service {
	f := *s.Factors
	f.Users = s.living(a)
	return &f
}

// ConfirmTOTP makes a begun authenticator app count. The first factor brings recovery codes.
func (s *Service) ConfirmTOTP(ctx context.Context, a Actor, code string) (codes []string, err error) {
	err = s.telling(ctx, a.UserID, mail.Letter{Kind: mail.TOTP, Added: true, AuthVersion: 1}, func() error {
		codes, err = s.factors(a).ConfirmTOTP(ctx, a.UserID, code)
		return err
	})
	if err != nil {
		return nil, err
	}
	return codes, s.added(ctx, a, factor.TOTP, "totp")
}

// AddPasskey finishes the registration of a passkey.
func (s *Service) AddPasskey(ctx context.Context, a Actor, ceremony, name string, credential []byte) (account.Passkey, []string, error) {
	var p account.Passkey
	var codes []string
	err := s.telling(ctx, a.UserID, mail.Letter{Kind: mail.Passkey, Added: true, AuthVersion: 1}, func() (err error) {
		p, codes, err = s.factors(a).AddPasskey(ctx, a.UserID, ceremony, name, credential)
		return err
	})
	if err != nil {
		return account.Passkey{}, nil, err
	}
	return p, codes, s.added(ctx, a, factor.PasskeyUsed, "passkey")
}

// added raises the session first and then announces the factor, or its sockets would be asked for what was just shown.
func (s *Service) added(ctx context.Context, a Actor, method, kind string) error {
	ctx = context.WithoutCancel(ctx) // or he would owe what he has just set up
	s.changedFactor(ctx, a, audit.FactorAdded, kind)
	_, err := s.Sessions.Prove(ctx, a.SessionID, session.Proof{Method: method, AAL: 2})
	u, gone := s.Accounts.User(ctx, a.UserID)
	if gone == nil {
		s.Accounts.Announce(ctx, u)
	}
	return errors.Join(err, gone)
}

// RemoveTOTP takes the authenticator app away.
func (s *Service) RemoveTOTP(ctx context.Context, a Actor) error {
	return s.telling(ctx, a.UserID, mail.Letter{Kind: mail.TOTP, AuthVersion: 1}, func() error {
		removed, err := s.Factors.RemoveTOTP(ctx, a.UserID)
		if removed {
			s.changedFactor(ctx, a, audit.FactorRemoved, "totp")
		} else if err == nil {
			err = mail.ErrNone
		}
		return err
	})
}

// RemovePasskey takes a passkey away.
func (s *Service) RemovePasskey(ctx context.Context, a Actor, passkeyID string) error {
	err := s.telling(ctx, a.UserID, mail.Letter{Kind: mail.Passkey, AuthVersion: 1}, func() error {
		return s.Factors.RemovePasskey(ctx, a.UserID, passkeyID)
	})
	if err == nil {
		s.changedFactor(ctx, a, audit.FactorRemoved, "passkey")
	}
	return err
}

// NewRecoveryCodes replaces the recovery codes.
func (s *Service) NewRecoveryCodes(ctx context.Context, a Actor) ([]string, error) {
	var codes []string
	err := s.telling(ctx, a.UserID, mail.Letter{Kind: mail.RecoveryCodes, AuthVersion: 1}, func() (err error) {
		codes, err = s.Factors.NewRecoveryCodes(ctx, a.UserID)
		return err
	})
	if err == nil {
		s.changedFactor(ctx, a, audit.RecoveryCodes, "recovery_code")
	}
	return codes, err
}

func (s *Service) changedFactor(ctx context.Context, a Actor, action, kind string) {
	s.record(ctx, audit.Event{
		Action: action, Actor: userParty(a.UserID), Target: userParty(a.UserID), UserID: a.UserID, IP: a.IP, Outcome: audit.Success,
		Details: map[string]string{"factor": kind},
	})
}
