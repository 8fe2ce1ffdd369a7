package mail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// filesKept is how long letters stay as files. They hold links that are good for as long, at most.
const filesKept = 7 * 24 * time.Hour

// files is a folder of letters, where there is no server.
type files struct {
	dir string
	now func() time.Time
	log *slog.Logger
}

func newFiles(dir string, now func() time.Time, log *slog.Logger) (*files, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("mail folder: %w", err)
	}
	return &files{dir, now, log}, nil
}

// carry writes a file, whole or not at all. One of the same job replaces it.
func (f *files) carry(_ context.Context, e envelope) error {
	name := filepath.Join(f.dir, e.jobID+"-"+e.kind+".eml")
	if err := f.write(name, e); err != nil {
		return fmt.Errorf("write letter: %w", err)
	}
	f.log.Info("letter written to a file", "job", e.jobID, "file", name)
	return nil
}

func (f *files) write(name string, e envelope) (err error) {
	temp, err := os.CreateTemp(f.dir, id.Job+"*.tmp") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temp.Name())
		}
	}()
	_, err = e.msg.WriteTo(temp)
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	now := f.now()
	return errors.Join(os.Chtimes(temp.Name(), now, now), os.Rename(temp.Name(), name))
}

// clean removes its own files only.
func (f *files) clean(now time.Time) error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return fmt.Errorf("mail folder: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !strings.HasPrefix(e.Name(), id.Job) || ext != ".eml" && ext != ".tmp" {
			continue
		}
		info, err := e.Info()
		if err == nil && now.Sub(info.ModTime()) >= filesKept {
			err = os.Remove(filepath.Join(f.dir, e.Name()))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
