package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/words"
)

const (
	userColumns = `version, changed_at, body`
	userByID    = `SELECT ` + userColumns + ` FROM users WHERE id = ?`
)

func scanUser(r *sql.Rows) (account.User, error) {
	var (
		version int
		changed int64
		body    []byte
		u       account.User
	)
	if err := r.Scan(&version, &changed, &body); err != nil {
		return u, err
	}
	err := json.Unmarshal(body, &u)
	u.Version, u.ChangedAt = version, fromMicros(changed)
	return u, err
}

// InsertUser is account.Store's.
func (s *Store) InsertUser(ctx context.Context, u account.User) (account.User, error) {
	u.Version = 1
	err := s.write(ctx, "insert user", func(t *tx) error {
		u.ChangedAt = s.clock.read()
		return insertUser(t, u)
	})
	return orZero(u, err)
}

func insertUser(t *tx, u account.User) error {
	body, err := json.Marshal(u)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO users (id, email, version, changed_at, created_at, purge_at, body) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		u.ID, address(u), u.Version, micros(u.ChangedAt), micros(u.CreatedAt), micros(u.PurgeAt), string(body))
	if err != nil {
		return emailTaken(err)
	}
	return indexUser(t, u)
}

// address is unique. A deleted user has none.
func address(u account.User) string { return cmp.Or(u.Email, u.ID) }

func emailTaken(err error) error {
	if isTaken(err) {
		return account.ErrEmailTaken.Because(err)
	}
	return err
}

func indexUser(t *tx, u account.User) error {
	if err := setIdentities(t, u); err != nil {
		return err
	}
	if err := setWords(t, kindRole, u.ID, u.Roles); err != nil {
		return err
	}
	return setWords(t, kindUser, u.ID, append(words.Email(u.Email), words.Name(u.Name)...))
}

func setIdentities(t *tx, u account.User) error {
	if _, err := t.exec(`DELETE FROM identities WHERE user_id = ?`, u.ID); err != nil {
		return err
	}
	for _, i := range u.Identities {
		_, err := t.exec(`INSERT INTO identities (identity, user_id) VALUES (?, ?)`, i.Key(), u.ID)
		if isTaken(err) {
			return account.ErrIdentityTaken.Because(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// User is account.Store's.
func (s *Store) User(ctx context.Context, id string) (account.User, error) {
	return s.user(ctx, "read user", userByID, id)
}

// UserByEmail is account.Store's.
func (s *Store) UserByEmail(ctx context.Context, email string) (account.User, error) {
	return s.user(ctx, "read user by email", `SELECT `+userColumns+` FROM users WHERE email = ?`, email)
}

// UserByIdentity is account.Store's.
func (s *Store) UserByIdentity(ctx context.Context, provider, subject string) (account.User, error) {
	return s.user(ctx, "read user by identity", `SELECT `+userColumns+` FROM users
		WHERE id = (SELECT user_id FROM identities WHERE identity = ?)`, account.Identity{Provider: provider, Subject: subject}.Key())
}

func (s *Store) user(ctx context.Context, op, query string, args ...any) (account.User, error) {
	u, err := first(ctx, s, scanUser, query, args...)
	return orZero(u, wrap(op, orNotFound(err)))
}

// UsersByID is account.Store's.
func (s *Store) UsersByID(ctx context.Context, ids []string) ([]account.User, error) {
	const query = `SELECT ` + userColumns + ` FROM users WHERE id IN (SELECT value FROM json_each(?))`
	out, err := read(ctx, s, scanUser, query, list(ids))
	return out, wrap("read users", err)
}

// ReplaceUser is account.Store's.
func (s *Store) ReplaceUser(ctx context.Context, u account.User, stamp bool) (account.User, error) {
	body, err := json.Marshal(u)
	if err != nil {
		return account.User{}, wrap("replace user", err)
	}
	err = s.write(ctx, "replace user", func(t *tx) error {
		var changed int64
		err := t.one([]any{&changed}, `UPDATE users SET email = ?, version = version + 1, purge_at = ?, body = ?, changed_at = coalesce(?, changed_at)
			WHERE id = ? AND version = ? RETURNING changed_at`, address(u), micros(u.PurgeAt), string(body), s.stamp(stamp), u.ID, u.Version)
		if err != nil {
			return movedOrNotFound(t, `SELECT 1 FROM users WHERE id = ?`, u.ID, emailTaken(err))
		}
		u.Version, u.ChangedAt = u.Version+1, fromMicros(changed)
		return indexUser(t, u)
	})
	return orZero(u, err)
}

// stamp is the time to write, or nil to leave what is there.
func (s *Store) stamp(wanted bool) any {
	if !wanted {
		return nil
	}
	return micros(s.clock.read())
}

// movedOrNotFound says why a compare-and-set found no row.
func movedOrNotFound(t *tx, query, id string, err error) error {
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	var one int
	if err := t.one([]any{&one}, query, id); err != nil {
		return orNotFound(err)
	}
	return fault.ErrMoved
}
