package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// A challenge asks for a second factor within MFALife, in MFATries.
const (
	MFALife  = 5 * time.Minute
	MFATries = 5
)

// Outcome is how far a sign-in came: to a session, or to a challenge. A challenge holds no session, cookie or refresh
// token: step one alone gives nothing.
type Outcome struct {
	Issued    session.Issued
	Challenge *Challenge // nil: signed in
}

// Challenge is a sign-in that waits for a second factor.
type Challenge struct {
	Token   string
	Methods []string
}

// pending is a first step that was passed, as the grant keeps it.
type pending struct {
	Transport  string   `json:"transport"`
	DeviceName string   `json:"device_name,omitempty"`
	AMR        []string `json:"amr"`
}

// enter lets a user in who has shown a first credential, or asks for his second factor.
func (s *Service) enter(ctx context.Context, u account.User, aal int, method string, e Entry) (Outcome, error) {
	if s.Accounts.VerifiedFirst && u.EmailVerifiedAt.IsZero() {
		return Outcome{}, account.ErrUnverified
	}
	if aal < 2 && u.HasFactor() {
		return s.challenge(ctx, u, method, e)
	}
	issued, err := s.start(ctx, u, aal, []string{method}, e)
	return Outcome{Issued: issued}, err
}

func (s *Service) challenge(ctx context.Context, u account.User, method string, e Entry) (Outcome, error) {
	payload, err := json.Marshal(pending{Transport: e.Transport, DeviceName: e.DeviceName, AMR: []string{method}})
	if err != nil {
		return Outcome{}, fmt.Errorf("encode challenge: %w", err)
	}
	token, err := s.Grants.Give(ctx, grant.Grant{
		Purpose: grant.MFA, UserID: u.ID, AuthVersion: u.AuthVersion, TriesLeft: MFATries, Payload: payload,
	}, MFALife)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Challenge: &Challenge{Token: token, Methods: u.Methods()}}, nil
}

// Pending is whose sign-in a challenge is and how it wants its session: grant.ErrExpired when it is used up, expired
// or unknown, or when his account has changed since. It costs no try.
func (s *Service) Pending(ctx context.Context, token string) (userID, transport string, err error) {
	g, p, err := s.pending(ctx, token)
	return g.UserID, p.Transport, err
}

func (s *Service) pending(ctx context.Context, token string) (g grant.Grant, p pending, err error) {
	g, err = s.Grants.Find(ctx, grant.MFA, token)
	if err != nil {
		return g, p, err
	}
	if err := json.Unmarshal(g.Payload, &p); err != nil {
		return g, p, fmt.Errorf("decode challenge: %w", err)
	}
	_, err = s.unchanged(ctx, g)
	return g, p, err
}

// unchanged is the user of a challenge, as long as he may sign in as he could when it was made.
func (s *Service) unchanged(ctx context.Context, g grant.Grant) (account.User, error) {
	u, err := s.Accounts.User(ctx, g.UserID)
	if errors.Is(err, fault.ErrNotFound) || err == nil && u.AuthVersion != g.AuthVersion {
		return account.User{}, grant.ErrExpired
	}
	if err != nil {
		return account.User{}, fmt.Errorf("read user: %w", err)
	}
	return u, nil
}

// PayTOTP finishes a sign-in by a code of the authenticator app.
func (s *Service) PayTOTP(ctx context.Context, token, code string, e Entry) (session.Issued, error) {
	return s.pay(ctx, token, e, func(g grant.Grant, _ pending) (string, error) {
		return factor.TOTP, s.Factors.CheckTOTP(ctx, g.UserID, code)
	})
}

// PayRecoveryCode finishes a sign-in by a recovery code.
func (s *Service) PayRecoveryCode(ctx context.Context, token, code string, e Entry) (session.Issued, error) {
	return s.pay(ctx, token, e, func(g grant.Grant, _ pending) (string, error) {
		return factor.RecoveryCode, s.Factors.UseRecoveryCode(ctx, g.UserID, code)
	})
}

