// Package sqlite keeps the facts in one SQLite file. Writes go through one connection in groups that share a commit;
// what is acknowledged is on disk. Other processes may use the file at the same time.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	driver "modernc.org/sqlite"
)

const (
	readers     = 4
	busyTimeout = 5 * time.Second // how long to wait for another process
)

// Options of a Store. Zero members mean defaults.
type Options struct {
	Now func() time.Time // the store's clock
	Log *slog.Logger
}

// Store is one SQLite file. It is safe for concurrent use.
type Store struct {
	// Static after construction.
	reads    *sql.DB
	writes   *sql.DB              // of one connection, held by writer
	prepared map[string]*sql.Stmt // of reads, by their text
	writer   *writer
	clock    *clock
	moved    moved
	totals   totals

	observer atomic.Pointer[func(operation string, took time.Duration, err error)]
}

// Open opens the file, creates it (0600) and its folder (0700) where they are missing, and brings its schema up to
// date. A file of a newer schema is an error.
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if err := create(path); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{clock: &clock{now: opts.Now}}
	if err := s.open(ctx, path, opts.Log); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, translate(err)), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string, log *slog.Logger) (err error) {
	if s.reads, err = connect(path, readers, "query_only(1)"); err != nil {
		return err
	}
	if s.writes, err = connect(path, 1, "synchronous(full)", "journal_size_limit(67108864)"); err != nil {
		return err
	}
	conn, err := s.writes.Conn(ctx)
	if err != nil {
		return err
	}
	if err := prepare(ctx, conn, s.clock.read(), log); err != nil {
		return errors.Join(err, conn.Close())
	}
	s.writer = newWriter(conn, log)
	if err := s.prepareReads(ctx); err != nil {
		return err
	}
	_, err = s.Moved(ctx) // from here on
	return err
}

func prepare(ctx context.Context, conn *sql.Conn, now time.Time, log *slog.Logger) error {
	if err := useWAL(ctx, conn); err != nil {
		return err
	}
	return migrate(ctx, conn, now, log)
}

// create makes the folder and the file, so that their modes do not depend on who asks. SQLite gives the files
// beside it the mode of this one.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func connect(path string, conns int, pragmas ...string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	query := url.Values{"_pragma": append(pragmas, fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "cache_size(-8000)")}
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	connector, err := driver.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// Ping reads a page of the file.
func (s *Store) Ping(ctx context.Context) error {
	_, err := first(ctx, s, scanInt, `SELECT count(*) FROM schema_migrations`)
	return wrap("ping", err)
}

// Close lets the writes that are queued finish, and closes the file, the writing connection last: it empties the
// write-ahead log into the file. Later calls answer fault.ErrUnavailable.
func (s *Store) Close() error {
	var errs []error
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	for _, db := range []*sql.DB{s.reads, s.writes} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
