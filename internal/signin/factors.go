package signin

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// What somebody does with his own factors. Whoever adds one has shown it: his session is raised to aal 2, and his
// tokens stay valid. His other sessions owe it from then on.

// ConfirmTOTP makes a begun authenticator app count. The first factor brings recovery codes.
func (s *Service) ConfirmTOTP(ctx context.Context, a Actor, code string) (codes []string, err error) {
	codes, err = s.Factors.ConfirmTOTP(ctx, a.UserID, code)
	if err != nil {
		return nil, err
	}
	return codes, s.added(ctx, a, factor.TOTP, "totp")
}

// AddPasskey finishes the registration of a passkey.
func (s *Service) AddPasskey(ctx context.Context, a Actor, ceremony, name string, credential []byte) (account.Passkey, []string, error) {
	p, codes, err := s.Factors.AddPasskey(ctx, a.UserID, ceremony, name, credential)
	if err != nil {
		return account.Passkey{}, nil, err
	}
	return p, codes, s.added(ctx, a, factor.PasskeyUsed, "passkey")
}

func (s *Service) added(ctx context.Context, a Actor, method, kind string) error {
	ctx = context.WithoutCancel(ctx) // or he would owe what he has just set up
	s.changedFactor(ctx, a, audit.FactorAdded, kind)
	_, err := s.Sessions.Prove(ctx, a.SessionID, session.Proof{Method: method, AAL: 2})
	return err
}

// RemoveTOTP takes the authenticator app away.
func (s *Service) RemoveTOTP(ctx context.Context, a Actor) error {
	err := s.Factors.RemoveTOTP(ctx, a.UserID)
	if err == nil {
		s.changedFactor(ctx, a, audit.FactorRemoved, "totp")
	}
	return err
}

// RemovePasskey takes a passkey away.
func (s *Service) RemovePasskey(ctx context.Context, a Actor, passkeyID string) error {
	err := s.Factors.RemovePasskey(ctx, a.UserID, passkeyID)
	if err == nil {
		s.changedFactor(ctx, a, audit.FactorRemoved, "passkey")
	}
	return err
}

// NewRecoveryCodes replaces the recovery codes.
func (s *Service) NewRecoveryCodes(ctx context.Context, a Actor) ([]string, error) {
	codes, err := s.Factors.NewRecoveryCodes(ctx, a.UserID)
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
