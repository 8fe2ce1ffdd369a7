package session

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Store keeps sessions. All of it is safe for concurrent use on any number of nodes.
type Store interface {
	// InsertSession stores a new session, traces included, as version 1, stamped with the store's clock.
	InsertSession(ctx context.Context, s Session) (Session, error)
	// Session answers fault.ErrNotFound when there is none; ended ones are there until they are purged.
	Session(ctx context.Context, id string) (Session, error)
	// ReplaceSession stores s, without its traces, as version s.Version+1 in one compare-and-set: of any number of
	// concurrent callers with the same version exactly one wins, the others get fault.ErrMoved. With stamp,
	// ChangedAt becomes the store's clock, and followers will see the change.
	ReplaceSession(ctx context.Context, s Session, stamp bool) (Session, error)
	// EndSession ends a session in one atomic step, as the next version, stamped with the store's clock. A session that
	// has ended, or is not due, stays as it is: of any number of concurrent callers exactly one ends it, and all get the
	// record as it is then. fault.ErrNotFound.
	EndSession(ctx context.Context, id string, e End) (s Session, ended bool, err error)
	// SessionsOf are the user's sessions that have not ended, and those of also that have, in any order.
	SessionsOf(ctx context.Context, userID string, also ...string) ([]Session, error)
	// DueSessions are up to limit sessions that have not ended although now is past their end, by when that was.
	DueSessions(ctx context.Context, now time.Time, limit int) ([]Session, error)
	// Touch writes traces, in one batch. Sessions that are gone are skipped, and ended ones keep their address.
	Touch(ctx context.Context, traces []Trace) error
	// StripSessions takes name, device and address out of all sessions of a user.
	StripSessions(ctx context.Context, userID string) error
	ListSessions(ctx context.Context, q Query) (Page, error)
}

// End is what a session's record says of its end, by the names it has there.
type End struct {
	At      time.Time `json:"ended_at"`
	PurgeAt time.Time `json:"purge_at"`
	Reason  string    `json:"end_reason"`
	By      wire.By   `json:"ended_by"`
	Message string    `json:"end_message"`

	Due time.Time `json:"-"` // when set, only a session that has run out by then is ended
}
