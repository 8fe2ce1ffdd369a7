package httpapi

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// user is an account as its owner and staff see it.
func user(u account.User) wire.User {
	return wire.User{
		ID: u.ID, Email: u.Email, Name: u.Name, Roles: slices.Clone(u.Roles), EmailVerified: !u.EmailVerifiedAt.IsZero(),
		Disabled: u.Disabled, MFA: wire.MFA{TOTP: u.HasTOTP(), Passkeys: len(u.Passkeys), RecoveryCodesLeft: len(u.RecoveryCodes)}, CreatedAt: wire.At(u.CreatedAt),
	}
}

// session is one session as the caller, whose own is current, sees it.
func (a *API) session(ctx context.Context, s session.Session, current string) (wire.Session, error) {
	states, err := a.cfg.Presence.Presence(ctx, s.UserID)
	if err != nil {
		return wire.Session{}, fmt.Errorf("read presence: %w", err)
	}
	return present(s, states, current), nil
}

// present merges what the registry knows into a record.
func present(s session.Session, states map[string]presence.State, current string) wire.Session {
	w := s.Wire()
	w.Current = s.ID == current
	if at, here := states[s.ID]; here && !s.Ended() {
		w.Online, w.Connections = at.Online, at.Connections
		if at.LastSeen.After(s.LastSeenAt) {
			w.LastSeenAt = wire.At(at.LastSeen)
		}
	}
	return w
}
