// Package audit records what happened: append-only rows that store ids; names are joined when they are read.
package audit

import (
	"context"
	"time"
)

// The actions.
const (
	UserRegistered   = "user.registered"
	UserCreated      = "user.created"
	UserRoles        = "user.roles"
	UserDisabled     = "user.disabled"
	UserEnabled      = "user.enabled"
	UserRenamed      = "user.renamed"
	UserDeleted      = "user.deleted"
	EmailVerified    = "email.verified"
	EmailChangeAsked = "email.change_asked"
	EmailChanged     = "email.changed"
	PasswordChanged  = "password.changed"
	PasswordReset    = "password.reset"
	SignedIn         = "session.started"
	SignInFailed     = "session.refused"
	SessionEnded     = "session.ended"
	SessionRenamed   = "session.renamed"
	Reauthenticated  = "session.reauthenticated"
	PasskeyCloned    = "passkey.cloned"
	FactorAdded      = "factor.added"
	FactorRemoved    = "factor.removed"
	FactorsReset     = "factors.reset"
	RecoveryCodes    = "recovery_codes.renewed"
	IdentityLinked   = "identity.linked"
	IdentityUnlinked = "identity.unlinked"
	MessageSent      = "message.sent"
	KeysRotated      = "keys.rotated"
)

// The actions on what speaks to other services.
const (
	WebhookCreated    = "webhook.created"
	WebhookDeleted    = "webhook.deleted"
	ServiceKeyCreated = "service_key.created"
	ServiceKeyDeleted = "service_key.deleted"
)

// The outcomes.
const (
	Success = "success"
	Failure = "failure"
)

// Party is an actor or a target of an event.
type Party struct {
	Kind string `json:"kind"` // user, session, shell, system, address
	ID   string `json:"id,omitempty"`
}

// Event is one row.
type Event struct {
	ID      string            `json:"id"`
	At      time.Time         `json:"at"`
	Action  string            `json:"action"`
	Actor   Party             `json:"actor"`
	Target  Party             `json:"target"`
	UserID  string            `json:"user_id,omitempty"` // whom it concerns
	IP      string            `json:"ip,omitempty"`
	Outcome string            `json:"outcome"`
	Reason  string            `json:"reason,omitempty"`
	Details map[string]string `json:"details,omitempty"`
}

// Query selects events, newest first. Zero members select all.
type Query struct {
	ID                            string // the one row
	UserID, Actor, Target, Action string
	Since, Until                  time.Time
	Cursor                        string
	Limit                         int
}

// Store keeps events.
type Store interface {
	// AppendAudit writes a row; writing an id again changes nothing.
	AppendAudit(ctx context.Context, e Event) error
	// AuditEvents is a page, and the cursor of the next ("" at the end).
	AuditEvents(ctx context.Context, q Query) ([]Event, string, error)
}
