// Package servertest is the outside world of tests and benchmarks: the gatehouse binary as a process that can be
// killed and whose memory is its own, a redis-server, a MongoDB and a proxy that cuts a way. Its sockets are those of bench/load.
package servertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// How long a server may take to serve, and to end when it is asked to.
const (
	startWithin = 30 * time.Second
	stopWithin  = 30 * time.Second
)

// Build builds the binary into the folder and returns its path.
func Build(dir string) (string, error) {
	bin := filepath.Join(dir, "gatehouse")
	build := exec.Command("go", "build", "-o", bin, "github.com/gatehouse-dev/gatehouse/cmd/gatehouse")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build gatehouse: %w\n%s", err, out)
	}
	return bin, nil
}

// House is the binary and the folder of its data.
type House struct {
	Bin, Data string
}

// command is gatehouse with the arguments. No setting of the test's own environment reaches it.
func (h House) command(args ...string) *exec.Cmd {
	cmd := exec.Command(h.Bin, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GATEHOUSE_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "GATEHOUSE_STORE=sqlite:"+filepath.Join(h.Data, "gatehouse.db"), "GATEHOUSE_MAIL_DIR="+filepath.Join(h.Data, "mail"))
	return cmd
}

// Run runs a command other than serve and returns its standard output.
func (h House) Run(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	var out, said bytes.Buffer
	cmd := h.command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("gatehouse %s: %v\n%s", strings.Join(args, " "), err, said.String())
	}
	return out.String()
}

// Server is a running process.
type Server struct {
	URL string
	PID int

	cmd  *exec.Cmd
	said *tail
	over chan struct{} // closed when the process has ended
	err  error         // how, then
}

// Serve starts a server on a loopback port that the kernel chooses, without request limits. It is killed at the end
// of the test, if it still runs then.
func (h House) Serve(t testing.TB, flags ...string) *Server {
	t.Helper()
	cmd := h.command(append([]string{"serve", "--listen=127.0.0.1:0", "--rate-limits=off", "--log=json"}, flags...)...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &Server{PID: cmd.Process.Pid, cmd: cmd, said: &tail{}, over: make(chan struct{})}
	t.Cleanup(s.Kill)
	listens := make(chan string, 1)
	go s.follow(log, listens)
	select {
	case addr := <-listens:
		s.URL = "http://" + addr
	case <-s.over:
		t.Fatalf("gatehouse serve: %v\n%s", s.err, s.said)
	case <-time.After(startWithin):
		t.Fatalf("gatehouse does not serve\n%s", s.said)
	}
	return s
}

// follow reads the log, which says where the server listens, until the process has ended.
func (s *Server) follow(log io.Reader, listens chan<- string) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Msg, Listen string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			listens <- line.Listen
		}
		s.said.add(lines.Text())
	}
	s.err = s.cmd.Wait()
	close(s.over)
}

// Kill ends the process at once (SIGKILL) and waits until it is gone.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // fails when it has ended
	<-s.over
}

// Stop asks the process to drain and end (SIGTERM), and waits for it.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.over:
		return s.err
	case <-time.After(stopWithin):
		return errors.New("gatehouse does not end")
	}
}

// Log is the end of what the server logged.
func (s *Server) Log() string { return s.said.String() }

// tail keeps the last lines.
type tail struct {
	mu    sync.Mutex // guards the following
	lines []string
}

const tailLength = 50

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	if len(t.lines) > tailLength {
		t.lines = t.lines[1:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
