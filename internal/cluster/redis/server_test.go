package redis

import (
	"os/exec"
	"testing"

	driver "github.com/redis/go-redis/v9"
)

// run starts a program.
func run(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// client is a client of the test's own.
func client(t testing.TB, url string) driver.UniversalClient {
	t.Helper()
	db, err := connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
