package servicekey_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/servicekey"
	"github.com/gatehouse-dev/gatehouse/internal/store/sqlite"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

var (
	epoch = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	admin = servicekey.Actor{UserID: "usr_admin", IP: "192.0.2.7"}
)

func open(t *testing.T, now *time.Time) (*servicekey.Service, *sqlite.Store) {
	t.Helper()
	clock := func() time.Time { return *now }
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "keys.db"), sqlite.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &servicekey.Service{Store: store, Audit: store, Now: clock, Log: slog.New(slog.DiscardHandler)}, store
}

func create(t *testing.T, s *servicekey.Service, name string) (servicekey.Key, string) {
	t.Helper()
	k, secret, err := s.Create(t.Context(), admin, name)
	if err != nil {
		t.Fatal(err)
	}
	return k, secret
}

func TestKeyAuthenticatesUntilItIsDeleted(t *testing.T) {
	now := epoch
	s, store := open(t, &now)
	var deleted []string
	s.Deleted = func(_ context.Context, id string) { deleted = append(deleted, id) }
	k, secret := create(t, s, "Shop")
	other, otherSecret := create(t, s, "Shop") // names need not differ
	if !strings.HasPrefix(secret, "ghk_") || !strings.HasPrefix(k.ID, "key_") || secret == otherSecret || strings.Contains(k.Hash, secret) {
		t.Errorf("made %+v with %d characters", k, len(secret))
	}
	if got, err := s.Authenticate(t.Context(), secret); err != nil || got.ID != k.ID || got.Name != "Shop" {
		t.Errorf("authenticated %+v, %v", got, err)
	}
	if err := s.Delete(t.Context(), admin, k.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), secret); !errors.Is(err, fault.ErrInvalidToken) {
		t.Errorf("after its end: %v", err)
	}
	if err := s.Delete(t.Context(), admin, k.ID); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if len(deleted) != 1 || deleted[0] != k.ID {
		t.Errorf("told of %q", deleted)
	}
	if list, err := s.List(t.Context()); err != nil || len(list) != 1 || list[0].ID != other.ID {
		t.Errorf("left %+v, %v", list, err)
	}
	for action, want := range map[string]int{audit.ServiceKeyCreated: 2, audit.ServiceKeyDeleted: 1} {
		events, _, err := store.AuditEvents(t.Context(), audit.Query{Action: action, Actor: admin.UserID})
		if err != nil || len(events) != want {
			t.Errorf("%s: %d rows, %v", action, len(events), err)
		}
	}
}

func TestWhatIsNoServiceKeyIsInvalid(t *testing.T) {
	now := epoch
	s, _ := open(t, &now)
	_, secret := create(t, s, "Shop")
	for _, bad := range []string{
		"", "ghk_", secret[:len(secret)-1], secret + "A", secret + "=", strings.Replace(secret, "ghk_", "gho_", 1), strings.TrimPrefix(secret, "ghk_"),
		"ghk_" + strings.TrimPrefix(token.NewSecret(), "gho_"), " " + secret, "' OR 1=1",
	} {
		if _, err := s.Authenticate(t.Context(), bad); !errors.Is(err, fault.ErrInvalidToken) {
			t.Errorf("%d characters: %v", len(bad), err)
		}
	}
}

func TestUseIsNotedAboutOnceAMinute(t *testing.T) {
	now := epoch
	s, _ := open(t, &now)
	_, secret := create(t, s, "Shop")
	for _, tt := range []struct {
		after time.Duration
		want  time.Time
	}{
		{0, epoch}, {30 * time.Second, epoch}, {59 * time.Second, epoch}, {time.Minute, epoch.Add(time.Minute)}, {90 * time.Second, epoch.Add(time.Minute)},
	} {
		now = epoch.Add(tt.after)
		if _, err := s.Authenticate(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		list, err := s.List(t.Context())
		if err != nil || !list[0].LastUsedAt.Equal(tt.want) {
			t.Errorf("after %v: used at %v, want %v, %v", tt.after, list[0].LastUsedAt, tt.want, err)
		}
	}
}

func TestNamesAreChecked(t *testing.T) {
	now := epoch
	s, _ := open(t, &now)
	for _, name := range []string{"", strings.Repeat("ä", 65), "a\nb", "\xff"} {
		_, _, err := s.Create(t.Context(), admin, name)
		if f := fault.As(err); f.Kind != fault.Invalid || f.Fields["name"] == "" {
			t.Errorf("%q: %v", name, err)
		}
	}
	create(t, s, strings.Repeat("ä", 64))
}
