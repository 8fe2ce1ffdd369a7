package sqlite

import (
	"context"
	"slices"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

const bulkBatch = 1000 // rows of one commit

// InsertBulk inserts many users, then many sessions, as InsertUser and InsertSession do, with few commits. What was
// inserted before an error stays.
func (s *Store) InsertBulk(ctx context.Context, users []account.User, sessions []session.Session) error {
	err := bulk(ctx, s, "insert users", users, func(t *tx, u account.User) error {
		u.Version, u.ChangedAt = 1, s.clock.read()
		return insertUser(t, u)
	})
	if err != nil {
		return err
	}
	return bulk(ctx, s, "insert sessions", sessions, func(t *tx, rec session.Session) error {
		rec.Version, rec.ChangedAt = 1, s.clock.read()
		return insertSession(t, rec)
	})
}

func bulk[T any](ctx context.Context, s *Store, op string, rows []T, insert func(*tx, T) error) error {
	for batch := range slices.Chunk(rows, bulkBatch) {
		err := s.write(ctx, op, func(t *tx) error {
			for _, r := range batch {
				if err := insert(t, r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
