package location_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/location"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/store/sqlite"
)

var graz = wire.Location{City: "Graz", Country: "Austria"}

func open(t *testing.T) (*location.Service, *sqlite.Store) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "l.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &location.Service{
		Store: store,
		Lookup: func(addr netip.Addr) *wire.Location {
			if addr == netip.MustParseAddr("192.0.2.7") {
				return &graz
			}
			return nil
		},
	}, store
}

func TestMissingPlaceIsFilledIn(t *testing.T) {
	vienna := wire.Location{City: "Vienna", Country: "Austria"}
	for _, tt := range []struct {
		name string
		edit func(*session.Session)
		want *wire.Location
	}{
		{"missing", func(*session.Session) {}, &graz},
		{"there", func(s *session.Session) { s.Location = &vienna }, &vienna},
		{"unknown", func(s *session.Session) { s.IP = "192.0.2.8" }, nil},
		{"no address", func(s *session.Session) { s.IP = "" }, nil},
		{"ended", func(s *session.Session) { s.EndedAt = time.Now() }, nil},
	} {
		s, store := open(t)
		var told []string
		s.Located = func(_ context.Context, x session.Session) { told = append(told, x.ID) }
		rec := session.Session{ID: id.New(id.Session), UserID: "usr_a", IP: "192.0.2.7", UserAgent: "agent/1", Acked: 3, CreatedAt: time.Now()}
		tt.edit(&rec)
		box, err := seal.New(bytes.Repeat([]byte{7}, seal.SecretSize), nil)
		if err != nil {
			t.Fatal(err)
		}
		queue := &outbox.Service{Store: store, Box: box, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
		jobID, err := location.Enqueue(t.Context(), queue, rec.ID)
		if err != nil {
			t.Fatal(err)
		}
		j, err := store.Job(t.Context(), jobID)
		if err != nil || j.Kind != outbox.Location {
			t.Fatalf("%s: queued %+v, %v", tt.name, j, err)
		}
		if _, err := store.InsertSession(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
		for range 2 { // twice does no harm
			if err := s.Run(t.Context(), outbox.Task{ID: j.ID, Subject: j.Subject}); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		got, err := store.Session(t.Context(), rec.ID)
		if err != nil || got.IP != rec.IP || got.UserAgent != rec.UserAgent || got.Acked != 3 {
			t.Errorf("%s: left %+v, %v", tt.name, got, err)
		}
		if (got.Location == nil) != (tt.want == nil) || got.Location != nil && *got.Location != *tt.want {
			t.Errorf("%s: is in %v, want %v", tt.name, got.Location, tt.want)
		}
		if filled := tt.want == &graz; (len(told) == 1) != filled {
			t.Errorf("%s: told of %q", tt.name, told)
		}
	}
}

func TestSessionThatNeverCameHasNoPlace(t *testing.T) {
	s, _ := open(t)
	if err := s.Run(t.Context(), outbox.Task{Subject: "ses_none"}); !errors.Is(err, outbox.ErrNoFact) {
		t.Error(err)
	}
}

func TestStoreThatIsAwayFailsTheTry(t *testing.T) {
	s, store := open(t)
	_ = store.Close()
	if err := s.Run(t.Context(), outbox.Task{Subject: "ses_a"}); !errors.Is(err, fault.ErrUnavailable) {
		t.Error(err)
	}
}
