package revocation

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// Changes is what the store's records say happened since some moment of its own clock.
type Changes struct {
	Sessions []session.Session // stamped since then, by ChangedAt
	Users    []account.User
	Now      time.Time // the store's clock when it was read
}

// Source is the store as the follower reads it.
type Source interface {
	// Changes are the records stamped at or after since. The zero time asks for none: only for the clock.
	Changes(ctx context.Context, since time.Time) (Changes, error)
	// ChangesBut is Changes without the records that are known, by id, version and stamp: whatever changed within the
	// overlap is asked for again and again, and the follower has it. Of the others there may be no more than what a
	// Change tells of.
	ChangesBut(ctx context.Context, since time.Time, known Known) (Changes, error)
	// Moved tells, cheaply, whether another process may have written since the last call. A store that cannot tell
	// answers false, and is read at intervals: it need not be asked often.
	Moved(ctx context.Context) (bool, error)
}

// Known tells whether the reader has this version of a record.
type Known = func(id string, version int, at time.Time) bool
