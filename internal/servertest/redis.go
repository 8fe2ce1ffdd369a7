package servertest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Redis is a redis-server of a test's own, which keeps nothing on disk unless its arguments say otherwise.
type Redis struct {
	Port int

	t    testing.TB
	dir  string
	args []string
	cmd  *exec.Cmd
}

// NewRedis is a server that does not run yet. It is killed at the end of the test.
func NewRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	Need(t, "redis-server")
	r := &Redis{Port: FreePort(t), t: t, dir: t.TempDir(), args: args}
	t.Cleanup(r.Kill)
	return r
}

// StartRedis is a running server.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	r := NewRedis(t, args...)
	r.Start()
	return r
}

// Start runs the server, again after a Kill, and waits until it listens.
func (r *Redis) Start(more ...string) {
	r.t.Helper()
	args := []string{
		"--port", fmt.Sprint(r.Port), "--bind", "127.0.0.1", "--dir", r.dir, "--save", "", "--appendonly", "no",
		"--logfile", filepath.Join(r.dir, "log"), "--daemonize", "no",
	}
	args = append(append(args, r.args...), more...)
	r.cmd = exec.Command("redis-server", args...)
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	Eventually(r.t, "redis-server listens", func() bool {
		conn, err := net.Dial("tcp", r.Addr())
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// Addr is host:port.
func (r *Redis) Addr() string { return fmt.Sprintf("127.0.0.1:%d", r.Port) }

// URL is what GATEHOUSE_REDIS_URL takes.
func (r *Redis) URL() string { return "redis://" + r.Addr() }

// Kill ends the server at once (SIGKILL): what it knew is gone.
func (r *Redis) Kill() {
	if r.cmd != nil {
		_ = r.cmd.Process.Signal(syscall.SIGCONT)
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		r.cmd = nil
	}
}

// Signal sends a signal, such as SIGSTOP and SIGCONT.
func (r *Redis) Signal(sig os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.t.Fatal(err)
	}
}
