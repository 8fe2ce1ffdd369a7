package sqlite

import (
	"context"
	"time"
)

const purgeBatch = 500 // so that others get their turn

// Purge removes ended sessions, jobs that are over and what is left of deleted users when their time has come, and
// expired grants.
func (s *Store) Purge(ctx context.Context, now time.Time) error {
	if err := s.batches(ctx, "purge sessions", func(t *tx) (int, error) { return purgeSessions(t, now) }); err != nil {
		return err
	}
	if err := s.batches(ctx, "purge users", func(t *tx) (int, error) { return purgeUsers(t, now) }); err != nil {
		return err
	}
	err := s.batches(ctx, "purge jobs", func(t *tx) (int, error) {
		n, err := t.exec(`DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE purge_at <> 0 AND purge_at <= ? LIMIT ?)`, micros(now), purgeBatch)
		return int(n), err
	})
	if err != nil {
		return err
	}
	return s.batches(ctx, "purge grants", func(t *tx) (int, error) {
		n, err := t.exec(`DELETE FROM grants WHERE (purpose, hash) IN (SELECT purpose, hash FROM grants WHERE expires_at <= ? LIMIT ?)`,
			micros(now), purgeBatch)
		return int(n), err
	})
}

// batches repeats f, a write of its own each time, until it removes less than a batch.
func (s *Store) batches(ctx context.Context, op string, f func(*tx) (int, error)) error {
	for removed := purgeBatch; removed >= purgeBatch; {
		err := s.write(ctx, op, func(t *tx) (err error) {
			removed, err = f(t)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func purgeUsers(t *tx, now time.Time) (int, error) {
	ids, err := t.texts(`SELECT id FROM users WHERE purge_at <> 0 AND purge_at <= ? LIMIT ?`, micros(now), purgeBatch)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if _, err := t.exec(`DELETE FROM words WHERE kind = ? AND id IN (SELECT value FROM json_each(?))`, kindRole, list(ids)); err != nil {
		return 0, err
	}
	_, err = t.exec(`DELETE FROM users WHERE id IN (SELECT value FROM json_each(?))`, list(ids))
	return len(ids), err
}

func purgeSessions(t *tx, now time.Time) (int, error) {
	ids, err := t.texts(`SELECT id FROM sessions WHERE ended_at <> 0 AND purge_at <> 0 AND purge_at <= ? LIMIT ?`, micros(now), purgeBatch)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if _, err := t.exec(`DELETE FROM words WHERE kind = ? AND id IN (SELECT value FROM json_each(?))`, kindSession, list(ids)); err != nil {
		return 0, err
	}
	_, err = t.exec(`DELETE FROM sessions WHERE id IN (SELECT value FROM json_each(?))`, list(ids))
	return len(ids), err
}
