package account

import (
	"encoding/json"
	"time"
)

// TOTP is an authenticator app (RFC 6238). It counts once it is confirmed.
type TOTP struct {
	Secret      []byte    `json:"secret"` // sealed
	ConfirmedAt time.Time `json:"confirmed_at,omitzero"`
	LastStep    int64     `json:"last_step,omitempty"` // the last time step whose code was accepted: none is accepted twice
}

// Passkey is a WebAuthn credential.
type Passkey struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Credential json.RawMessage `json:"credential"` // what the WebAuthn library keeps of it
	CreatedAt  time.Time       `json:"created_at"`
	LastUsedAt time.Time       `json:"last_used_at,omitzero"`
}

// Identity is an account at a provider by which the user may sign in.
type Identity struct {
	Provider string    `json:"provider"`
	Subject  string    `json:"subject"` // stable; the address there may change
	Email    string    `json:"email"`   // as it was when linked
	LinkedAt time.Time `json:"linked_at"`
}

// Key is the identity as one text, as stores keep it unique.
func (i Identity) Key() string { return i.Provider + ":" + i.Subject }

// HasTOTP tells whether a confirmed authenticator app is there.
func (u User) HasTOTP() bool { return u.TOTP != nil && !u.TOTP.ConfirmedAt.IsZero() }

// HasFactor tells whether the user has a second factor. Recovery codes alone are none.
func (u User) HasFactor() bool { return u.HasTOTP() || len(u.Passkeys) > 0 }

// Methods are the second factors that the user can show, by the names of the API.
func (u User) Methods() []string {
	methods := []string{}
	if u.HasTOTP() {
		methods = append(methods, "totp")
	}
	if u.HasFactor() && len(u.RecoveryCodes) > 0 {
		methods = append(methods, "recovery_code")
	}
	if len(u.Passkeys) > 0 {
		methods = append(methods, "passkey")
	}
	return methods
}

// Credentials counts what the user can begin a sign-in with.
func (u User) Credentials() int {
	n := len(u.Passkeys) + len(u.Identities)
	if u.PasswordHash != "" {
		n++
	}
	return n
}