// PasskeyForChallenge begins the showing of a passkey as second factor.
func (s *Service) PasskeyForChallenge(ctx context.Context, token string) (factor.Ceremony, error) {
	g, _, err := s.pending(ctx, token)
	if err != nil {
		return factor.Ceremony{}, err
	}
	return s.Factors.BeginAssertion(ctx, g.UserID)
}

// PayPasskey finishes a sign-in by a passkey. After a passkey that did not verify its user, it must do so now: twice
// the same thing is one factor.
func (s *Service) PayPasskey(ctx context.Context, token, ceremony string, credential []byte, e Entry) (session.Issued, error) {
	return s.pay(ctx, token, e, func(g grant.Grant, p pending) (string, error) {
		shown, err := s.showPasskey(ctx, g.UserID, ceremony, credential, e.Visit.IP)
		if err == nil && slices.Contains(p.AMR, factor.PasskeyUsed) && !shown.Verified {
			err = factor.ErrInvalidCode
		}
		return factor.PasskeyUsed, err
	})
}

// pay takes one of the challenge's tries and, when the factor is right, redeems it. Of any number of right answers at
// once one gets the session.
func (s *Service) pay(ctx context.Context, token string, e Entry, show func(grant.Grant, pending) (method string, err error)) (session.Issued, error) {
	g, p, err := s.pending(ctx, token)
	if err != nil {
		return session.Issued{}, err
	}
	if _, err := s.Grants.Try(ctx, grant.MFA, token); err != nil {
		return session.Issued{}, err
	}
	method, err := show(g, p)
	if err != nil {
		s.refusedFactor(ctx, g.UserID, e.Visit.IP, err)
		return session.Issued{}, err
	}
	if _, err := s.Grants.Take(ctx, grant.MFA, token); err != nil {
		return session.Issued{}, err
	}
	u, err := s.unchanged(ctx, g)
	if err != nil {
		return session.Issued{}, err
	}
	e.Transport, e.DeviceName = p.Transport, p.DeviceName
	return s.start(ctx, u, 2, append(p.AMR, method), e)
}

// refusedFactor records a second factor that was wrong.
func (s *Service) refusedFactor(ctx context.Context, userID, ip string, err error) {
	if errors.Is(err, factor.ErrInvalidCode) {
		s.refused(ctx, userParty(userID), userID, ip)
	}
}

// showPasskey checks a passkey of the user, or of whoever it belongs to when userID is "". A counter that went back is
// recorded: somebody has a copy of it.
func (s *Service) showPasskey(ctx context.Context, userID, ceremony string, credential []byte, ip string) (factor.Assertion, error) {
	var shown factor.Assertion
	var err error
	if userID == "" {
		shown, err = s.Factors.SignIn(ctx, ceremony, credential)
	} else {
		shown, err = s.Factors.Assert(ctx, userID, ceremony, credential)
	}
	if errors.Is(err, factor.ErrCloned) {
		s.record(ctx, audit.Event{Action: audit.PasskeyCloned, Actor: audit.Party{Kind: "address"}, Target: userParty(shown.Owner), UserID: shown.Owner, IP: ip, Outcome: audit.Failure})
	}
	return shown, err
}

// PasskeyLogin signs in by a discoverable passkey. One that has verified its user is two factors; else his second
// factor is asked for.
func (s *Service) PasskeyLogin(ctx context.Context, ceremony string, credential []byte, e Entry) (Outcome, error) {
	if err := e.check(); err != nil {
		return Outcome{}, err
	}
	shown, err := s.showPasskey(ctx, "", ceremony, credential, e.Visit.IP)
	if errors.Is(err, factor.ErrInvalidCode) || err == nil && shown.User.Disabled {
		s.refused(ctx, audit.Party{Kind: "address"}, shown.Owner, e.Visit.IP)
		return Outcome{}, account.ErrInvalidCredentials
	}
	if err != nil {
		return Outcome{}, err
	}
	aal := 1
	if shown.Verified {
		aal = 2
	}
	return s.enter(ctx, shown.User, aal, factor.PasskeyUsed, e)
}
