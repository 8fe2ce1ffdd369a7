package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Backup copies the store in the file at path into a new file (0600), while others write to it: all that was
// acknowledged before the call is in the copy, and of what is written meanwhile all or nothing of each write. The schema
// stays as it is. A file that is there already is an error and stays.
//
// Under the name there is nothing but an empty file until the copy is whole and on disk.
func Backup(ctx context.Context, path, file string) (err error) {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if err := reserve(file); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("back up: %s exists already", file)
	} else if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	part := file + ".part"
	defer func() {
		if err != nil {
			_ = os.Remove(file)
		}
		_ = os.Remove(part)
	}()
	if err := vacuum(ctx, path, part); err != nil {
		return fmt.Errorf("back up %s: %w", path, translate(err))
	}
	if err := os.Rename(part, file); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return syncFolder(filepath.Dir(file))
}

func reserve(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// vacuum writes what one read transaction sees, so that writers do not wait. SQLite takes an empty file for a new one.
func vacuum(ctx context.Context, path, part string) error {
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a copy that was cut short
		return err
	}
	if err := reserve(part); err != nil {
		return err
	}
	db, err := connect(path, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, part); err != nil {
		return err
	}
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncFolder makes the name outlive a crash of the machine.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// soon is how long InUse waits: for commands that work on the file for a moment.
const soon = 500 * time.Millisecond

// InUse tells whether anybody else has the file open, such as a node that serves it. A file that is not there is not in
// use.
func InUse(ctx context.Context, path string) (bool, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	db, err := connect(path, 1, "locking_mode(exclusive)")
	if err != nil {
		return false, err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, fmt.Sprintf(`PRAGMA busy_timeout = %d`, soon.Milliseconds()))
	if err == nil {
		_, err = db.ExecContext(ctx, `BEGIN EXCLUSIVE`) // undone by Close
	}
	if isBusy(err) {
		return true, nil
	}
	return false, wrap("look who uses the store", err)
}
