// Package account holds the users: who they are, what they may, and their passwords.
package account

import (
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// The roles. Every user has RoleUser.
const (
	RoleUser      = "user"
	RoleModerator = "moderator"
	RoleAdmin     = "admin"
)

// User is an account as it is stored.
type User struct {
	ID              string     `json:"id"`
	Version         int        `json:"-"` // of the record; a replace is a compare-and-set on it
	Email           string     `json:"email,omitempty"`
	Name            string     `json:"name"`
	PasswordHash    string     `json:"password_hash,omitempty"` // PHC string of argon2id, or bcrypt; "" when there is none
	Roles           []string   `json:"roles"`
	Disabled        bool       `json:"disabled,omitempty"`
	EmailVerifiedAt time.Time  `json:"email_verified_at,omitzero"`
	Epoch           int        `json:"epoch"`        // rises with roles and standing: older access tokens are stale
	AuthVersion     int        `json:"auth_version"` // rises with password, standing and factors: a sign-in that began before fails
	TOTP            *TOTP      `json:"totp,omitempty"`
	Passkeys        []Passkey  `json:"passkeys,omitempty"`
	RecoveryCodes   []string   `json:"recovery_codes,omitempty"` // hashes under RecoveryKey; a used one is gone
	RecoveryKey     []byte     `json:"recovery_key,omitempty"`   // sealed
	Identities      []Identity `json:"identities,omitempty"`     // at most one of each provider
	CreatedAt       time.Time  `json:"created_at"`
	ChangedAt       time.Time  `json:"-"` // the store's clock when roles, factors, name or standing last changed

	WelcomedAt   time.Time     `json:"welcomed_at,omitzero"`    // when the account could first be used, if that was told
	ToldTakenAt  time.Time     `json:"told_taken_at,omitzero"`  // when he was last told that somebody wants his address
	KnownDevices []KnownDevice `json:"known_devices,omitempty"` // those that signed in lately
	PurgeAt      time.Time     `json:"purge_at,omitzero"`       // when what is left of a deleted user may go
}

// KnownDevice is a device that signed in before: no news.
type KnownDevice struct {
	Hash   string    `json:"hash"` // keyed, of browser, system and address
	SeenAt time.Time `json:"seen_at"`
}

// Gone tells whether the user was deleted: of him the id is left, so that nodes hear of it and audit rows mean somebody.
func (u User) Gone() bool { return !u.PurgeAt.IsZero() }

// Has tells whether the user has the role.
func (u User) Has(role string) bool { return slices.Contains(u.Roles, role) }

// Staff tells whether the user is moderator or admin.
func (u User) Staff() bool { return u.Has(RoleModerator) || u.Has(RoleAdmin) }

// Admins is the one record that guards the last admin: the ids of the users with the role, at least.
type Admins struct {
	Version int
	IDs     []string
}

// Query selects users for a list, newest first.
type Query struct {
	Q      string // the beginning of a word of address or name, in any case, or a whole id
	Role   string
	Online *bool  // with a session that is, or is not, online as last written
	Cursor string // of the page before; "" for the first
	Limit  int
}

// Page is a part of a list of users.
type Page struct {
	Users []User
	Next  string // the cursor of the next page, "" at the end
	Total int
}

// Errors of accounts.
var (
	ErrEmailTaken         = &fault.Error{Kind: fault.Conflict, Code: "email_taken"}
	ErrIdentityTaken      = &fault.Error{Kind: fault.Conflict, Code: "email_taken", Detail: "that account is linked to another user"}
	ErrLastAdmin          = &fault.Error{Kind: fault.Conflict, Code: "last_admin", Detail: "the last admin keeps the role and stays enabled"}
	ErrLastCredential     = &fault.Error{Kind: fault.Conflict, Code: "last_credential", Detail: "without it there would be no way to sign in"}
	ErrUnverified         = &fault.Error{Kind: fault.Forbidden, Code: "email_unverified", Detail: "follow the link in the mail first"}
	ErrInvalidCredentials = &fault.Error{Kind: fault.Unauthenticated, Code: "invalid_credentials"}
	ErrWeakPassword       = &fault.Error{Kind: fault.Invalid, Code: "weak_password", Detail: "this password is among the most common ones"}
	ErrSignupClosed       = &fault.Error{Kind: fault.Forbidden, Code: "forbidden", Detail: "registration is closed"}
)
