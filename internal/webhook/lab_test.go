package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/store/sqlite"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// lab is webhooks on a SQLite file, under a clock that the test moves.
type lab struct {
	*webhook.Service
	t     *testing.T
	store *sqlite.Store

	mu  sync.Mutex // guards the following
	now time.Time
}

func open(t *testing.T, allowPrivate bool) *lab {
	t.Helper()
	l := &lab{t: t, now: epoch}
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "hooks.db"), sqlite.Options{Now: l.time})
	l.must(err)
	t.Cleanup(func() { l.must(store.Close()) })
	box, err := seal.New(bytes.Repeat([]byte{7}, seal.SecretSize), nil)
	l.must(err)
	quiet := slog.New(slog.DiscardHandler)
	l.store = store
	l.Service = webhook.New(webhook.Config{
		Store: store, Records: store, Audit: store, Box: box, AllowPrivate: allowPrivate, Now: l.time, Log: quiet,
		Outbox: &outbox.Service{Store: store, Box: box, Now: l.time, Log: quiet},
	})
	return l
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) time() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *lab) advance(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

var admin = webhook.Actor{UserID: "usr_admin", IP: "192.0.2.7"}

func (l *lab) create(url string, events ...string) (webhook.Webhook, string) {
	l.t.Helper()
	w, secret, err := l.Create(l.t.Context(), admin, url, events)
	l.must(err)
	return w, secret
}

func (l *lab) raise(e webhook.Event) []string {
	l.t.Helper()
	ids, err := l.Raise(l.t.Context(), e, 0)
	l.must(err)
	return ids
}

// try runs a job once, as a worker does.
func (l *lab) try(jobID string) error {
	l.t.Helper()
	j, err := l.store.Job(l.t.Context(), jobID)
	l.must(err)
	return l.Run(l.t.Context(), outbox.Task{ID: j.ID, Kind: j.Kind, Subject: j.Subject, CreatedAt: j.CreatedAt, Note: j.Note})
}

func (l *lab) session(edit func(*session.Session)) session.Session {
	l.t.Helper()
	rec := session.Session{ID: id.New(id.Session), UserID: "usr_a", CreatedAt: epoch, IP: "192.0.2.9", Name: "Kitchen tablet"}
	edit(&rec)
	rec, err := l.store.InsertSession(l.t.Context(), rec)
	l.must(err)
	return rec
}

func (l *lab) user(epochOf int, disabled bool) account.User {
	l.t.Helper()
	u := account.User{ID: id.New(id.User), Roles: []string{"user"}, Epoch: epochOf, Disabled: disabled, CreatedAt: epoch}
	u.Email = u.ID + "@example.com"
	u, err := l.store.InsertUser(l.t.Context(), u)
	l.must(err)
	return u
}

func (l *lab) audited(action string) int {
	l.t.Helper()
	events, _, err := l.store.AuditEvents(l.t.Context(), audit.Query{Action: action, Actor: admin.UserID})
	l.must(err)
	return len(events)
}

// receiver is another service.
type receiver struct {
	*httptest.Server
	got chan delivery
}

type delivery struct {
	header http.Header
	body   []byte
}

// receive answers with the statuses in turn, the last of them for ever.
func receive(t *testing.T, statuses ...int) *receiver {
	r := &receiver{got: make(chan delivery, 100)}
	var mu sync.Mutex
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil || req.Method != http.MethodPost {
			t.Errorf("%s with %v", req.Method, err)
		}
		mu.Lock()
		status := statuses[0]
		if len(statuses) > 1 {
			statuses = statuses[1:]
		}
		mu.Unlock()
		r.got <- delivery{req.Header, body}
		if status/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (d delivery) decode(t *testing.T) (body map[string]any) {
	t.Helper()
	if err := json.Unmarshal(d.body, &body); err != nil {
		t.Fatal(err)
	}
	return body
}

// pool delivers in real time.
func (l *lab) pool() {
	p := &outbox.Pool{Service: l.Outbox, Log: l.Log, Lanes: map[string]outbox.Lane{outbox.Webhook: {Handler: l.Service, Timeout: webhook.TryTimeout}}}
	ctx, stop := context.WithCancel(l.t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx) })
	l.t.Cleanup(func() {
		stop()
		running.Wait()
	})
}
