package mongo

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// calls are of each kind that a store has.
func calls(s *Store, u account.User) map[string]func(context.Context) error {
	none := func(_ any, err error) error { return err }
	return map[string]func(context.Context) error{
		"User": func(ctx context.Context) error { return none(s.User(ctx, u.ID)) },
		"InsertUser": func(ctx context.Context) error {
			return none(s.InsertUser(ctx, account.User{ID: "usr_b", Email: "b@example.com"}))
		},
		"ReplaceUser": func(ctx context.Context) error { return none(s.ReplaceUser(ctx, u, true)) },
		"ListUsers":   func(ctx context.Context) error { return none(s.ListUsers(ctx, account.Query{Q: "x"})) },
		"Session":     func(ctx context.Context) error { return none(s.Session(ctx, "ses_a")) },
		"ReplaceSession": func(ctx context.Context) error {
			return none(s.ReplaceSession(ctx, session.Session{ID: "ses_a"}, true))
		},
		"ListSessions": func(ctx context.Context) error { return none(s.ListSessions(ctx, session.Query{Q: "x"})) },
		"Touch":        func(ctx context.Context) error { return s.Touch(ctx, []session.Trace{{SessionID: "ses_a", Acked: 1}}) },
		"TakeGrant":    func(ctx context.Context) error { return none(s.TakeGrant(ctx, grant.Ticket, "hash", time.Now())) },
		"TryGrant":     func(ctx context.Context) error { return none(s.TryGrant(ctx, grant.Ticket, "hash", time.Now())) },
		"Keyset":       func(ctx context.Context) error { return none(s.Keyset(ctx)) },
		"PutKeyset":    func(ctx context.Context) error { return s.PutKeyset(ctx, token.Record{}, 7) },
		"AppendAudit":  func(ctx context.Context) error { return s.AppendAudit(ctx, audit.Event{ID: "aud_a"}) },
		"Changes":      func(ctx context.Context) error { return none(s.Changes(ctx, time.Now())) },
		"Ping":         s.Ping,
	}
}

// TestStoreDownIsUnavailable: an outage must never look like a record that is not there, which would be a 401.
func TestStoreDownIsUnavailable(t *testing.T) {
	link := newLink(t)
	s := open(t, link.uri)
	u, err := s.InsertUser(t.Context(), account.User{ID: "usr_a", Email: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	link.cut()
	for name, call := range calls(s, u) {
		if err := call(t.Context()); !errors.Is(err, fault.ErrUnavailable) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	link.mend()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, err = s.User(ctx, u.ID); err != nil; _, err = s.User(ctx, u.ID) { // each waits a moment for the server
		if !errors.Is(err, fault.ErrUnavailable) || ctx.Err() != nil {
			t.Fatalf("after the outage: %v", err)
		}
	}
}

// TestSilentServerIsUnavailable: it takes what is sent and never answers.
func TestSilentServerIsUnavailable(t *testing.T) {
	link := newLink(t)
	s := open(t, link.uri)
	u, err := s.InsertUser(t.Context(), account.User{ID: "usr_a", Email: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	link.silence()
	for name, call := range calls(s, u) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := call(ctx)
		cancel()
		if !errors.Is(err, fault.ErrUnavailable) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestCallThatIsCancelledWhileItWaits(t *testing.T) {
	link := newLink(t)
	s := open(t, link.uri)
	link.silence()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := s.User(ctx, "usr_a"); !errors.Is(err, context.Canceled) || errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
}

// link is a way to the server that can be cut. Static after construction but for what mu guards.
type link struct {
	t      *testing.T
	uri    string // by way of it
	server string
	addr   string

	mu     sync.Mutex // guards the following
	ln     net.Listener
	conns  []net.Conn
	silent bool
}

// newLink is to a new database of the server, of which it takes the first host only.
func newLink(t *testing.T) *link {
	t.Helper()
	uri := newDatabase(t, "directConnection=true", "serverSelectionTimeoutMS=300")
	before, database, query := splitURI(uri)
	scheme, hosts, _ := strings.Cut(before, "://")
	if scheme != "mongodb" {
		t.Skip("the way to a server that DNS names cannot be cut")
	}
	login := ""
	if i := strings.LastIndexByte(hosts, '@'); i >= 0 {
		login, hosts = hosts[:i+1], hosts[i+1:]
	}
	server, _, _ := strings.Cut(strings.TrimSuffix(hosts, "/"), ",")
	if _, _, err := net.SplitHostPort(server); err != nil {
		server = net.JoinHostPort(server, "27017")
	}
	l := &link{t: t, server: server, addr: "127.0.0.1:0"}
	l.mend()
	l.uri = scheme + "://" + login + l.addr + "/" + database + query
	t.Cleanup(l.cut)
	return l
}

// mend lets connections be made, at the same address as before.
func (l *link) mend() {
	ln, err := net.Listen("tcp", l.addr)
	if err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ln, l.addr = ln, ln.Addr().String()
	go l.serve(ln)
}

func (l *link) serve(ln net.Listener) {
	for {
		near, err := ln.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.server)
		if err != nil {
			near.Close()
			continue
		}
		l.mu.Lock()
		l.conns = append(l.conns, near, far)
		l.mu.Unlock()
		go func() { io.Copy(far, near); far.Close() }()
		go func() { io.Copy(answers{l, near}, far); near.Close() }()
	}
}

// answers swallows what the server says while the link is silent.
type answers struct {
	*link
	to net.Conn
}

func (a answers) Write(p []byte) (int, error) {
	a.mu.Lock()
	silent := a.silent
	a.mu.Unlock()
	if silent {
		return len(p), nil
	}
	return a.to.Write(p)
}

func (l *link) silence() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = true
}

// cut ends all connections and lets none be made.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ln.Close()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}
