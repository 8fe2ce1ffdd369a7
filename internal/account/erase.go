package account

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Erase takes everything out of a disabled user's record but what nodes must still hear of, until it is purged. His
// address is free then.
func (s *Service) Erase(ctx context.Context, userID string, purgeAt time.Time) error {
	_, err := s.Change(ctx, userID, true, func(u *User) error {
		*u = User{
			ID: u.ID, Version: u.Version, Roles: []string{RoleUser}, Disabled: true, Epoch: u.Epoch, AuthVersion: u.AuthVersion,
			CreatedAt: u.CreatedAt, PurgeAt: purgeAt,
		}
		return nil
	})
	return err
}

// Disown takes away every way to sign in that was set up before the address was proved: it may have been anybody's.
func (u *User) Disown() {
	u.PasswordHash, u.TOTP, u.Passkeys, u.RecoveryCodes, u.RecoveryKey, u.Identities, u.KnownDevices = "", nil, nil, nil, nil, nil, nil
	u.AuthVersion++
}

// present refuses what is left of a deleted user.
func present(u User, err error) (User, error) {
	if err != nil {
		return User{}, fmt.Errorf("read user: %w", err)
	}
	if u.Gone() {
		return User{}, fault.ErrNotFound
	}
	return u, nil
}
