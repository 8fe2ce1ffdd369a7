package factor

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/store/sqlite"
)

const origin = "https://gate.example.com"

// lab is the rules on a real file, with a clock of the test's.
type lab struct {
	*Service
	accounts *account.Service
	t        *testing.T

	mu  sync.Mutex
	now time.Time
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "gatehouse.db"), sqlite.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	box, err := seal.New(make([]byte, seal.SecretSize), nil)
	if err != nil {
		t.Fatal(err)
	}
	wa, err := webauthn.New(&webauthn.Config{RPID: "gate.example.com", RPDisplayName: "Gatehouse", RPOrigins: []string{origin}})
	if err != nil {
		t.Fatal(err)
	}
	l.accounts = &account.Service{Store: store, Hasher: account.NewHasher(0, 0), Now: l.clock, Announce: func(context.Context, account.User) {}}
	l.Service = &Service{
		Users: l.accounts, Grants: &grant.Service{Store: store, Secrets: box, Now: l.clock}, Box: box, WebAuthn: wa, Issuer: "Gatehouse", Now: l.clock,
	}
	return l
}

func (l *lab) clock() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *lab) pass(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

// user makes an account. Without password it has no way in but its factors.
func (l *lab) user(password bool) account.User {
	l.t.Helper()
	u := account.User{ID: id.New(id.User), Roles: []string{account.RoleUser}, CreatedAt: l.clock()}
	u.Email = u.ID + "@example.com"
	if password {
		u.PasswordHash = "$2y$"
	}
	u, err := l.accounts.Store.InsertUser(l.t.Context(), u)
	if err != nil {
		l.t.Fatal(err)
	}
	return u
}

func (l *lab) read(userID string) account.User {
	l.t.Helper()
	u, err := l.accounts.User(l.t.Context(), userID)
	if err != nil {
		l.t.Fatal(err)
	}
	return u
}

// atOnce runs f n times at once and counts those that did not fail; those that did failed with want.
func atOnce(t *testing.T, n int, want error, f func() error) int {
	t.Helper()
	errs := make(chan error, n)
	start := make(chan struct{})
	for range n {
		go func() {
			<-start
			errs <- f()
		}()
	}
	close(start)
	good := 0
	for range n {
		switch err := <-errs; {
		case err == nil:
			good++
		case !is(err, want):
			t.Errorf("unexpected error: %v", err)
		}
	}
	return good
}
