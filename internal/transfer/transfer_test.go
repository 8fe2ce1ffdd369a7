package transfer_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/config"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/store/mongo"
	"github.com/gatehouse-dev/gatehouse/internal/store/sqlite"
	"github.com/gatehouse-dev/gatehouse/internal/store/storetest"
	"github.com/gatehouse-dev/gatehouse/internal/transfer"
)

func TestMain(m *testing.M) {
	transfer.SetBatch(10)
	code := m.Run()
	servertest.EndMongo()
	os.Exit(code)
}

// now is before anything of the fixtures is to be purged.
var now = rulestest.Epoch

func openFile(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "gatehouse.db"), sqlite.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openMongo(t *testing.T) *mongo.Store {
	t.Helper()
	s, err := mongo.Open(t.Context(), servertest.MongoURI(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// fill imports n records of each kind, none of which the server may sweep meanwhile.
func fill(t *testing.T, s transfer.Store, n int) map[string][]any {
	t.Helper()
	whole := storetest.Whole(n)
	for kind, records := range whole {
		for i := range records {
			records[i] = unswept(records[i])
		}
		if err := s.Import(t.Context(), kind, records); err != nil {
			t.Fatal(err)
		}
	}
	return whole
}

// unswept moves what ends into a future that MongoDB's own clock does not reach.
func unswept(record any) any {
	far := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	v := reflect.New(reflect.TypeOf(record)).Elem()
	v.Set(reflect.ValueOf(record))
	for _, name := range []string{"PurgeAt", "ExpiresAt"} {
		if f := v.FieldByName(name); f.IsValid() {
			f.Set(reflect.ValueOf(far))
		}
	}
	return v.Interface()
}

func copyAll(t *testing.T, from, to transfer.Store) map[string]int {
	t.Helper()
	counts, err := tryCopy(t.Context(), from, to)
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

func tryCopy(ctx context.Context, from, to transfer.Store) (map[string]int, error) {
	counts := map[string]int{}
	return counts, transfer.Copy(ctx, from, to, now, func(kind string, n int) { counts[kind] = n })
}

// check compares every record of a copy with what was in the source.
func check(t *testing.T, s transfer.Store, want map[string][]any) {
	t.Helper()
	for kind, records := range want {
		var got []any
		err := transfer.Each(t.Context(), s, kind, func(records []any) error {
			got = append(got, records...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(records) {
			t.Errorf("%d %s, want %d", len(got), kind, len(records))
			continue
		}
		for i := range got {
			if x, ok := records[i].(session.Session); ok {
				x.Online, x.OnlineSeq = false, 0
				records[i] = x
			}
			if !reflect.DeepEqual(got[i], records[i]) {
				t.Errorf("%s %d:\n got %+v\nwant %+v", kind, i, got[i], records[i])
			}
		}
	}
}

func TestFromFileToMongoAndBackEveryRecordIsTheSame(t *testing.T) {
	const many = 23 // more than two batches
	file, database, again := openFile(t), openMongo(t), openFile(t)
	want := fill(t, file, many)
	counts := copyAll(t, file, database)
	for kind, records := range want {
		if counts[kind] != len(records) {
			t.Errorf("told %d %s, there are %d", counts[kind], kind, len(records))
		}
	}
	check(t, database, want)
	copyAll(t, database, again)
	check(t, again, want)
}

func TestFromFileToFile(t *testing.T) {
	from, to := openFile(t), openFile(t)
	want := fill(t, from, 3)
	copyAll(t, from, to)
	check(t, to, want)
}

// broken fails at the second write of one kind.
type broken struct {
	transfer.Store
	kind   string
	writes int
}

var errBroken = errors.New("the line is cut")

func (b *broken) Import(ctx context.Context, kind string, records []any) error {
	if kind == b.kind {
		if b.writes++; b.writes > 1 {
			return errBroken
		}
	}
	return b.Store.Import(ctx, kind, records)
}

func TestCopyThatBrokeIsRepeated(t *testing.T) {
	for _, kind := range []string{"audit", "sessions", "service_keys"} {
		t.Run(kind, func(t *testing.T) {
			from, to := openFile(t), openFile(t)
			want := fill(t, from, 23)
			if _, err := tryCopy(t.Context(), from, &broken{Store: to, kind: kind}); !errors.Is(err, errBroken) {
				t.Fatal(err)
			}
			if n, err := to.Count(t.Context(), kind); err != nil || n == 0 || n == 23 {
				t.Fatalf("%d %s are there, so it did not break midway; %v", n, kind, err)
			}
			if n, err := to.Count(t.Context(), "users"); err != nil || n != 0 {
				t.Fatalf("%d users came before the rest; %v", n, err)
			}
			copyAll(t, from, to)
			check(t, to, want)
		})
	}
}

func TestTargetWithUsersIsRefusedAndLeftAsItIs(t *testing.T) {
	from, to := openFile(t), openFile(t)
	fill(t, from, 3)
	if _, err := to.InsertUser(t.Context(), account.User{ID: "usr_x", Email: "x@example.com"}); err != nil {
		t.Fatal(err)
	}
	if _, err := tryCopy(t.Context(), from, to); !errors.Is(err, transfer.ErrHasUsers) {
		t.Errorf("answer %v", err)
	}
	for _, kind := range to.Kinds() {
		if n, err := to.Count(t.Context(), kind); err != nil || n > 0 && kind != "users" {
			t.Errorf("%d %s, %v", n, kind, err)
		}
	}
}

func TestTargetWithLeftoversIsRefusedBeforeItHasUsers(t *testing.T) {
	from, to := openFile(t), openFile(t)
	fill(t, from, 2)
	fill(t, to, 3)
	if _, err := tryCopy(t.Context(), from, &userless{to}); err == nil || !strings.Contains(err.Error(), "empty the target") {
		t.Errorf("answer %v", err)
	}
}

// userless is a store whose users nobody counts.
type userless struct{ transfer.Store }

func (s *userless) Count(ctx context.Context, kind string) (int, error) {
	if kind == "users" {
		return 0, nil
	}
	return s.Store.Count(ctx, kind)
}

func TestTargetThatWasTriedOut(t *testing.T) {
	from, to := openFile(t), openFile(t)
	want := fill(t, from, 2)
	g := grant.Grant{Purpose: grant.Setup, Hash: "of a link that makes an admin", ExpiresAt: now.Add(time.Hour)}
	if err := to.InsertGrant(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	copyAll(t, from, to)
	check(t, to, want)
}

// serving is a source that a node changes while the kind is read.
type serving struct {
	transfer.Store
	kind   string
	change func()
}

func (s *serving) Export(ctx context.Context, kind, mark string, limit int) ([]any, string, error) {
	if kind == s.kind && mark == "" {
		s.change()
	}
	return s.Store.Export(ctx, kind, mark, limit)
}

func TestSourceThatIsServedIsNoticed(t *testing.T) {
	later := func() time.Time { return now.Add(time.Second) }
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "gatehouse.db")
		from, err := sqlite.Open(t.Context(), path, sqlite.Options{Now: later})
		if err != nil {
			t.Fatal(err)
		}
		defer from.Close()
		node, err := sqlite.Open(t.Context(), path, sqlite.Options{Now: later})
		if err != nil {
			t.Fatal(err)
		}
		defer node.Close()
		noticed(t, from, func() error {
			return node.InsertGrant(t.Context(), grant.Grant{Purpose: grant.Ticket, Hash: "new", ExpiresAt: now.Add(time.Hour)})
		})
	})
	t.Run("mongo", func(t *testing.T) {
		from := openMongo(t)
		noticed(t, from, func() error {
			_, err := from.InsertSession(t.Context(), session.Session{ID: "ses_late", ExpiresAt: now, AbsoluteExpiresAt: now})
			return err
		})
	})
}

func noticed(t *testing.T, from transfer.Store, change func() error) {
	t.Helper()
	to := openFile(t)
	changed := &serving{from, "keyset", func() {
		if err := change(); err != nil {
			t.Error(err)
		}
	}}
	if _, err := tryCopy(t.Context(), changed, to); !errors.Is(err, transfer.ErrServed) {
		t.Errorf("answer %v", err)
	}
	if n, err := to.Count(t.Context(), "users"); err != nil || n != 0 {
		t.Errorf("%d users, so it cannot be repeated; %v", n, err)
	}
}

// TestDeviceStaysSignedIn: through the rules, on the file, then on MongoDB, then on a file again.
func TestDeviceStaysSignedIn(t *testing.T) {
	h := rulestest.Open(t)
	h.Advance(time.Since(rulestest.Epoch)) // to where MongoDB's own clock is
	device, ended := h.Enter(h.AddUser("ada@example.com")), h.Enter(h.AddStranger())
	if _, _, err := h.Sessions.End(t.Context(), ended.Session.ID, session.Ending{Reason: "kicked"}); err != nil {
		t.Fatal(err)
	}
	var from transfer.Store = h.Store.(transfer.Store)
	for _, to := range []interface {
		rules.Store
		transfer.Store
	}{openMongo(t), openFile(t)} {
		copyAll(t, from, to)
		moved := wire(t, to, h)
		next, err := moved.Sessions.Refresh(t.Context(), device.RefreshToken, session.Body, rulestest.Visit)
		if err != nil {
			t.Fatalf("refresh after the move: %v", err)
		}
		if _, err := moved.Sessions.Refresh(t.Context(), ended.RefreshToken, session.Body, rulestest.Visit); err == nil {
			t.Error("a session that was ended before the move came back")
		}
		if _, err := moved.Accounts.Authenticate(t.Context(), "ada@example.com", rulestest.Password); err != nil {
			t.Errorf("password after the move: %v", err)
		}
		if _, err := moved.Keyset.Keys().Verify(device.AccessToken, h.Time()); err != nil {
			t.Errorf("access token of before the move: %v", err)
		}
		device, from = next, to
	}
}

func wire(t *testing.T, store rules.Store, h *rulestest.House) *rules.Rules {
	t.Helper()
	cfg, err := config.Load([]string{"--mail-dir=" + t.TempDir()}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.New(make([]byte, seal.SecretSize), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rules.Wire(cfg, store, box, h.Time, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Keyset.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}
