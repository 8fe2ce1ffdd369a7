package signin

import (
	"context"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// Reauthenticate shows the password again: auth_time becomes fresh. Where there is a second factor, the assurance
// stays what it was.
func (s *Service) Reauthenticate(ctx context.Context, a Actor, password string) (session.Issued, error) {
	u, err := s.Accounts.User(ctx, a.UserID)
	if err != nil {
		return session.Issued{}, fmt.Errorf("read user: %w", err)
	}
	if err := s.Accounts.CheckPassword(ctx, u, password); err != nil {
		return session.Issued{}, err
	}
	return s.proven(ctx, a, session.Proof{Method: "pwd", AAL: 1, Fresh: true})
}

// ReauthenticateByCode shows a second factor: the session is raised to aal 2.
func (s *Service) ReauthenticateByCode(ctx context.Context, a Actor, code string) (session.Issued, error) {
	method, err := s.Factors.Check(ctx, a.UserID, code)
	if err != nil {
		s.refusedFactor(ctx, a.UserID, a.IP, err)
		return session.Issued{}, err
	}
	return s.proven(ctx, a, session.Proof{Method: method, AAL: 2, Fresh: true})
}

// PasskeyAgain begins the showing of a passkey by somebody signed in.
func (s *Service) PasskeyAgain(ctx context.Context, a Actor) (factor.Ceremony, error) {
	return s.Factors.BeginAssertion(ctx, a.UserID)
}

// ReauthenticateByPasskey shows a passkey. It makes two factors with what the session began with, unless that was a
// passkey too, and neither verified its user.
func (s *Service) ReauthenticateByPasskey(ctx context.Context, a Actor, ceremony string, credential []byte) (session.Issued, error) {
	shown, err := s.showPasskey(ctx, a.UserID, ceremony, credential, a.IP)
	if err != nil {
		s.refusedFactor(ctx, a.UserID, a.IP, err)
		return session.Issued{}, err
	}
	sess, err := s.own(ctx, a)
	if err != nil {
		return session.Issued{}, err
	}
	aal := 1
	if shown.Verified || len(session.AMR(1, append(sess.AMR, factor.PasskeyUsed)...)) > 1 {
		aal = 2
	}
	return s.proven(ctx, a, session.Proof{Method: factor.PasskeyUsed, AAL: aal, Fresh: true})
}

func (s *Service) proven(ctx context.Context, a Actor, p session.Proof) (session.Issued, error) {
	out, err := s.Sessions.Prove(ctx, a.SessionID, p)
	if err == nil {
		s.record(ctx, audit.Event{Action: audit.Reauthenticated, Actor: userParty(a.UserID), Target: sessionParty(a.SessionID), UserID: a.UserID, IP: a.IP, Outcome: audit.Success})
	}
	return out, err
}

// StepUpMethods are the ways in which a user may show who he is: a second factor when the session owes one, else also
// the password. Who has neither password nor passkey signs in at his provider again.
func StepUpMethods(u account.User, owes bool) []string {
	methods := u.Methods()
	if owes {
		return methods
	}
	if u.PasswordHash != "" {
		return append([]string{"password"}, methods...)
	}
	if len(u.Passkeys) == 0 {
		for _, i := range u.Identities {
			methods = append(methods, i.Provider)
		}
	}
	return methods
}
