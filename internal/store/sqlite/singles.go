package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

const (
	admins = "admins"
	keyset = "keyset"
)

// Admins is account.Store's.
func (s *Store) Admins(ctx context.Context) (account.Admins, error) {
	var a account.Admins
	version, err := s.single(ctx, admins, &a.IDs)
	if errors.Is(err, fault.ErrNotFound) {
		return account.Admins{}, nil
	}
	a.Version = version
	return orZero(a, wrap("read admins", err))
}

// PutAdmins is account.Store's.
func (s *Store) PutAdmins(ctx context.Context, a account.Admins) error {
	return s.putSingle(ctx, "put admins", admins, a.IDs, a.Version)
}

// Keyset is the record of the signing keys, or fault.ErrNotFound before there is one.
func (s *Store) Keyset(ctx context.Context) (token.Record, error) {
	var rec token.Record
	version, err := s.single(ctx, keyset, &rec)
	rec.Version = version
	return orZero(rec, wrap("read keyset", err))
}

// PutKeyset stores rec as version from+1 in one compare-and-set, from 0 when there is none yet: fault.ErrMoved.
func (s *Store) PutKeyset(ctx context.Context, rec token.Record, from int) error {
	rec.Version = from + 1
	return s.putSingle(ctx, "put keyset", keyset, rec, from)
}

func (s *Store) single(ctx context.Context, name string, v any) (version int, err error) {
	version, err = first(ctx, s, func(r *sql.Rows) (int, error) {
		var body []byte
		if err := r.Scan(&version, &body); err != nil {
			return 0, err
		}
		return version, json.Unmarshal(body, v)
	}, `SELECT version, body FROM singles WHERE name = ?`, name)
	return version, orNotFound(err)
}

func (s *Store) putSingle(ctx context.Context, op, name string, v any, from int) error {
	body, err := json.Marshal(v)
	if err != nil {
		return wrap(op, err)
	}
	return s.write(ctx, op, func(t *tx) error {
		var version int
		err := t.one([]any{&version}, `INSERT INTO singles (name, version, body) SELECT ?1, ?2 + 1, ?3
			WHERE ?2 = (SELECT coalesce(max(version), 0) FROM singles WHERE name = ?1)
			ON CONFLICT (name) DO UPDATE SET version = excluded.version, body = excluded.body RETURNING version`, name, from, string(body))
		if errors.Is(err, sql.ErrNoRows) {
			return fault.ErrMoved
		}
		return err
	})
}
