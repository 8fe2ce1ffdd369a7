// Package grant holds the one-time secrets, all kinds by one mechanism: a secret is stored as a keyed hash, tried by
// an atomic decrement and redeemed by an atomic delete-and-return.
package grant

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// The purposes of grants.
const (
	Ticket     = "ws_ticket"
	Setup      = "setup"
	MFA        = "mfa"
	WebAuthn   = "webauthn"
	OAuthState = "oauth_state"

	// Of links in letters.
	VerifyEmail   = "verify_email"
	ChangeEmail   = "change_email"
	ResetPassword = "reset_password"
	Invite        = "invite"
	NotMe         = "not_me"

	Registration = "registration" // kept by address: what waits for it to be proved
)

// Powers are the purposes that give somebody something of an account. They die with its password.
var Powers = []string{Ticket, MFA, WebAuthn, OAuthState, ChangeEmail, ResetPassword, Invite}

// Grant is a one-time secret as it is stored.
type Grant struct {
	Purpose     string
	Hash        string // keyed hash of the secret, hexadecimal
	UserID      string // or the address, where there is no user yet
	SessionID   string
	AuthVersion int // the user's when the grant was made
	TriesLeft   int
	Payload     []byte
	ExpiresAt   time.Time
}

// Store keeps grants. All of it is safe for concurrent use on any number of nodes.
type Store interface {
	// InsertGrant answers fault.ErrConflict when there is one of the purpose with the hash.
	InsertGrant(ctx context.Context, g Grant) error
	// Grant is a live grant with tries left, as it stands; fault.ErrNotFound.
	Grant(ctx context.Context, purpose, hash string, now time.Time) (Grant, error)
	// TryGrant takes one try of a live grant and returns it, in one atomic step; without tries left, or of none,
	// fault.ErrNotFound.
	TryGrant(ctx context.Context, purpose, hash string, now time.Time) (Grant, error)
	// TakeGrant removes a live grant and returns it, in one atomic step: of any number of callers one gets it, the
	// others fault.ErrNotFound.
	TakeGrant(ctx context.Context, purpose, hash string, now time.Time) (Grant, error)
	// DeleteGrants removes a user's grants of the purposes; without purposes, all of them.
	DeleteGrants(ctx context.Context, userID string, purposes ...string) error
	// DeleteGrantsOf removes all grants of one purpose, such as the set-up links.
	DeleteGrantsOf(ctx context.Context, purpose string) error
}

// Secrets makes and hashes the secrets: keyed, so that a copy of the store redeems nothing.
type Secrets interface {
	MAC(purpose string, data []byte) []byte
	MACs(purpose string, data []byte) [][]byte
}

// ErrExpired is the answer to any one-time secret that is used, expired or unknown.
var ErrExpired = fault.ErrGrantExpired
