// Package keyset keeps a node's signing keys equal to the record in the store: it makes the record at the first
// start, follows its changes, rotates it and drops the keys whose time is over.
package keyset

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// interval is how often Run reads the record. A rotation has to reach every node within five seconds.
const interval = 3 * time.Second

// attempts of a compare-and-set that others may win.
const attempts = 5

// Store holds the one record of the key set.
type Store interface {
	// Keyset reads the record, never an older one than was acknowledged before the call;
	// fault.ErrNotFound before there is one.
	Keyset(ctx context.Context) (token.Record, error)
	// PutKeyset replaces the record of version from, atomically; from 0 inserts the first. Of concurrent callers
	// one wins, the others get fault.ErrMoved.
	PutKeyset(ctx context.Context, rec token.Record, from int) error
}

// Service is a node's view of the key set. Safe for concurrent use after its fields are set.
type Service struct {
	// Static after construction.
	Store  Store
	Box    *seal.Box
	Now    func() time.Time
	Issuer string        // of access tokens: the public URL
	TTL    time.Duration // of access tokens
	Log    *slog.Logger

	keys atomic.Pointer[token.Keys]

	mu      sync.Mutex // makes reads of the record take turns, so that an older one never replaces a newer
	version int        // of the record that keys was made from
}

// Keys are the keys to sign and verify with now; nil before Load.
func (s *Service) Keys() *token.Keys { return s.keys.Load() }

// Load gets the keys ready, and makes the first record when there is none; nodes that start at once agree on one.
// If the master secret does not open the record, it says which variable is wrong, and the node must not serve.
func (s *Service) Load(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.Store.Keyset(ctx)
	if errors.Is(err, fault.ErrNotFound) {
		err = s.Store.PutKeyset(ctx, token.NewRecord(s.Now(), s.Box), 0)
	}
	if err != nil && !errors.Is(err, fault.ErrMoved) {
		return fmt.Errorf("load keyset: %w", err)
	}
	return s.refreshLocked(ctx)
}

// Refresh reads the record again and follows it if it has changed. When it fails, the known keys stay.
func (s *Service) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refreshLocked(ctx)
}

func (s *Service) refreshLocked(ctx context.Context) error {
	rec, err := s.Store.Keyset(ctx)
	if err != nil {
		return fmt.Errorf("read keyset: %w", err)
	}
	if pruned, ok := token.Prune(rec, s.Now()); ok {
		err := s.Store.PutKeyset(ctx, pruned, rec.Version)
		switch {
		case err == nil:
			rec = pruned
		case !errors.Is(err, fault.ErrMoved): // whoever moved it is seen at the next turn
			return fmt.Errorf("prune keyset: %w", err)
		}
	}
	return s.adoptLocked(rec)
}

// adoptLocked makes rec the keys of this node. It compares for any other version, not for a newer one only: a store
// that was put back from a backup counts as well.
func (s *Service) adoptLocked(rec token.Record) error {
	if s.keys.Load() != nil && rec.Version == s.version {
		return nil
	}
	keys, err := token.Open(rec, s.Box, token.Config{Issuer: s.Issuer, TTL: s.TTL})
	if errors.Is(err, seal.ErrOpen) {
		return fmt.Errorf("GATEHOUSE_SECRET is not the secret this store was written with: set it, or GATEHOUSE_SECRET_PREVIOUS, to that one: %w", err)
	}
	if err != nil {
		return fmt.Errorf("read keyset: %w", err)
	}
	s.keys.Store(keys)
	s.version = rec.Version
	return nil
}

// Rotate makes the next key current, here at once and on other nodes within seconds. Rotations that race count as one.
func (s *Service) Rotate(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := ""
	for range attempts {
		rec, err := s.Store.Keyset(ctx)
		if err != nil {
			return fmt.Errorf("rotate keyset: %w", err)
		}
		if err := s.adoptLocked(rec); err != nil {
			return err // a node that cannot open the record must not write to it
		}
		kid := currentKid(rec)
		if before != "" && kid != before {
			return nil
		}
		before = kid
		rotated := token.Rotate(rec, s.Now(), s.TTL, s.Box)
		if err = s.Store.PutKeyset(ctx, rotated, rec.Version); err == nil {
			return s.adoptLocked(rotated)
		}
		if !errors.Is(err, fault.ErrMoved) {
			return fmt.Errorf("rotate keyset: %w", err)
		}
	}
	return fmt.Errorf("rotate keyset: %w", fault.ErrUnavailable.Because(fault.ErrMoved))
}

// Reseal seals the private keys with the current master secret, and tells whether they were not. The keys themselves stay.
func (s *Service) Reseal(ctx context.Context) (bool, error) {
	for range attempts {
		rec, err := s.Store.Keyset(ctx)
		if err != nil {
			return false, fmt.Errorf("reseal keyset: %w", err)
		}
		resealed, changed, err := token.Reseal(rec, s.Box)
		if err != nil || !changed {
			return false, err
		}
		if err = s.Store.PutKeyset(ctx, resealed, rec.Version); err == nil {
			return true, nil
		}
		if !errors.Is(err, fault.ErrMoved) {
			return false, fmt.Errorf("reseal keyset: %w", err)
		}
	}
	return false, fmt.Errorf("reseal keyset: %w", fault.ErrUnavailable.Because(fault.ErrMoved))
}

func currentKid(rec token.Record) string {
	for _, k := range rec.Keys {
		if k.State == token.Current {
			return k.Kid
		}
	}
	return ""
}

// List shows the keys of the record, oldest first, without their private parts.
func (s *Service) List(ctx context.Context) ([]token.KeyRecord, error) {
	rec, err := s.Store.Keyset(ctx)
	if err != nil {
		return nil, fmt.Errorf("list keyset: %w", err)
	}
	list := make([]token.KeyRecord, len(rec.Keys))
	for i, k := range rec.Keys {
		k.Sealed = nil
		list[i] = k
	}
	return list, nil
}

// Run follows the record until ctx ends, then returns nil. While it cannot, it says so once and goes on with the
// keys it has.
func (s *Service) Run(ctx context.Context) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := s.Refresh(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			s.Log.Warn("signing keys cannot be followed", "error", err)
		}
		if err == nil && failing {
			s.Log.Info("signing keys are followed again")
		}
		failing = err != nil
	}
}
