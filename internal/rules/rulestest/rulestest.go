// Package rulestest opens the rules for a test: on a SQLite file of its own, under a clock that the test moves, and
// with what a node keeps in memory of ends and changes. There is no bus: announcements come straight to the memory.
package rulestest

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/config"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
	"github.com/gatehouse-dev/gatehouse/internal/store/sqlite"
)

// Epoch is when the tests begin.
var Epoch = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// Password is that of every user made by AddUser.
const Password = "rosenkohl und wermut"

// House is the rules as one node has them.
type House struct {
	*rules.Rules
	Memory   *revocation.Memory
	Follower *revocation.Follower
	Guard    *access.Guard

	t testing.TB

	mu       sync.Mutex // guards the following
	now      time.Time
	changes  []revocation.Change
	renewals []session.Renewal
}

// Open opens a house with the settings of flags, such as "--refresh-grace=10s".
func Open(t testing.TB, flags ...string) *House {
	t.Helper()
	return OpenFile(t, filepath.Join(t.TempDir(), "gatehouse.db"), flags...)
}

// OpenFile opens one more node on the file.
func OpenFile(t testing.TB, path string, flags ...string) *House {
	t.Helper()
	flags = append([]string{"--mail-dir=" + t.TempDir()}, flags...)
	cfg, err := config.Load(flags, nil, nil)
	must(t, err)
	box, err := seal.New(make([]byte, seal.SecretSize), nil)
	must(t, err)
	h := &House{t: t, now: Epoch}
	store, err := sqlite.Open(t.Context(), path, sqlite.Options{Now: h.Time})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	h.Rules, err = rules.Wire(cfg, store, box, h.Time, slog.New(slog.DiscardHandler))
	must(t, err)
	must(t, h.Keyset.Load(t.Context()))
	h.wire(cfg)
	return h
}

func (h *House) wire(cfg config.Config) {
	h.Memory = revocation.NewMemory()
	h.Follower = revocation.NewFollower(revocation.Config{
		Source: h.Store, Memory: h.Memory, Applied: func(revocation.Change) {}, Now: h.Time, Log: h.Log, Horizon: rules.Horizon(cfg),
	})
	h.Guard = &access.Guard{
		Keys: h.Keyset.Keys, Memory: h.Memory, Fresh: func() time.Duration { return 0 }, Fence: cfg.FenceAfter, MustHaveFactor: rules.MustHaveFactor(cfg), Now: h.Time,
		Used: func(sessionID string, generation int) {
			h.Traces.Add(session.Trace{SessionID: sessionID, LastSeenAt: h.Time(), Acked: generation})
		},
	}
	h.Announce(rules.Announcer{
		Session: func(_ context.Context, s session.Session) { h.hear(revocation.OfSession(s)) },
		User:    func(_ context.Context, u account.User) { h.hear(revocation.OfUser(u)) },
		Renewed: func(_ context.Context, r session.Renewal) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.renewals = append(h.renewals, r)
		},
	})
}

func (h *House) hear(c revocation.Change) {
	h.Follower.Apply(c)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changes = append(h.changes, c)
}

// Time is the clock of the house.
func (h *House) Time() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// Advance moves the clock.
func (h *House) Advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// Announced is what was announced so far.
func (h *House) Announced() []revocation.Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]revocation.Change(nil), h.changes...)
}

// Renewals is which renewals were announced so far.
func (h *House) Renewals() []session.Renewal {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]session.Renewal(nil), h.renewals...)
}

// Flush writes the traces, as a node does before its generation counts.
func (h *House) Flush() {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	cancel()
	must(h.t, h.Traces.Run(ctx, time.Hour))
}

// AddUser makes a user with Password and, beside user, the roles.
func (h *House) AddUser(email string, roles ...string) account.User {
	h.t.Helper()
	return h.add(account.New{Email: email, Name: "Ada", Password: Password, Roles: roles})
}

// AddStranger makes a user without password, which costs no hash.
func (h *House) AddStranger(roles ...string) account.User {
	h.t.Helper()
	return h.add(account.New{Email: id.New("u") + "@example.com", Roles: roles})
}

func (h *House) add(n account.New) account.User {
	h.t.Helper()
	u, err := h.Accounts.Create(h.t.Context(), n)
	must(h.t, err)
	return u
}

// Enter starts a session of body transport for the user.
func (h *House) Enter(u account.User) session.Issued {
	h.t.Helper()
	out, err := h.Sessions.Start(h.t.Context(), session.Start{
		User: u, Transport: session.Body, Name: "Phone", AMR: []string{"pwd"}, AAL: 1, Visit: Visit,
	})
	must(h.t, err)
	return out
}

// Visit is where the requests of tests come from.
var Visit = session.Visit{IP: "192.0.2.7", UserAgent: "agent/1", Device: wire.Device{Browser: "Firefox", OS: "Linux", Kind: "desktop"}}

// Entry is a sign-in of body transport.
var Entry = signin.Entry{Transport: session.Body, Visit: Visit}

// Record is the session as it is stored.
func (h *House) Record(sessionID string) session.Session {
	h.t.Helper()
	s, err := h.Store.Session(h.t.Context(), sessionID)
	must(h.t, err)
	return s
}

// Account is the user as stored.
func (h *House) Account(userID string) account.User {
	h.t.Helper()
	u, err := h.Store.User(h.t.Context(), userID)
	must(h.t, err)
	return u
}

// Live is the number of the user's sessions that have not ended.
func (h *House) Live(userID string) int {
	h.t.Helper()
	list, err := h.Store.SessionsOf(h.t.Context(), userID)
	must(h.t, err)
	return len(list)
}

// Events are the audit rows that q selects, newest first.
func (h *House) Events(q audit.Query) []audit.Event {
	h.t.Helper()
	q.Limit = 1000
	events, _, err := h.Store.AuditEvents(h.t.Context(), q)
	must(h.t, err)
	return events
}

// Race lets n callers do the same at once, and returns what each got.
func Race(n int, do func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var ready, done sync.WaitGroup
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			errs[i] = do(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
