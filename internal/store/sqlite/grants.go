package sqlite

import (
	"context"
	"database/sql"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
)

const grantColumns = `purpose, hash, user_id, session_id, auth_version, tries_left, payload, expires_at`

// InsertGrant is grant.Store's.
func (s *Store) InsertGrant(ctx context.Context, g grant.Grant) error {
	return s.write(ctx, "insert grant", func(t *tx) error {
		err := insertGrant(t, g)
		if code(err) == lib.SQLITE_CONSTRAINT_PRIMARYKEY {
			return fault.ErrConflict.Because(err)
		}
		return err
	})
}

func insertGrant(t *tx, g grant.Grant) error {
	_, err := t.exec(`INSERT INTO grants (`+grantColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		g.Purpose, g.Hash, g.UserID, g.SessionID, g.AuthVersion, g.TriesLeft, g.Payload, micros(g.ExpiresAt))
	return err
}

// Grant is grant.Store's.
func (s *Store) Grant(ctx context.Context, purpose, hash string, now time.Time) (grant.Grant, error) {
	g, err := first(ctx, s, scanGrant, `SELECT `+grantColumns+` FROM grants
		WHERE purpose = ? AND hash = ? AND expires_at > ? AND tries_left > 0`, purpose, hash, micros(now))
	return orZero(g, wrap("read grant", orNotFound(err)))
}

func scanGrant(r *sql.Rows) (g grant.Grant, err error) {
	var expires int64
	err = r.Scan(grantDest(&g, &expires)...)
	g.ExpiresAt = fromMicros(expires)
	return g, err
}

func grantDest(g *grant.Grant, expires *int64) []any {
	return []any{&g.Purpose, &g.Hash, &g.UserID, &g.SessionID, &g.AuthVersion, &g.TriesLeft, &g.Payload, expires}
}

// TryGrant is grant.Store's. TriesLeft is what is left after this one.
func (s *Store) TryGrant(ctx context.Context, purpose, hash string, now time.Time) (grant.Grant, error) {
	return s.grant(ctx, "try grant", `UPDATE grants SET tries_left = tries_left - 1
		WHERE purpose = ? AND hash = ? AND expires_at > ? AND tries_left > 0 RETURNING `+grantColumns, purpose, hash, micros(now))
}

// TakeGrant is grant.Store's. A grant whose last try was taken can still be redeemed by it.
func (s *Store) TakeGrant(ctx context.Context, purpose, hash string, now time.Time) (grant.Grant, error) {
	return s.grant(ctx, "take grant", `DELETE FROM grants
		WHERE purpose = ? AND hash = ? AND expires_at > ? RETURNING `+grantColumns, purpose, hash, micros(now))
}

func (s *Store) grant(ctx context.Context, op, query string, args ...any) (g grant.Grant, err error) {
	err = s.write(ctx, op, func(t *tx) error {
		var expires int64
		if err := t.one(grantDest(&g, &expires), query, args...); err != nil {
			return orNotFound(err)
		}
		g.ExpiresAt = fromMicros(expires)
		return nil
	})
	return orZero(g, err)
}

// DeleteGrants is grant.Store's.
func (s *Store) DeleteGrants(ctx context.Context, userID string, purposes ...string) error {
	return s.write(ctx, "delete grants of user", func(t *tx) error {
		_, err := t.exec(`DELETE FROM grants WHERE user_id = ? AND (? OR purpose IN (SELECT value FROM json_each(?)))`,
			userID, len(purposes) == 0, list(purposes))
		return err
	})
}

// DeleteGrantsOf is grant.Store's.
func (s *Store) DeleteGrantsOf(ctx context.Context, purpose string) error {
	return s.write(ctx, "delete grants of purpose", func(t *tx) error {
		_, err := t.exec(`DELETE FROM grants WHERE purpose = ?`, purpose)
		return err
	})
}
