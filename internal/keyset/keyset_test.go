package keyset

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

const ttl = 15 * time.Minute

// memory is the contract of Store in a few lines, with a fault to switch on.
type memory struct {
	mu   sync.Mutex
	text []byte // the record as JSON
	down error
}

func (m *memory) Keyset(context.Context) (token.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read()
}

func (m *memory) read() (rec token.Record, err error) {
	switch {
	case m.down != nil:
		return rec, m.down
	case m.text == nil:
		return rec, fault.ErrNotFound
	}
	return rec, json.Unmarshal(m.text, &rec)
}

func (m *memory) PutKeyset(_ context.Context, rec token.Record, from int) (err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, err := m.read()
	if err != nil && !errors.Is(err, fault.ErrNotFound) {
		return err
	}
	if stored.Version != from {
		return fault.ErrMoved
	}
	m.text, err = json.Marshal(rec)
	return err
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

func secret(b byte) []byte { return bytes.Repeat([]byte{b}, seal.SecretSize) }

func node(t *testing.T, store Store, current, previous []byte) *Service {
	t.Helper()
	box, err := seal.New(current, previous)
	if err != nil {
		t.Fatal(err)
	}
	return &Service{
		Store: store, Box: box, Now: time.Now, Issuer: "https://gate.example", TTL: ttl,
		Log: slog.New(slog.DiscardHandler),
	}
}

func loaded(t *testing.T, store Store) *Service {
	t.Helper()
	s := node(t, store, secret(1), nil)
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t *testing.T, s *Service) string {
	t.Helper()
	now := s.Now()
	raw, err := s.Keys().Sign(token.Claims{
		Subject: id.New(id.User), SessionID: id.New(id.Session), AAL: 1,
		IssuedAt: now, Expires: now.Add(ttl), AuthTime: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func verify(s *Service, raw string) error {
	_, err := s.Keys().Verify(raw, s.Now())
	return err
}

func TestNodesStartingAtOnceAgree(t *testing.T) {
	store := &memory{}
	nodes := make([]*Service, 16)
	var wg sync.WaitGroup
	for i := range nodes {
		nodes[i] = node(t, store, secret(1), nil)
		wg.Go(func() {
			if err := nodes[i].Load(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, n := range nodes {
		if err := verify(nodes[0], sign(t, n)); err != nil {
			t.Fatalf("two nodes have different keys: %v", err)
		}
	}
}

func TestRotationsAtOnceCountAsOne(t *testing.T) {
	store := &memory{}
	nodes := make([]*Service, 16)
	for i := range nodes {
		nodes[i] = loaded(t, store)
	}
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for _, n := range nodes {
		wg.Go(func() {
			<-begin
			if err := n.Rotate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	wg.Wait()
	for _, n := range nodes {
		if err := n.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := verify(nodes[0], sign(t, n)); err != nil {
			t.Errorf("after the rotations two nodes have different keys: %v", err)
		}
	}
}

// overtaken lets another rotation in between the read and the write of the first.
type overtaken struct {
	Store
	once  sync.Once
	other func()
}

func (o *overtaken) PutKeyset(ctx context.Context, rec token.Record, from int) error {
	o.once.Do(o.other)
	return o.Store.PutKeyset(ctx, rec, from)
}

func TestRotationOvertakenByAnotherIsDone(t *testing.T) {
	store := &memory{}
	first, second := loaded(t, store), loaded(t, store)
	first.Store = &overtaken{Store: store, other: func() {
		if err := second.Rotate(t.Context()); err != nil {
			t.Error(err)
		}
	}}
	if err := first.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rec, _ := store.Keyset(t.Context()); rec.Version != 2 {
		t.Errorf("record has version %d: the second rotation was not taken for the first", rec.Version)
	}
	if !bytes.Equal(first.Keys().JWKS(), second.Keys().JWKS()) {
		t.Error("the overtaken node has other keys")
	}
}

func TestWrongSecretRefusesToStartAndWritesNothing(t *testing.T) {
	store := &memory{}
	loaded(t, store)
	before := string(store.text)

	stranger := node(t, store, secret(2), nil)
	err := stranger.Load(t.Context())
	if !errors.Is(err, seal.ErrOpen) || !strings.Contains(err.Error(), "GATEHOUSE_SECRET") || stranger.Keys() != nil {
		t.Errorf("Load = %v", err)
	}
	if err := stranger.Rotate(t.Context()); !errors.Is(err, seal.ErrOpen) || string(store.text) != before {
		t.Errorf("Rotate = %v, or the record was changed", err)
	}
	if err := node(t, store, secret(2), secret(1)).Load(t.Context()); err != nil {
		t.Errorf("with the right secret as the previous one: %v", err)
	}
}

func TestStoreThatCannotAnswerStopsTheStart(t *testing.T) {
	store := &memory{down: fault.ErrUnavailable}
	s := node(t, store, secret(1), nil)
	if err := s.Load(t.Context()); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("Load = %v", err)
	}
	store.fail(nil)
	if store.text != nil {
		t.Error("a record was written over one that could not be read")
	}
}

func TestListShowsNoPrivatePart(t *testing.T) {
	s := loaded(t, &memory{})
	list, err := s.List(t.Context())
	if err != nil || len(list) != 2 || list[0].State != token.Current || list[1].State != token.Next {
		t.Fatalf("List = %+v, %v", list, err)
	}
	for _, k := range list {
		if k.Sealed != nil {
			t.Error("the sealed seed is listed")
		}
	}
	if err := s.Rotate(t.Context()); err != nil {
		t.Errorf("listing harmed the record: %v", err)
	}
}

func TestFollowsAStorePutBackFromABackup(t *testing.T) {
	store := &memory{}
	s := loaded(t, store)
	backup := store.text
	if err := s.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	store.text = backup
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := verify(loaded(t, store), sign(t, s)); err != nil {
		t.Errorf("still signs with a key the store does not have as current: %v", err)
	}
}

func TestRunFollowsAndSaysOnceThatItCannot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		a, b := loaded(t, store), loaded(t, store)
		var log bytes.Buffer
		b.Log = slog.New(slog.NewTextHandler(&log, nil))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()

		store.fail(fault.ErrUnavailable)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := strings.Count(log.String(), "level=WARN"); n != 1 {
			t.Errorf("said %d times that the keys cannot be followed, want once", n)
		}
		if err := verify(a, sign(t, b)); err != nil {
			t.Errorf("lost its keys with the store: %v", err)
		}
		store.fail(nil)

		if err := a.Rotate(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !bytes.Equal(a.Keys().JWKS(), b.Keys().JWKS()) {
			t.Error("a rotation did not arrive within five seconds")
		}
		if !strings.Contains(log.String(), "followed again") {
			t.Error("did not say that the keys are followed again")
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}
