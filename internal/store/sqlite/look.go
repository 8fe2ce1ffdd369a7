package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Condition is how a file stands.
type Condition struct {
	Missing    bool // it will be made at the first start
	Have, Want int  // the version of its schema, and this program's
}

// Look tells how the file at path stands, and changes nothing: it is read, and the right to write it taken and given
// back. The error says what is in the way.
func Look(ctx context.Context, path string) (c Condition, err error) {
	scripts, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return c, err
	}
	c.Want = len(scripts)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		c.Missing = true
		return c, nil
	}
	db, err := connect(path, 1)
	if err != nil {
		return c, err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return c, fmt.Errorf("open: %w", err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
		return c, fmt.Errorf("write: %w", err)
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`)
	err = conn.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM schema_migrations`).Scan(&c.Have)
	if err != nil && strings.Contains(err.Error(), "no such table") { // of an empty file; SQLite has no code for it
		err = nil
	}
	return c, err
}
