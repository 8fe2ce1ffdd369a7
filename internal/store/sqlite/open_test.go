package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
)

func pragma(t *testing.T, s *Store, name string) (value string) {
	t.Helper()
	err := s.writer.do(t.Context(), &job{alone: true, done: make(chan error, 1), run: func(tx *tx) error {
		return tx.one([]any{&value}, `PRAGMA `+name)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestWhatIsAcknowledgedIsOnDisk(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "gatehouse.db"), nil)
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} { // FULL: each commit waits for the disk
		if got := pragma(t, s, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "gatehouse.db"), nil)
	if _, err := s.reads.ExecContext(t.Context(), `DELETE FROM users`); err == nil {
		t.Error("a reading connection wrote")
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes")
	}
	folder := filepath.Join(t.TempDir(), "data")
	s := open(t, filepath.Join(folder, "gatehouse.db"), nil)
	if _, err := s.InsertUser(t.Context(), newUser("ada@example.com")); err != nil {
		t.Fatal(err)
	}
	want := map[string]os.FileMode{"": 0o700 | os.ModeDir, "gatehouse.db": 0o600, "gatehouse.db-wal": 0o600, "gatehouse.db-shm": 0o600}
	for name, mode := range want {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil || info.Mode() != mode {
			t.Errorf("%q has mode %v, %v; want %v", name, info.Mode(), err, mode)
		}
	}
}

func TestPathsWithOddCharacters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%20e&_pragma=x.db")
	s := open(t, path, nil)
	if _, err := s.InsertUser(t.Context(), newUser("ada@example.com")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestFileOfANewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	s := open(t, path, nil)
	if err := s.write(t.Context(), "age", func(tx *tx) error {
		_, err := tx.exec(`INSERT INTO schema_migrations (version, applied_at) VALUES (9999, 0)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path, Options{})
	if err == nil || !strings.Contains(err.Error(), "9999") || !strings.Contains(err.Error(), "newer gatehouse") {
		t.Errorf("answer %v", err)
	}
}

func TestFileThatIsNoDatabaseIsRefusedAndLeftAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	text := strings.Repeat("not a database\n", 100)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, Options{}); err == nil {
		t.Error("it was opened")
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("it was changed: %v", err)
	}
}

func TestManyOpenANewFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	stores := make([]*Store, 8)
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() {
			s, err := Open(context.Background(), path, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = s
			if _, err := s.InsertUser(context.Background(), newUser(fmt.Sprintf("%d@example.com", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range stores {
		if s == nil {
			continue
		}
		if page, err := s.ListUsers(t.Context(), account.Query{}); err != nil || page.Total != len(stores) {
			t.Errorf("one of them sees %d users, %v", page.Total, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWritesOfAnotherProcessAreNews(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	node, shell := open(t, path, nil), open(t, path, nil)
	moved := func(s *Store, want bool) {
		t.Helper()
		if got, err := s.Moved(t.Context()); err != nil || got != want {
			t.Errorf("moved %t, %v; want %t", got, err, want)
		}
	}
	moved(node, false)
	if _, err := shell.InsertUser(t.Context(), newUser("ada@example.com")); err != nil {
		t.Fatal(err)
	}
	moved(node, true)
	moved(node, false)
	moved(shell, false)
	if _, err := node.InsertUser(t.Context(), newUser("bob@example.com")); err != nil {
		t.Fatal(err)
	}
	moved(node, false)
	moved(shell, true)
}

func TestClockNeverGoesBack(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := open(t, filepath.Join(t.TempDir(), "gatehouse.db"), func() time.Time { return now })
	first, err := s.InsertUser(t.Context(), newUser("ada@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(-time.Hour)
	second, err := s.InsertUser(t.Context(), newUser("bob@example.com"))
	if err != nil || second.ChangedAt.Before(first.ChangedAt) {
		t.Errorf("stamped %v after %v, %v", second.ChangedAt, first.ChangedAt, err)
	}
}
