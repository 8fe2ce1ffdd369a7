package sqlite

import (
	"context"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/revocation"
)

// Changes is revocation.Source's. A record becomes visible a moment after its stamp, when its group is committed.
func (s *Store) Changes(ctx context.Context, since time.Time) (revocation.Changes, error) {
	c := revocation.Changes{Now: s.clock.read()}
	if since.IsZero() {
		return orZero(c, s.Ping(ctx))
	}
	var err error
	c.Sessions, err = read(ctx, s, scanSession, `SELECT `+sessionColumns+` FROM sessions WHERE changed_at >= ?`, micros(since))
	if err != nil {
		return revocation.Changes{}, wrap("read changed sessions", err)
	}
	c.Users, err = read(ctx, s, scanUser, `SELECT `+userColumns+` FROM users WHERE changed_at >= ?`, micros(since))
	return orZero(c, wrap("read changed users", err))
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
