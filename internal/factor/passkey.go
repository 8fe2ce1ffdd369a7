package factor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// MaxPasskeys bounds a user's record.
const MaxPasskeys = 20

// ErrNoPasskeys is the answer where there are no passkeys at all.
var ErrNoPasskeys = fault.ErrNotFound

// ErrTooMany is the answer to one passkey too many.
var ErrTooMany = &fault.Error{Kind: fault.Conflict, Code: "conflict", Detail: "20 passkeys are the most"}

// ErrCloned is ErrInvalidCode because a counter went back: there are two of that authenticator (WebAuthn level 3,
// section 6.1.1).
var ErrCloned = errors.New("signature counter went back")

// BeginPasskey begins the registration of a passkey: the ceremony's secret, and options for the browser.
func (s *Service) BeginPasskey(ctx context.Context, userID string) (Ceremony, error) {
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
	creation, data, err := s.WebAuthn.BeginRegistration(owner,
		webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired),
		webauthn.WithExclusions(webauthn.Credentials(owner.credentials).CredentialDescriptors()),
		webauthn.WithConveyancePreference(protocol.PreferNoAttestation),
	)
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin passkey: %w", err)
	}
	return s.begin(ctx, registering, userID, data, creation.Response)
}

// AddPasskey finishes the registration. The first factor of a user brings recovery codes. The caller announces it, as
// with ConfirmTOTP. A ceremony that is used, expired or another's is grant.ErrExpired, an answer that does not verify
// ErrInvalidCode.
func (s *Service) AddPasskey(ctx context.Context, userID, ceremony, name string, credential []byte) (added account.Passkey, codes []string, err error) {
	if s.WebAuthn == nil {
		return account.Passkey{}, nil, ErrNoPasskeys
	}
	name = strings.TrimSpace(name)
	if name != "" {
		if err := checkName(name); err != nil {
			return account.Passkey{}, nil, err
		}
	}
	data, err := s.finish(ctx, registering, userID, ceremony)
	if err != nil {
		return account.Passkey{}, nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(credential)
	if err != nil {
		return account.Passkey{}, nil, ErrInvalidCode.Because(err)
	}
	_, err = s.Users.Stamp(ctx, userID, func(u *account.User) error {
		codes = nil
		owner, err := ownerOf(*u)
		if err != nil {
			return err
		}
		made, err := s.WebAuthn.CreateCredential(owner, data, parsed)
		if err != nil {
			return ErrInvalidCode.Because(err)
		}
		if len(u.Passkeys) >= MaxPasskeys {
			return ErrTooMany
		}
		if slices.ContainsFunc(owner.credentials, func(c webauthn.Credential) bool { return bytes.Equal(c.ID, made.ID) }) {
			return fault.ErrConflict
		}
		if !u.HasFactor() {
			codes = s.renewCodes(u)
		}
		added, err = newPasskey(name, *made, len(u.Passkeys))
		if err != nil {
			return err
		}
		added.CreatedAt = s.Now()
		u.Passkeys = append(slices.Clone(u.Passkeys), added)
		u.AuthVersion++
		return nil
	})
	return added, codes, err
}

func newPasskey(name string, c webauthn.Credential, others int) (account.Passkey, error) {
	if name == "" {
		name = fmt.Sprintf("Passkey %d", others+1)
	}
	body, err := json.Marshal(c)
	return account.Passkey{ID: id.New(id.Passkey), Name: name, Credential: body}, err
}

// RenamePasskey names one of the user's passkeys.
func (s *Service) RenamePasskey(ctx context.Context, userID, passkeyID, name string) (renamed account.Passkey, err error) {
	name = strings.TrimSpace(name)
	if err := checkName(name); err != nil {
		return account.Passkey{}, err
	}
	_, err = s.Users.Change(ctx, userID, false, func(u *account.User) error {
		i := indexOf(u.Passkeys, passkeyID)
		if i < 0 {
			return fault.ErrNotFound
		}
		u.Passkeys = slices.Clone(u.Passkeys)
		u.Passkeys[i].Name = name
		renamed = u.Passkeys[i]
		return nil
	})
	return renamed, err
}

// RemovePasskey takes one away. account.ErrLastCredential when it is the user's only way to sign in.
func (s *Service) RemovePasskey(ctx context.Context, userID, passkeyID string) error {
	_, err := s.Users.Change(ctx, userID, true, func(u *account.User) error {
		i := indexOf(u.Passkeys, passkeyID)
		switch {
		case i < 0:
			return fault.ErrNotFound
		case u.Credentials() == 1:
			return account.ErrLastCredential
		}
		u.Passkeys = slices.Delete(slices.Clone(u.Passkeys), i, i+1)
		leave(u)
		return nil
	})
	return err
}

func indexOf(list []account.Passkey, passkeyID string) int {
	return slices.IndexFunc(list, func(p account.Passkey) bool { return p.ID == passkeyID })
}

func checkName(name string) error {
	n := utf8.RuneCountInString(name)
	if n < 1 || n > 64 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fault.Field("name", "must be 1 to 64 characters long, without control characters")
	}
	return nil
}

// owner is a user as the WebAuthn library sees him.
type owner struct {
	user        account.User
	credentials []webauthn.Credential
}

func ownerOf(u account.User) (owner, error) {
	o := owner{user: u, credentials: make([]webauthn.Credential, len(u.Passkeys))}
	for i, p := range u.Passkeys {
		if err := json.Unmarshal(p.Credential, &o.credentials[i]); err != nil {
			return owner{}, fmt.Errorf("read passkey %s: %w", p.ID, err)
		}
	}
	return o, nil
}

// WebAuthnID is the user handle: the public id.
func (o owner) WebAuthnID() []byte { return []byte(o.user.ID) }

// WebAuthnName is what authenticators show.
func (o owner) WebAuthnName() string { return o.user.Email }

// WebAuthnDisplayName is what they show beside it.
func (o owner) WebAuthnDisplayName() string {
	if o.user.Name != "" {
		return o.user.Name
	}
	return o.user.Email
}

// WebAuthnCredentials are the passkeys.
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.credentials }
