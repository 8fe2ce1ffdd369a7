package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"
	"time"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrations embed.FS

// useWAL switches to the write-ahead log. Of several processes that find a new file at once, SQLite refuses all but
// one without waiting, because waiting could be for ever: so ask again.
func useWAL(ctx context.Context, conn *sql.Conn) error {
	for deadline := time.Now().Add(busyTimeout); ; {
		var mode string
		err := conn.QueryRowContext(ctx, `PRAGMA journal_mode = wal`).Scan(&mode)
		if err == nil && mode != "wal" {
			return fmt.Errorf("journal mode is %s, not wal: is the file on a network share?", mode)
		}
		if !isBusy(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func isBusy(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_BUSY
}

// migrate applies what the file lacks in one transaction, under the lock for writing: another process that starts at
// the same time waits, and finds it done.
func migrate(ctx context.Context, conn *sql.Conn, now time.Time, log *slog.Logger) (err error) {
	scripts, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`)
		}
	}()
	have, err := schemaVersion(ctx, conn)
	if err != nil {
		return err
	}
	if known := len(scripts); have > known {
		return fmt.Errorf("its schema has version %d, this program knows up to %d: use a newer gatehouse", have, known)
	}
	for _, name := range scripts[have:] {
		if err := apply(ctx, conn, name, now); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
		log.Info("store schema migrated", "migration", name)
	}
	_, err = conn.ExecContext(ctx, `COMMIT`)
	return err
}

func schemaVersion(ctx context.Context, conn *sql.Conn) (version int, err error) {
	const table = `CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT`
	if _, err := conn.ExecContext(ctx, table); err != nil {
		return 0, err
	}
	err = conn.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM schema_migrations`).Scan(&version)
	return version, err
}

// apply runs one script. Scripts are numbered from 0001 without gaps.
func apply(ctx context.Context, conn *sql.Conn, name string, now time.Time) error {
	script, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
	version, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, string(script)); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, `INSERT INTO schema_migrations (version, applied_at) VALUES (?, ?)`, version, micros(now))
	return err
}
