package signin

import (
	"context"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
)

// Delete is the end of an account, by its owner: he is disabled, his sessions end, and then everything personal goes.
// What is broken off leaves him disabled, and staff can finish it.
func (s *Service) Delete(ctx context.Context, a Actor) error {
	others, err := s.fromOther(ctx, a, "account_disabled")
	if err != nil {
		return err
	}
	if _, _, err := s.Accounts.SetDisabled(ctx, a.UserID, true); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // he is gone also when the caller goes away now
	s.record(ctx, audit.Event{Action: audit.UserDeleted, Actor: userParty(a.UserID), Target: userParty(a.UserID), UserID: a.UserID, IP: a.IP, Outcome: audit.Success})
	if _, err := s.Sessions.EndAll(ctx, a.UserID, a.SessionID, others); err != nil {
		return err
	}
	own := others
	own.By = wire.By{Kind: wire.BySelf}
	if _, _, err := s.Sessions.End(ctx, a.SessionID, own); err != nil {
		return err
	}
	return s.Erase(ctx, a.UserID)
}

// Erase takes everything personal of a disabled user out of the store. Ids and ends stay until no token can speak of
// them; audit rows keep the id.
func (s *Service) Erase(ctx context.Context, userID string) error {
	if err := s.Grants.Store.DeleteGrants(ctx, userID); err != nil {
		return fmt.Errorf("withdraw one-time secrets: %w", err)
	}
	if err := s.Sessions.Store.StripSessions(ctx, userID); err != nil {
		return fmt.Errorf("strip sessions: %w", err)
	}
	return s.Accounts.Erase(ctx, userID, s.Now().Add(s.Sessions.Lives.Kept))
}
