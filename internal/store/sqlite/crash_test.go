package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const crashFile = "GATEHOUSE_TEST_CRASH_FILE"

// TestMain is also the process that is killed: it writes from many goroutines, and prints what was acknowledged.
func TestMain(m *testing.M) {
	path := os.Getenv(crashFile)
	if path == "" {
		os.Exit(m.Run())
	}
	s, err := Open(context.Background(), path, Options{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for i := range 8 {
		go func() {
			for n := 0; ; n++ {
				email := fmt.Sprintf("%d-%d@example.com", i, n)
				if _, err := s.InsertUser(context.Background(), newUser(email)); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				fmt.Println(email)
			}
		}()
	}
	select {}
}

func TestKilledProcessLosesNothingItAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	var acknowledged []string
	for range 3 { // each time on what the last one left
		acknowledged = append(acknowledged, killed(t, path, 200)...)
		s := open(t, path, nil)
		for _, email := range acknowledged {
			u, err := s.UserByEmail(t.Context(), email)
			if err != nil {
				t.Fatalf("%s was acknowledged: %v", email, err)
			}
			if _, err := s.User(t.Context(), u.ID); err != nil {
				t.Fatal(err)
			}
		}
		if got := pragma(t, s, "integrity_check"); got != "ok" {
			t.Fatal(got)
		}
		if err := s.write(t.Context(), "make room", func(tx *tx) error {
			_, err := tx.exec(`UPDATE users SET email = id || '-' || email`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		acknowledged = nil
	}
}

// killed runs a writing process, kills it after n acknowledgements, and returns all that it printed whole.
func killed(t *testing.T, path string, n int) (lines []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashFile+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			break
		}
		if strings.HasPrefix(line, "error") {
			t.Error(line)
		}
		lines = append(lines, strings.TrimSpace(line))
		if len(lines) == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	if len(lines) < n {
		t.Fatalf("acknowledged %d writes", len(lines))
	}
	return lines
}
