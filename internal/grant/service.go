package grant

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// Service gives and redeems grants. All fields are set before use and not changed after.
type Service struct {
	Store   Store
	Secrets Secrets
	Now     func() time.Time
}

// Give stores g, alive for life, and returns its secret, which is nowhere else.
func (s *Service) Give(ctx context.Context, g Grant, life time.Duration) (secret string, err error) {
	secret = token.NewSecret()
	return secret, s.put(ctx, g, secret, life)
}

func (s *Service) put(ctx context.Context, g Grant, secret string, life time.Duration) error {
	g.Hash = hex.EncodeToString(s.Secrets.MAC("grant "+g.Purpose, []byte(secret)))
	g.ExpiresAt = s.Now().Add(life)
	if err := s.Store.InsertGrant(ctx, g); err != nil {
		return fmt.Errorf("store grant: %w", err)
	}
	return nil
}

// Keep stores g, alive for life, to be found by whom it is for instead of by a secret. It takes the place of an earlier
// one; of several at once, one stays.
func (s *Service) Keep(ctx context.Context, g Grant, life time.Duration) error {
	if err := s.Store.DeleteGrants(ctx, g.UserID, g.Purpose); err != nil {
		return fmt.Errorf("replace grant: %w", err)
	}
	err := s.put(ctx, g, g.UserID, life)
	if errors.Is(err, fault.ErrConflict) {
		return nil
	}
	return err
}

// Kept is what Keep stored: ErrExpired when there is none.
func (s *Service) Kept(ctx context.Context, purpose, userID string) (Grant, error) {
	return s.look(purpose, userID, func(hash string) (Grant, error) {
		return s.Store.Grant(ctx, purpose, hash, s.Now())
	})
}

// Find is the grant of a secret, which stays as it is: ErrExpired when it is used up, expired or unknown.
func (s *Service) Find(ctx context.Context, purpose, secret string) (Grant, error) {
	return s.find(purpose, secret, func(hash string) (Grant, error) {
		return s.Store.Grant(ctx, purpose, hash, s.Now())
	})
}

// Take redeems a secret, once: ErrExpired when it is used, expired or unknown.
func (s *Service) Take(ctx context.Context, purpose, secret string) (Grant, error) {
	return s.find(purpose, secret, func(hash string) (Grant, error) {
		return s.Store.TakeGrant(ctx, purpose, hash, s.Now())
	})
}

// Try takes one of the grant's tries without redeeming it: ErrExpired also when none are left.
func (s *Service) Try(ctx context.Context, purpose, secret string) (Grant, error) {
	return s.find(purpose, secret, func(hash string) (Grant, error) {
		return s.Store.TryGrant(ctx, purpose, hash, s.Now())
	})
}

func (s *Service) find(purpose, secret string, look func(hash string) (Grant, error)) (Grant, error) {
	if !token.IsSecret(secret) {
		return Grant{}, ErrExpired
	}
	return s.look(purpose, secret, look)
}

// look looks under the hash of each known master secret.
func (s *Service) look(purpose, secret string, look func(hash string) (Grant, error)) (Grant, error) {
	for _, mac := range s.Secrets.MACs("grant "+purpose, []byte(secret)) {
		g, err := look(hex.EncodeToString(mac))
		if err == nil {
			return g, nil
		}
		if !errors.Is(err, fault.ErrNotFound) {
			return Grant{}, fmt.Errorf("redeem grant: %w", err)
		}
	}
	return Grant{}, ErrExpired
}
