package gatehouse_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
)

// patience is how long a test waits for what must come. What must come fast is measured apart.
const patience = time.Minute

// lab is a whole Gatehouse: one node on a TCP port, its SQLite file in a folder of the test.
type lab struct {
	t    testing.TB
	cfg  gatehouse.Config
	log  *slog.Logger
	url  string
	door *door
	http *http.Client
	said *frames

	// Of the node that runs now.
	node *gatehouse.Gatehouse
	stop context.CancelFunc
	over chan error
}

// openLab starts a node. Request limits are off unless flags say otherwise.
func openLab(t testing.TB, flags ...string) *lab {
	return openLoggedLab(t, slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}), flags...)
}

func openLoggedLab(t testing.TB, log slog.Handler, flags ...string) *lab {
	t.Helper()
	l := &lab{t: t, log: slog.New(log), door: openDoor(t), said: &frames{seen: map[string]bool{}}}
	l.url = "http://" + l.door.Addr().String()
	all := append([]string{
		"--listen=127.0.0.1:0", "--public-url=" + l.url, "--store=sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db"),
		"--rate-limits=off", "--drain-window=1s", "--mail-dir=" + t.TempDir(),
	}, flags...)
	var err error
	l.cfg, err = gatehouse.Configure(all, nil, nil)
	must(t, err)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	l.http = &http.Client{Transport: transport, Timeout: patience}
	l.start()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		l.drain()
	})
	return l
}

// start runs a node on the lab's data, behind its door.
func (l *lab) start() {
	l.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	node, err := gatehouse.Open(ctx, l.cfg, gatehouse.Options{Log: l.log})
	must(l.t, err)
	l.node, l.stop, l.over = node, stop, make(chan error, 1)
	room := l.door.room()
	go func(over chan<- error) { over <- node.Serve(ctx, room) }(l.over)
}

// drain ends the node politely. Done again, it does nothing.
func (l *lab) drain() {
	l.t.Helper()
	if l.stop == nil {
		return
	}
	l.stop()
	l.stop = nil
	if err := <-l.over; err != nil {
		l.t.Errorf("serve: %v", err)
	}
}

// shell is the rules on the same file as another process has them: without this node's bus.
func (l *lab) shell() *rules.Rules {
	l.t.Helper()
	r, err := rules.Open(l.t.Context(), l.cfg, time.Now, l.log)
	must(l.t, err)
	l.t.Cleanup(func() { must(l.t, r.Close()) })
	return r
}

// staff is a signed-in device of a new user with the role.
func (l *lab) staff(role string) *device {
	l.t.Helper()
	n := account.New{Email: newEmail(), Name: "Head of " + role, Password: password, Roles: []string{role}, Verified: true}
	_, err := l.shell().Accounts.Create(l.t.Context(), n)
	must(l.t, err)
	return l.login(n.Email, "Office")
}

// answer is what an HTTP request got.
type answer struct {
	status int
	header http.Header
	body   []byte
	problem
}

// problem is the part of a refusal that programs read.
type problem struct {
	Code   string
	Reason string
}

func (a answer) String() string { return http.StatusText(a.status) + " " + string(a.body) }

// into decodes the body.
func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("decode %s: %v", a, err)
	}
}

type object map[string]any

// call makes one request, with a token unless it is "".
func (l *lab) call(method, path, token string, body any) (answer, error) {
	var data io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		data = bytes.NewReader(encoded)
	}
	req, err := http.NewRequest(method, l.url+path, data)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return l.do(req)
}

func (l *lab) do(req *http.Request) (answer, error) {
	resp, err := l.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err == nil && resp.StatusCode >= 400 {
		_ = json.Unmarshal(a.body, &a.problem) // what is no problem leaves the code empty
	}
	return a, err
}

// want makes a request that must be answered with the status and, when it is a refusal, the code.
func (l *lab) want(status int, code, method, path, token string, body any) answer {
	l.t.Helper()
	a, err := l.call(method, path, token, body)
	if err != nil || a.status != status || a.Code != code {
		l.t.Fatalf("%s %s: %v %v, want %d %s", method, path, a, err, status, code)
	}
	return a
}

// eventually asks until it is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !so() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("not in time: %s", what)
		}
	}
}

func newEmail() string { return id.New("u") + "@example.com" }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// door is a port that outlives the nodes behind it. Who comes while there is none waits.
type door struct {
	net.Listener
	waiting chan net.Conn
}

func openDoor(t testing.TB) *door {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	d := &door{ln, make(chan net.Conn)}
	closed := make(chan struct{})
	t.Cleanup(func() {
		close(closed)
		ln.Close()
	})
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			select {
			case d.waiting <- conn:
			case <-closed:
				conn.Close()
			}
		}
	}()
	return d
}

// room is a listener for one node.
func (d *door) room() net.Listener {
	ctx, leave := context.WithCancel(context.Background())
	return &room{d, ctx, leave}
}

type room struct {
	door  *door
	ctx   context.Context
	leave context.CancelFunc
}

func (r *room) Accept() (net.Conn, error) {
	select {
	case conn := <-r.door.waiting:
		return conn, nil
	case <-r.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (r *room) Close() error {
	r.leave()
	return nil
}

func (r *room) Addr() net.Addr { return r.door.Addr() }
