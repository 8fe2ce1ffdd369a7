package factor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// CeremonyLife is how long the browser may take.
const CeremonyLife = 5 * time.Minute

// Ceremony is a WebAuthn ceremony that has begun. Options are the bare PublicKeyCredential…OptionsJSON.
type Ceremony struct {
	Secret  string
	Options json.RawMessage
}

// The kinds of ceremony: an answer to one is no answer to another.
const (
	registering = "register"
	signingIn   = "sign in" // by a discoverable passkey: who it is, is not known yet
	asserting   = "assert"  // by somebody who is known
)

// begun is what has to be kept until the answer comes.
type begun struct {
	Kind string               `json:"kind"`
	Data webauthn.SessionData `json:"data"`
}

func (s *Service) begin(ctx context.Context, kind, userID string, data *webauthn.SessionData, options any) (Ceremony, error) {
	payload, err := json.Marshal(begun{kind, *data})
	if err != nil {
		return Ceremony{}, fmt.Errorf("encode ceremony: %w", err)
	}
	shown, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, fmt.Errorf("encode ceremony options: %w", err)
	}
	secret, err := s.Grants.Give(ctx, grant.Grant{Purpose: grant.WebAuthn, UserID: userID, TriesLeft: 1, Payload: payload}, CeremonyLife)
	return Ceremony{Secret: secret, Options: shown}, err
}

// finish consumes a ceremony, before anything of its answer is looked at: the library would verify an answer twice.
func (s *Service) finish(ctx context.Context, kind, userID, secret string) (webauthn.SessionData, error) {
	g, err := s.Grants.Take(ctx, grant.WebAuthn, secret)
	if err != nil {
		return webauthn.SessionData{}, err
	}
	var b begun
	if err := json.Unmarshal(g.Payload, &b); err != nil {
		return webauthn.SessionData{}, fmt.Errorf("decode ceremony: %w", err)
	}
	if b.Kind != kind || g.UserID != userID {
		return webauthn.SessionData{}, grant.ErrExpired
	}
	return b.Data, nil
}

// Assertion is a passkey that was shown.
type Assertion struct {
	Owner    string // whose it claims to be, also when it does not verify; "" when it names no user
	User     account.User
	Passkey  account.Passkey
	Verified bool // the authenticator has verified the user, by finger or PIN: that makes two factors of it
}

// BeginSignIn begins a sign-in by a discoverable passkey, also for the browser's autofill.
func (s *Service) BeginSignIn(ctx context.Context) (Ceremony, error) {
	if s.WebAuthn == nil {
		return Ceremony{}, ErrNoPasskeys
	}
	assertion, data, err := s.WebAuthn.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationPreferred))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin passkey sign-in: %w", err)
	}
	return s.begin(ctx, signingIn, "", data, assertion.Response)
}

// SignIn finishes it: whose passkey it was. ErrInvalidCode when it does not verify.
func (s *Service) SignIn(ctx context.Context, ceremony string, credential []byte) (Assertion, error) {
	return s.assert(ctx, signingIn, "", ceremony, credential)
}

// BeginAssertion begins the showing of a passkey by somebody who is known. ErrNoFactor when he has none.
func (s *Service) BeginAssertion(ctx context.Context, userID string) (Ceremony, error) {
	if s.WebAuthn == nil {
		return Ceremony{}, ErrNoPasskeys
	}
	u, err := s.Users.User(ctx, userID)
	if err != nil {
		return Ceremony{}, fmt.Errorf("read user: %w", err)
	}
	owner, err := ownerOf(u)
	if err != nil {
		return Ceremony{}, err
	}
	if len(owner.credentials) == 0 {
		return Ceremony{}, ErrNoFactor
	}
	assertion, data, err := s.WebAuthn.BeginLogin(owner, webauthn.WithUserVerification(protocol.VerificationPreferred))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin passkey assertion: %w", err)
	}
	return s.begin(ctx, asserting, userID, data, assertion.Response)
}

// Assert finishes it. ErrInvalidCode when it does not verify.
func (s *Service) Assert(ctx context.Context, userID, ceremony string, credential []byte) (Assertion, error) {
	return s.assert(ctx, asserting, userID, ceremony, credential)
}

func (s *Service) assert(ctx context.Context, kind, userID, ceremony string, credential []byte) (Assertion, error) {
	if s.WebAuthn == nil {
		return Assertion{}, ErrNoPasskeys
	}
	data, err := s.finish(ctx, kind, userID, ceremony)
	if err != nil {
		return Assertion{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(credential)
	if err != nil {
		return Assertion{}, ErrInvalidCode.Because(err)
	}
	if kind == signingIn {
		userID = string(parsed.Response.UserHandle)
	}
	if !id.Is(id.User, userID) {
		return Assertion{}, ErrInvalidCode
	}
	out := Assertion{Owner: userID, Verified: parsed.Response.AuthenticatorData.Flags.HasUserVerified()}
	out.User, err = s.Users.Change(ctx, userID, false, func(u *account.User) (err error) {
		out.Passkey, err = s.verify(u, kind, data, parsed)
		return err
	})
	if errors.Is(err, fault.ErrNotFound) {
		err = ErrInvalidCode.Because(err) // a user who is gone
	}
	return out, err
}

// verify checks an answer against the user's record and notes there that the passkey was used. Two answers at once
// are two compare-and-sets: the later one meets the counter of the first.
func (s *Service) verify(u *account.User, kind string, data webauthn.SessionData, parsed *protocol.ParsedCredentialAssertionData) (account.Passkey, error) {
	o, err := ownerOf(*u)
	if err != nil {
		return account.Passkey{}, err
	}
	used, err := s.validate(o, kind, data, parsed)
	if err != nil {
		return account.Passkey{}, ErrInvalidCode.Because(err)
	}
	if used.Authenticator.CloneWarning {
		return account.Passkey{}, ErrInvalidCode.Because(ErrCloned)
	}
	i := slices.IndexFunc(o.credentials, func(c webauthn.Credential) bool { return string(c.ID) == string(used.ID) })
	if i < 0 {
		return account.Passkey{}, ErrInvalidCode.Because(errors.New("passkey is not the user's"))
	}
	body, err := json.Marshal(used)
	if err != nil {
		return account.Passkey{}, fmt.Errorf("encode passkey: %w", err)
	}
	u.Passkeys = slices.Clone(u.Passkeys)
	u.Passkeys[i].Credential, u.Passkeys[i].LastUsedAt = body, s.Now()
	return u.Passkeys[i], nil
}

func (s *Service) validate(o owner, kind string, data webauthn.SessionData, parsed *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
	if kind != signingIn {
		return s.WebAuthn.ValidateLogin(o, data, parsed)
	}
	return s.WebAuthn.ValidateDiscoverableLogin(func(_, _ []byte) (webauthn.User, error) { return o, nil }, data, parsed)
}
