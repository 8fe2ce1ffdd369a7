// Package factor holds the second factors: authenticator apps (TOTP), recovery codes and passkeys. They stand in the
// user's record, and everything that must happen once is one compare-and-set there: a time step is accepted once, a
// recovery code used once, a passkey's counter never goes back. What a ceremony needs between its two calls is a
// one-time grant, consumed before anything is verified.
//
// A change of factors raises the user's auth_version, so that sign-ins under way fail; tokens stay valid. What
// sessions owe for it is the business of those who follow the users' changes.
package factor

import (
	"context"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
)

// Users is what factors ask of accounts.
type Users interface {
	// User answers fault.ErrNotFound when there is none.
	User(ctx context.Context, id string) (account.User, error)
	// Change reads, edits and replaces the record until nobody came between; account.ErrUnchanged from edit leaves it
	// as it is. With stamp the change is announced.
	Change(ctx context.Context, userID string, stamp bool, edit func(*account.User) error) (account.User, error)
	// Stamp is Change with stamp, to be announced by the caller.
	Stamp(ctx context.Context, userID string, edit func(*account.User) error) (account.User, error)
}

// Service is the rules of second factors. All fields are set before use and not changed after.
type Service struct {
	Users    Users
	Grants   *grant.Service
	Box      *seal.Box
	WebAuthn *webauthn.WebAuthn // nil: there are no passkeys (the public host is an IP address)
	Issuer   string             // what authenticator apps call us
	Now      func() time.Time
}

// Errors of factors.
var (
	ErrInvalidCode = &fault.Error{Kind: fault.Unauthenticated, Code: "invalid_code"}
	ErrNoFactor    = &fault.Error{Kind: fault.Conflict, Code: "conflict", Detail: "there is no second factor"}
	ErrTOTPOn      = &fault.Error{Kind: fault.Conflict, Code: "conflict", Detail: "an authenticator app is set up already"}
)

// Methods of amr by which a second factor was shown (RFC 8176 where it has a name).
const (
	TOTP         = "otp"
	RecoveryCode = "recovery"
	PasskeyUsed  = "passkey"
)

// Check takes a code, of the authenticator app or a recovery code, whichever it looks like, and says which it was.
// It is good once.
func (s *Service) Check(ctx context.Context, userID, code string) (method string, err error) {
	if looksLikeTOTP(code) {
		return TOTP, s.CheckTOTP(ctx, userID, code)
	}
	return RecoveryCode, s.UseRecoveryCode(ctx, userID, code)
}

// Reset takes all of a user's factors away.
func (s *Service) Reset(ctx context.Context, userID string) (account.User, error) {
	return s.Users.Change(ctx, userID, true, func(u *account.User) error {
		u.TOTP, u.Passkeys, u.RecoveryCodes, u.RecoveryKey = nil, nil, nil, nil
		u.AuthVersion++
		return nil
	})
}

// leave notes that a factor was taken away: without any, recovery codes are good for nothing.
func leave(u *account.User) {
	u.AuthVersion++
	if !u.HasFactor() {
		u.RecoveryCodes, u.RecoveryKey = nil, nil
	}
}
