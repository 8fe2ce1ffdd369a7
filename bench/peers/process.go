package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gatehouse-dev/gatehouse/bench/load"
)

// How long a process may take to serve, and to end when it is asked to.
const (
	startWithin = 60 * time.Second
	stopWithin  = 5 * time.Second
)

// process is a program that runs until it is stopped.
type process struct {
	URL string // where it serves, if it does
	PID int

	cmd  *exec.Cmd
	out  *tail
	over chan struct{} // closed when it has ended
}

// start runs a command. found is called with each line that it says, until it returns the address at which the
// program listens. Without found nothing is waited for.
func start(ctx context.Context, cmd *exec.Cmd, found func(line string) (addr string)) (*process, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	p := &process{PID: cmd.Process.Pid, cmd: cmd, out: &tail{}, over: make(chan struct{})}
	listens := make(chan string, 1)
	go p.follow(r, found, listens)
	if found == nil {
		return p, nil
	}
	select {
	case addr := <-listens:
		p.URL = "http://" + addr
		return p, nil
	case <-p.over:
		err = errors.New("it ended")
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(startWithin):
		err = errors.New("it does not serve")
	}
	p.stop()
	return nil, fmt.Errorf("%s: %w\n%s", cmd.Path, err, p.out)
}

// follow reads what the program says until it has ended.
func (p *process) follow(r io.ReadCloser, found func(string) string, listens chan<- string) {
	defer r.Close()
	for lines := bufio.NewScanner(r); lines.Scan(); {
		p.out.add(lines.Text())
		if found == nil {
			continue
		}
		if addr := found(lines.Text()); addr != "" {
			listens <- addr
			found = nil
		}
	}
	_, _ = io.Copy(io.Discard, r) // after a line that is too long
	_ = p.cmd.Wait()
	close(p.over)
}

// stop ends the process, at once if it does not end by itself. All its sockets are gone by then, or do not matter.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.over:
	case <-time.After(stopWithin):
		_ = p.cmd.Process.Kill()
		<-p.over
	}
}

// cpu is the processor time that the process has used.
func (p *process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return 0, err
	}
	// The name of the program, in parentheses, may have anything in it: fields count from behind it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const utime, stime, tick = 11, 12, time.Second / 100
	if len(fields) <= stime {
		return 0, fmt.Errorf("/proc/%d/stat is too short", p.PID)
	}
	var all time.Duration
	for _, i := range []int{utime, stime} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		all += time.Duration(n) * tick
	}
	return all, nil
}

// resident is the memory that the process has, in bytes.
func (p *process) resident() (float64, error) { return load.Resident(p.PID) }

// tail keeps the last lines.
type tail struct {
	mu    sync.Mutex // guards the following
	lines []string
}

const tailLength = 20

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLength {
		t.lines = slices.Delete(t.lines, 0, 1)
	}
	t.lines = append(t.lines, line)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

// freePort is a loopback port that the kernel chose, for programs that cannot ask it themselves.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}
