package reseal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/config"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/reseal"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/store/sqlite"
	"github.com/gatehouse-dev/gatehouse/internal/transfer"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

var (
	older = bytes.Repeat([]byte{1}, seal.SecretSize)
	newer = bytes.Repeat([]byte{2}, seal.SecretSize)
)

func box(t *testing.T, current, previous []byte) *seal.Box {
	t.Helper()
	b, err := seal.New(current, previous)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// node is a process on the file, with the secrets it was given.
type node struct {
	*rules.Rules
	t *testing.T
}

func open(t *testing.T, path string, current, previous []byte) *node {
	t.Helper()
	cfg, err := config.Load([]string{"--webhook-allow-private=true", "--mail-dir=" + t.TempDir()}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	r, err := rules.Wire(cfg, store, box(t, current, previous), time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	n := &node{r, t}
	n.ok(n.Keyset.Load(t.Context()))
	return n
}

func (n *node) ok(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) reseal() reseal.Report {
	n.t.Helper()
	r, err := (&reseal.Service{Store: n.Store, Keyset: n.Keyset, Box: n.Box}).Run(n.t.Context())
	n.ok(err)
	return r
}

func (n *node) enter(u account.User) session.Issued {
	n.t.Helper()
	in, err := n.Sessions.Start(n.t.Context(), session.Start{User: u, Transport: session.Body, Name: "Phone", AMR: []string{"pwd"}, AAL: 1})
	n.ok(err)
	return in
}

func (n *node) refresh(token string) (session.Issued, error) {
	return n.Sessions.Refresh(context.Background(), token, session.Body, rulestest.Visit)
}

// sealedBy are the places of a store that have something sealed with the secret, wherever in its records that is.
func (n *node) sealedBy(secret []byte) map[string]int {
	n.t.Helper()
	found, by := map[string]int{}, box(n.t, secret, nil)
	for _, kind := range n.Store.Kinds() {
		n.ok(transfer.Each(n.t.Context(), n.Store, kind, func(records []any) error {
			for _, r := range records {
				walk(reflect.ValueOf(r), func(b []byte) {
					if !by.NeedsReseal(b) {
						found[kind]++
					}
				})
			}
			return nil
		}))
	}
	return found
}

func walk(v reflect.Value, f func([]byte)) {
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		f(v.Bytes())
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), f)
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		walk(v.Elem(), f)
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
		for i := range v.NumField() {
			walk(v.Field(i), f)
		}
	}
}

// TestAfterResealThePreviousSecretIsNotNeeded: everything that was sealed under it works without it.
func TestAfterResealThePreviousSecretIsNotNeeded(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "gatehouse.db")
	before := open(t, path, older, nil)
	u, err := before.Accounts.Create(ctx, account.New{Email: "ada@example.com", Password: rulestest.Password})
	before.ok(err)
	device, kicked := before.enter(u), before.enter(u)
	_, _, err = before.Sessions.End(ctx, kicked.Session.ID, session.Ending{Reason: "kicked"})
	before.ok(err)
	enrolment, err := before.Factors.BeginTOTP(ctx, u.ID)
	before.ok(err)
	code := func(at time.Time) string {
		text, err := totp.GenerateCode(enrolment.Secret, at)
		before.ok(err)
		return text
	}
	codes, err := before.Factors.ConfirmTOTP(ctx, u.ID, code(time.Now().Add(-30*time.Second)))
	before.ok(err)
	_, _, err = before.Hooks.Create(ctx, webhook.Actor{}, "http://127.0.0.1:9/", []string{webhook.SessionEnded})
	before.ok(err)
	waiting, err := before.Queue.Enqueue(ctx, outbox.New{Kind: outbox.Mail, Payload: []byte("a letter")})
	before.ok(err)
	had := before.sealedBy(older)
	for _, kind := range []string{"keyset", "users", "sessions", "webhooks", "jobs"} {
		if had[kind] == 0 {
			t.Errorf("nothing of %s is sealed, so this proves nothing of it", kind)
		}
	}

	swapped := open(t, path, newer, older)
	if r := swapped.reseal(); !r.Done() || r.Resealed != 6 { // keyset, user, two sessions, job, webhook
		t.Errorf("report %+v", r)
	}
	if r := swapped.reseal(); !r.Done() || r.Resealed != 0 {
		t.Errorf("report of the second run %+v", r)
	}

	alone := open(t, path, newer, nil) // the keyset opens, or this fails
	if left := alone.sealedBy(older); len(left) > 0 {
		t.Errorf("sealed with the previous secret: %v", left)
	}
	if now := alone.sealedBy(newer); !reflect.DeepEqual(now, had) {
		t.Errorf("sealed with the current secret: %v, before with the previous: %v", now, had)
	}
	next, err := alone.refresh(device.RefreshToken)
	alone.ok(err)
	_, err = alone.Keyset.Keys().Verify(device.AccessToken, time.Now())
	alone.ok(err)
	_, err = alone.refresh(next.RefreshToken)
	alone.ok(err)
	if _, err := alone.refresh(kicked.RefreshToken); fault.CodeOf(err) != "session_revoked" {
		t.Errorf("refresh of the session that was kicked: %v", err)
	}
	alone.ok(alone.Factors.CheckTOTP(ctx, u.ID, code(time.Now().Add(30*time.Second))))
	alone.ok(alone.Factors.UseRecoveryCode(ctx, u.ID, codes[3]))
	j, err := alone.Store.Job(ctx, waiting)
	alone.ok(err)
	if text, err := alone.Box.Open("outbox", j.Payload, []byte(j.ID)); err != nil || string(text) != "a letter" {
		t.Errorf("the job says %q, %v", text, err)
	}
}

