// Package servicekey holds the keys by which other services ask about tokens and follow events.
package servicekey

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// Key is a service's key as it is stored.
type Key struct {
	ID         string
	Name       string
	Hash       string // SHA-256 in hexadecimal: 256 random bits need no more, and so it outlives the master secret
	CreatedAt  time.Time
	LastUsedAt time.Time // zero when never; written behind, about once a minute
}

// Store keeps keys. All of it is safe for concurrent use on any number of nodes.
type Store interface {
	InsertServiceKey(ctx context.Context, k Key) error
	// ServiceKeys are all of them, oldest first.
	ServiceKeys(ctx context.Context) ([]Key, error)
	// ServiceKey is the key with the hash: fault.ErrNotFound.
	ServiceKey(ctx context.Context, hash string) (Key, error)
	// UseServiceKey notes a use, if it is later than the last. A key that is gone is skipped.
	UseServiceKey(ctx context.Context, id string, at time.Time) error
	// DeleteServiceKey answers fault.ErrNotFound when there is none.
	DeleteServiceKey(ctx context.Context, id string) error
}

// Service makes and checks keys. All exported fields are set before use and not changed after.
type Service struct {
	Store   Store
	Audit   audit.Store
	Deleted func(ctx context.Context, id string) // told once a key is gone, so that its streams end; nil for nobody
	Now     func() time.Time
	Log     *slog.Logger

	mu   sync.Mutex // guards the following
	used map[string]time.Time
}

// Actor is the admin who acts.
type Actor struct {
	UserID string
	IP     string
}

const (
	prefix    = "ghk_"
	keySize   = 32
	maxName   = 64
	usedEvery = time.Minute
)

// Create makes a key. The secret is shown this once.
func (s *Service) Create(ctx context.Context, a Actor, name string) (k Key, secret string, err error) {
	if n := utf8.RuneCountInString(name); n < 1 || n > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return Key{}, "", fault.Field("name", "must be 1 to 64 characters long, without control characters")
	}
	raw := make([]byte, keySize)
	rand.Read(raw) // never fails
	secret = prefix + base64.RawURLEncoding.EncodeToString(raw)
	k = Key{ID: id.New(id.Key), Name: name, Hash: hash(secret), CreatedAt: s.Now()}
	if err := s.Store.InsertServiceKey(ctx, k); err != nil {
		return Key{}, "", fmt.Errorf("store service key: %w", err)
	}
	s.record(ctx, a, audit.ServiceKeyCreated, k.ID)
	return k, secret, nil
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// List is all keys, oldest first.
func (s *Service) List(ctx context.Context) ([]Key, error) {
	all, err := s.Store.ServiceKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read service keys: %w", err)
	}
	return all, nil
}

// Delete withdraws a key.
func (s *Service) Delete(ctx context.Context, a Actor, keyID string) error {
	if err := s.Store.DeleteServiceKey(ctx, keyID); err != nil {
		return fmt.Errorf("delete service key: %w", err)
	}
	ctx = context.WithoutCancel(ctx)
	if s.Deleted != nil {
		s.Deleted(ctx, keyID)
	}
	s.record(ctx, a, audit.ServiceKeyDeleted, keyID)
	return nil
}

// Authenticate is the key that a service presents: fault.ErrInvalidToken for anything else.
func (s *Service) Authenticate(ctx context.Context, secret string) (Key, error) {
	encoded, ok := strings.CutPrefix(secret, prefix)
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded); !ok || err != nil || len(raw) != keySize {
		return Key{}, fault.ErrInvalidToken
	}
	k, err := s.Store.ServiceKey(ctx, hash(secret))
	if errors.Is(err, fault.ErrNotFound) {
		return Key{}, fault.ErrInvalidToken
	}
	if err != nil {
		return Key{}, fmt.Errorf("read service key: %w", err)
	}
	s.use(ctx, k)
	return k, nil
}

// use notes a use now and then. That it cannot be written is no reason to refuse.
func (s *Service) use(ctx context.Context, k Key) {
	now := s.Now()
	if !s.noted(k.ID, now) {
		return
	}
	if err := s.Store.UseServiceKey(context.WithoutCancel(ctx), k.ID, now); err != nil {
		s.Log.Warn("use of a service key not written", "key", k.ID, "error", err)
	}
}

func (s *Service) noted(keyID string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.used[keyID]; ok && now.Sub(last) < usedEvery {
		return false
	}
	if s.used == nil {
		s.used = make(map[string]time.Time)
	}
	s.used[keyID] = now
	return true
}

// record does not fail what is done already.
func (s *Service) record(ctx context.Context, a Actor, action, keyID string) {
	err := s.Audit.AppendAudit(context.WithoutCancel(ctx), audit.Event{
		ID: id.New(id.Audit), At: s.Now(), Action: action, Actor: audit.Party{Kind: "user", ID: a.UserID},
		Target: audit.Party{Kind: "service_key", ID: keyID}, UserID: a.UserID, IP: a.IP, Outcome: audit.Success,
	})
	if err != nil {
		s.Log.Warn("audit row not written", "action", action, "error", err)
	}
}
