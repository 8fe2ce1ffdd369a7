// Package transfer moves all that a store keeps into another store, each record as it is: ids, versions, stamps and what
// is sealed. So nobody is signed out, and the master secret stays the one it was.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// batch is how many records are in memory at once.
var batch = 500

// users are copied last: until there are some, a copy that broke can be repeated.
const users = "users"

// Records are what a store keeps, by kinds.
type Records interface {
	// Kinds names the kinds of records, all of them.
	Kinds() []string
	// Export is up to limit records of a kind in the order of their keys, behind the mark of the call before ("" at
	// first), and the next mark ("" at the end). A record is a value of the rules, such as an account.User, and whole.
	Export(ctx context.Context, kind, mark string, limit int) (records []any, next string, err error)
	// Import stores records of a kind as they are, version and stamp too, in the place of those that have their keys.
	Import(ctx context.Context, kind string, records []any) error
	// Count is how many records of a kind there are.
	Count(ctx context.Context, kind string) (int, error)
}

// Store is one end of a copy.
type Store interface {
	Records
	revocation.Source
	// Purge removes what is past its time.
	Purge(ctx context.Context, now time.Time) error
	// DeleteGrantsOf removes all grants of a purpose.
	DeleteGrantsOf(ctx context.Context, purpose string) error
}

// The reasons why a copy is refused.
var (
	ErrHasUsers = errors.New("the target holds users already")
	ErrServed   = errors.New("the source changed while it was copied: stop the node that serves it, and copy again")
)

// Each calls f with every record of a kind, a batch at a time.
func Each(ctx context.Context, from Records, kind string, f func(records []any) error) error {
	for mark := ""; ; {
		records, next, err := from.Export(ctx, kind, mark, batch)
		if err == nil && len(records) > 0 {
			err = f(records)
		}
		if err != nil || next == "" {
			return err
		}
		mark = next
	}
}

// Copy copies every record of from to to, which must hold no users, and tells how many there were of each kind. No node
// may serve either of them. When it fails it can be repeated, on the target as it left it.
func Copy(ctx context.Context, from, to Store, now time.Time, told func(kind string, n int)) error {
	kinds, err := order(from, to)
	if err != nil {
		return err
	}
	n, err := to.Count(ctx, users)
	if err != nil {
		return err
	}
	if n > 0 {
		return ErrHasUsers
	}
	if err := tidy(ctx, from, to, now); err != nil {
		return err
	}
	unchanged, err := watch(ctx, from)
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		if kind == users {
			if err := unchanged(); err != nil {
				return err
			}
		}
		n, err := copyKind(ctx, from, to, kind)
		if err != nil {
			return err
		}
		told(kind, n)
	}
	return unchanged()
}

// order is the kinds of both, users last.
func order(from, to Store) ([]string, error) {
	kinds := slices.Sorted(slices.Values(from.Kinds()))
	if other := slices.Sorted(slices.Values(to.Kinds())); !slices.Equal(kinds, other) {
		return nil, fmt.Errorf("the source keeps %v, the target %v", kinds, other)
	}
	return append(slices.DeleteFunc(kinds, func(kind string) bool { return kind == users }), users), nil
}

// tidy removes what would be gone soon, so that it is not gone while counts are compared; and the set-up links of a
// target that was tried out, which make admins where there are none.
func tidy(ctx context.Context, from, to Store, now time.Time) error {
	if err := from.Purge(ctx, now); err != nil {
		return err
	}
	if err := to.Purge(ctx, now); err != nil {
		return err
	}
	return to.DeleteGrantsOf(ctx, grant.Setup)
}

// watch looks from now on whether anybody changes the store. It sees what the store can tell: SQLite every write of
// another process, MongoDB the stamps of sessions and users.
func watch(ctx context.Context, from Store) (unchanged func() error, err error) {
	if _, err := from.Moved(ctx); err != nil {
		return nil, err
	}
	clock, err := from.Changes(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	before, err := stamps(ctx, from, clock.Now)
	if err != nil {
		return nil, err
	}
	return func() error {
		moved, err := from.Moved(ctx)
		if err != nil {
			return err
		}
		after, err := stamps(ctx, from, clock.Now)
		if err != nil {
			return err
		}
		if moved || !slices.Equal(before, after) {
			return ErrServed
		}
		return nil
	}, nil
}

// stamps are those since some time: mostly none, but a clock may have been set back.
func stamps(ctx context.Context, from Store, since time.Time) (list []string, err error) {
	changes, err := from.Changes(ctx, since)
	for _, s := range changes.Sessions {
		list = append(list, fmt.Sprint(s.ID, s.Version, s.ChangedAt.UnixMicro()))
	}
	for _, u := range changes.Users {
		list = append(list, fmt.Sprint(u.ID, u.Version, u.ChangedAt.UnixMicro()))
	}
	slices.Sort(list)
	return list, err
}

// copyKind copies the records of a kind and compares the counts: since all of the source's are in the target, equal ones
// mean equal sets.
func copyKind(ctx context.Context, from, to Store, kind string) (n int, err error) {
	err = Each(ctx, from, kind, func(records []any) error {
		n += len(records)
		return to.Import(ctx, kind, offline(records))
	})
	if err != nil {
		return n, err
	}
	there, err := from.Count(ctx, kind)
	if err != nil {
		return n, err
	}
	here, err := to.Count(ctx, kind)
	if err != nil {
		return n, err
	}
	if there != n {
		return n, fmt.Errorf("%s: %w", kind, ErrServed)
	}
	if here != n {
		return n, fmt.Errorf("%s: %d are copied, but the target has %d: empty the target and copy again", kind, n, here)
	}
	return n, nil
}

// offline writes sessions offline, by a presence sequence before any other: nobody is connected to the target yet.
func offline(records []any) []any {
	for i, r := range records {
		if s, ok := r.(session.Session); ok {
			s.Online, s.OnlineSeq = false, 0
			records[i] = s
		}
	}
	return records
}