// TestResealWhileNodesServe: every refresh meanwhile succeeds, on nodes with the secrets in either order, and those of
// the older order are noticed.
func TestResealWhileNodesServe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	before := open(t, path, older, nil)
	u, err := before.Accounts.Create(t.Context(), account.New{Email: "ada@example.com"})
	before.ok(err)
	const devices = 40
	var tokens [devices]string
	for i := range tokens {
		tokens[i] = before.enter(u).RefreshToken
	}
	swapped := open(t, path, newer, older)
	nodes := []*node{open(t, path, older, newer), swapped}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := i; ctx.Err() == nil; n = (n + 4) % devices {
				next, err := nodes[n/4%2].refresh(tokens[n])
				if err != nil {
					t.Errorf("refresh: %v", err)
					return
				}
				tokens[n] = next.RefreshToken
			}
		})
	}
	first := swapped.reseal()
	second := swapped.reseal()
	stop()
	wg.Wait()
	if first.Resealed < devices || second.Resealed > 0 || !second.Done() {
		t.Errorf("reports %+v, %+v", first, second)
	}
	alone := open(t, path, newer, nil)
	for _, token := range tokens {
		if _, err := alone.refresh(token); err != nil {
			t.Errorf("refresh without the previous secret: %v", err)
		}
	}
}

// inserting is a store whose records grow while they are read.
type inserting struct {
	reseal.Store
	insert func()
}

func (s *inserting) Export(ctx context.Context, kind, mark string, limit int) ([]any, string, error) {
	if kind == "webhooks" && s.insert != nil {
		s.insert()
		s.insert = nil
	}
	return s.Store.Export(ctx, kind, mark, limit)
}

func TestNodeThatStillSealsWithThePreviousSecretIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	late := open(t, path, older, newer)
	u, err := late.Accounts.Create(t.Context(), account.New{Email: "ada@example.com"})
	late.ok(err)
	n := open(t, path, newer, older)
	store := &inserting{n.Store, func() { late.enter(u) }} // after the first look at sessions
	r, err := (&reseal.Service{Store: store, Keyset: n.Keyset, Box: n.Box}).Run(t.Context())
	n.ok(err)
	if r.Done() || r.Late != 1 {
		t.Errorf("report %+v", r)
	}
}

func TestJobThatRunsIsLeftToItsWorker(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	before := open(t, path, older, nil)
	_, err := before.Queue.Enqueue(t.Context(), outbox.New{Kind: outbox.Mail, Payload: []byte("a letter")})
	before.ok(err)
	job, err := before.Store.ClaimJob(t.Context(), outbox.Claim{Kind: outbox.Mail, Now: time.Now(), LeaseUntil: time.Now().Add(time.Minute)})
	before.ok(err)

	n := open(t, path, newer, older)
	if r := n.reseal(); r.Done() || r.Running != 1 {
		t.Errorf("report %+v", r)
	}
	job.State, job.RunAt = outbox.Queued, time.Now().Add(time.Hour) // its try failed
	if _, err := n.Store.ReplaceJob(t.Context(), job); err != nil {
		t.Fatalf("the worker lost its job: %v", err)
	}
	if r := n.reseal(); !r.Done() || r.Resealed != 1 {
		t.Errorf("report %+v", r)
	}
}

func TestRecordThatNeitherSecretOpensIsNamedAndTheOthersGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	before := open(t, path, older, nil)
	u, err := before.Accounts.Create(t.Context(), account.New{Email: "ada@example.com"})
	before.ok(err)
	var ids []string
	for range 3 {
		ids = append(ids, before.enter(u).Session.ID)
	}
	lost, err := before.Store.Session(t.Context(), ids[1])
	before.ok(err)
	lost.Refresh.Key = box(t, bytes.Repeat([]byte{9}, seal.SecretSize), nil).Seal("session refresh key", []byte("key"), []byte(lost.ID))
	_, err = before.Store.ReplaceSession(t.Context(), lost, false)
	before.ok(err)

	r := open(t, path, newer, older).reseal()
	if r.Done() || len(r.Unopened) != 1 || !errors.Is(r.Unopened[0], seal.ErrOpen) || r.Resealed != 3 { // keyset and two sessions
		t.Errorf("report %+v", r)
	}
	if want := fmt.Sprintf("sessions %s: %v", lost.ID, seal.ErrOpen); len(r.Unopened) == 1 && r.Unopened[0].Error() != want {
		t.Errorf("said %q, want %q", r.Unopened[0], want)
	}
}
