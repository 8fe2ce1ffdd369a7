package mongo

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/readpref"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

func TestURICannotWeakenReadsAndWrites(t *testing.T) {
	opts := clientOptions("mongodb://h/db?w=1&journal=false&readPreference=secondaryPreferred&readConcernLevel=available&retryWrites=false")
	if w := opts.WriteConcern; w.W != "majority" || w.Journal == nil || !*w.Journal {
		t.Errorf("writes are acknowledged by %v, journal %v", w.W, w.Journal)
	}
	if mode := opts.ReadPreference.Mode(); mode != readpref.PrimaryMode || opts.ReadConcern.Level != "local" {
		t.Errorf("reads are of %v, %v", mode, opts.ReadConcern.Level)
	}
	if !*opts.RetryWrites {
		t.Error("a failover fails writes")
	}
}

func TestUserAgentOfAnyBytes(t *testing.T) {
	s := open(t, newDatabase(t))
	rec, err := s.InsertSession(t.Context(), session.Session{ID: id.New(id.Session), CreatedAt: time.Now(), UserAgent: "agent/\xff1\x00"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "agent/\uFFFD1\x00"; rec.UserAgent != want {
		t.Errorf("user agent is %q, want %q", rec.UserAgent, want)
	}
}

// TestFactorsAreKept, whose types say how they look as JSON only.
func TestFactorsAreKept(t *testing.T) {
	s := open(t, newDatabase(t))
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	u := account.User{
		ID: "usr_a", Email: "ada@example.com", Roles: []string{account.RoleUser}, CreatedAt: at,
		TOTP:          &account.TOTP{Secret: []byte{0, 255}, LastStep: 1 << 40},
		Passkeys:      []account.Passkey{{ID: "pky_a", Name: "Key", Credential: json.RawMessage(`{"id":"AP8="}`), CreatedAt: at}},
		RecoveryCodes: []string{"hash"},
	}
	stored, err := s.InsertUser(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	u.Version, u.ChangedAt = 1, stored.ChangedAt
	if got, err := s.User(t.Context(), u.ID); err != nil || !reflect.DeepEqual(got, u) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, u)
	}
	u.TOTP, u.Passkeys, u.RecoveryCodes = nil, nil, nil
	got, err := s.ReplaceUser(t.Context(), u, false)
	u.Version = 2
	if err != nil || !reflect.DeepEqual(got, u) {
		t.Errorf("without factors: got %+v, %v\nwant %+v", got, err, u)
	}
}

// TestTimesAreWholeMilliseconds: what an insert answers is what a later read will.
func TestTimesAreWholeMilliseconds(t *testing.T) {
	s := open(t, newDatabase(t))
	born := time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, time.FixedZone("", 3600))
	rec, err := s.InsertSession(t.Context(), session.Session{ID: id.New(id.Session), CreatedAt: born})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Session(t.Context(), rec.ID)
	if want := born.Truncate(time.Millisecond).UTC(); err != nil || got.CreatedAt != want || rec.CreatedAt != want {
		t.Errorf("created at %v, then %v, want %v: %v", rec.CreatedAt, got.CreatedAt, want, err)
	}
	if !got.EndedAt.IsZero() || !got.LastSeenAt.IsZero() {
		t.Errorf("zero times became %v and %v", got.EndedAt, got.LastSeenAt)
	}
}
