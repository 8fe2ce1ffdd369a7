package servertest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// patience is how long something outside may take that must come.
const patience = 20 * time.Second

// Need finds a program, or skips. Where tests must be complete it fails instead.
func Need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("%s is not installed", program)
	return ""
}

// FreePort is a loopback port that the kernel chose.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// Eventually waits for the outside world.
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	Within(t, patience, what, is)
}

// Within is Eventually with a limit of its own, and says how long it took.
func Within(t testing.TB, limit time.Duration, what string, is func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %s in vain: %s", limit, what)
		}
	}
	return time.Since(began)
}
