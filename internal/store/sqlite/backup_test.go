package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
)

func TestBackupWhileWritersWriteHasAllThatWasAcknowledged(t *testing.T) {
	folder := t.TempDir()
	path, file := filepath.Join(folder, "gatehouse.db"), filepath.Join(folder, "copy.db")
	s := open(t, path, nil)

	const writers = 8
	var (
		mu           sync.Mutex // guards the following
		acknowledged []string
		wg           sync.WaitGroup
	)
	ctx, stop := context.WithCancel(t.Context())
	defer wg.Wait()
	defer stop()
	warm := make(chan struct{}, writers)
	for i := range writers {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				email := fmt.Sprintf("%d-%d@example.com", i, n)
				if _, err := s.InsertUser(context.WithoutCancel(ctx), newUser(email)); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, email)
				mu.Unlock()
				if n == 20 {
					warm <- struct{}{}
				}
			}
		})
	}
	for range writers {
		<-warm
	}
	mu.Lock()
	before := len(acknowledged)
	mu.Unlock()
	if err := Backup(t.Context(), path, file); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	after := len(acknowledged)
	mu.Unlock()
	stop()
	wg.Wait()

	if after == before {
		t.Error("nobody wrote during the backup")
	}
	restored := open(t, file, nil)
	if got := pragma(t, restored, "integrity_check"); got != "ok" {
		t.Error(got)
	}
	for _, email := range acknowledged[:before] {
		u, err := restored.UserByEmail(t.Context(), email)
		if err != nil {
			t.Fatalf("%s was acknowledged before the backup began: %v", email, err)
		}
		if page, err := restored.ListUsers(t.Context(), account.Query{Q: u.ID, Limit: 1}); err != nil || page.Total != 1 {
			t.Fatalf("%s is not found: %v", email, err)
		}
	}
	t.Logf("%d users before, %d when it was done", before, after)
}

func TestBackupIsTheOwnersAloneAndReplacesNothing(t *testing.T) {
	folder := t.TempDir()
	path, file := filepath.Join(folder, "gatehouse.db"), filepath.Join(folder, "copy.db")
	open(t, path, nil)
	if err := os.WriteFile(file+".part", []byte("left of one that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Backup(t.Context(), path, file); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && before.Mode() != 0o600 {
		t.Errorf("mode %v", before.Mode())
	}
	if err := Backup(t.Context(), path, file); err == nil {
		t.Error("it was written over")
	}
	if after, err := os.Stat(file); err != nil || !os.SameFile(before, after) || after.Size() != before.Size() {
		t.Errorf("the file that was there is another now: %v", err)
	}
}

func TestBackupThatFailsLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	bad, file := filepath.Join(folder, "bad.db"), filepath.Join(folder, "copy.db")
	if err := os.WriteFile(bad, []byte("not a database, though long enough to have a header of one: "+fmt.Sprint(make([]int, 100))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Backup(t.Context(), bad, file); err == nil {
		t.Error("it did not fail")
	}
	if err := Backup(t.Context(), filepath.Join(folder, "none.db"), file); err == nil {
		t.Error("it backed up what is not there")
	}
	left, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left: %q, %v", left, err)
	}
}

func TestInUseSeesWhoeverHasTheFileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	inUse := func(want bool) {
		t.Helper()
		if got, err := InUse(t.Context(), path); err != nil || got != want {
			t.Errorf("in use: %t, %v; want %t", got, err, want)
		}
	}
	inUse(false)
	if _, err := os.Stat(path); err == nil {
		t.Error("looking made the file")
	}
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	inUse(true)
	if _, err := s.InsertUser(t.Context(), newUser("ada@example.com")); err != nil {
		t.Errorf("looking was in the way: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	inUse(false)
	open(t, path, nil)
	inUse(true)
}

// TestEveryTableIsOfAKind: what is in no kind would stay behind when the store moves.
func TestEveryTableIsOfAKind(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "gatehouse.db"), nil)
	tables, err := read(t.Context(), s, scanText, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{"schema_migrations": true, "words": true, "identities": true} // of the others' records
	for _, name := range tables {
		if _, ok := kinds[name]; !ok && !made[name] && name != "singles" {
			t.Errorf("the table %s is of no kind", name)
		}
	}
	if len(tables) < len(kinds) {
		t.Errorf("%d tables for %d kinds", len(tables), len(kinds))
	}
}
