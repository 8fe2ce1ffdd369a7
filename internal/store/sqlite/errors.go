package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

var errClosed = errors.New("the store is closed")

// wrap names the operation and classifies what the driver said.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, translate(err))
}

// translate makes fault.ErrUnavailable of what may pass: a locked, full or unreachable disk, a store that is
// closed, a deadline.
func translate(err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, errClosed) {
		return fault.ErrUnavailable.Because(err)
	}
	switch code(err) & 0xff { // the primary code: the rest says more about the same
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_IOERR, lib.SQLITE_FULL, lib.SQLITE_CANTOPEN,
		lib.SQLITE_READONLY, lib.SQLITE_NOMEM, lib.SQLITE_PROTOCOL:
		return fault.ErrUnavailable.Because(err)
	}
	return err
}

// code is SQLite's extended result code, 0 when the error is not SQLite's.
func code(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// isTaken tells of a unique column, other than the primary key, that has the value already.
func isTaken(err error) bool { return code(err) == lib.SQLITE_CONSTRAINT_UNIQUE }

func orNotFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.ErrNotFound
	}
	return err
}

// orZero keeps half-written values from callers.
func orZero[T any](v T, err error) (T, error) {
	if err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}
