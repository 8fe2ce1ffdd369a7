package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/revocation"
)

// changesBatch is how many changed records are read at a time.
const changesBatch = 500

// Changes is revocation.Source's. A record becomes visible a moment after its stamp, when its group is committed.
func (s *Store) Changes(ctx context.Context, since time.Time) (revocation.Changes, error) {
	return s.ChangesBut(ctx, since, func(string, int, time.Time) bool { return false })
}

// ChangesBut is revocation.Source's. Of what is known, the record itself is not read.
func (s *Store) ChangesBut(ctx context.Context, since time.Time, known revocation.Known) (revocation.Changes, error) {
	c := revocation.Changes{Now: s.clock.read()}
	if since.IsZero() {
		return orZero(c, s.Ping(ctx))
	}
	var err error
	c.Sessions, err = changed(ctx, s, scanSession, known, `SELECT id, version, changed_at FROM sessions WHERE changed_at >= ?`,
		`SELECT `+sessionColumns+` FROM sessions WHERE id IN (SELECT value FROM json_each(?))`, since)
	if err != nil {
		return revocation.Changes{}, wrap("read changed sessions", err)
	}
	c.Users, err = changed(ctx, s, scanUser, known, `SELECT id, version, changed_at FROM users WHERE changed_at >= ?`,
		`SELECT `+userColumns+` FROM users WHERE id IN (SELECT value FROM json_each(?))`, since)
	return orZero(c, wrap("read changed users", err))
}

// changed reads which records were stamped since then, and those that are not known.
func changed[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), known revocation.Known, which, whole string, since time.Time) (out []T, err error) {
	var news []string
	_, err = read(ctx, s, func(r *sql.Rows) (none struct{}, err error) {
		var id string
		var version int
		var at int64
		if err = r.Scan(&id, &version, &at); err == nil && !known(id, version, fromMicros(at)) {
			news = append(news, id)
		}
		return none, err
	}, which, micros(since))
	if err != nil {
		return nil, err
	}
	for some := range slices.Chunk(news, changesBatch) {
		records, err := read(ctx, s, scan, whole, list(some))
		if err != nil {
			return nil, err
		}
		out = append(out, records...)
	}
	return out, nil
}

// moved remembers the version of the file as the writing connection saw it last.
type moved struct {
	mu      sync.Mutex // guards the following
	version int64
}

// Moved is revocation.Source's. SQLite counts, for each connection, the commits of all others; only the writing one
// sees none of this process's own.
func (s *Store) Moved(ctx context.Context) (bool, error) {
	var version int64
	err := s.writer.do(ctx, &job{alone: true, done: make(chan error, 1), run: func(t *tx) error {
		return t.one([]any{&version}, `PRAGMA data_version`)
	}})
	if err != nil {
		return false, wrap("read data version", err)
	}
	s.moved.mu.Lock()
	defer s.moved.mu.Unlock()
	before := s.moved.version
	s.moved.version = version
	return version != before, nil
}
