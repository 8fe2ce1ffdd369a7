// Package address holds what is proved by reading mail: registration that waits for its address, verification,
// a change of address, a forgotten password, an invitation.
//
// Who asks for a letter learns nothing of who has an account. So nothing is looked up while he waits: what he asked for
// is queued, the same for every address, and answered when its turn comes. What a link proves is decided by one change
// of the user's record, which only happens if he still stands as he did when the link was made: that makes each link
// good once, and kills it with the password, the address or the standing that it was made for.
package address

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// Lives of the links.
const (
	VerifyLife = 24 * time.Hour
	ResetLife  = time.Hour
	InviteLife = 7 * 24 * time.Hour
)

// toldEvery is how often somebody is told that others want his address, at most.
const toldEvery = time.Hour

// Service is the flows. All fields are set before use and not changed after.
type Service struct {
	Accounts *account.Service
	Sessions *session.Service
	Grants   *grant.Service
	Letters  *mail.Service
	Audit    *audit.Recorder
	Closed   bool // nobody registers by himself
	Now      func() time.Time
}

// waiting is what a grant keeps: the address that its link proves and, of a registration, the rest of it.
type waiting struct {
	Email string `json:"email"`
	Name  string `json:"name,omitempty"`
	Hash  string `json:"hash,omitempty"` // of the password
}

func (w waiting) encode() ([]byte, error) {
	data, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode grant: %w", err)
	}
	return data, nil
}

func decode(g grant.Grant) (w waiting, err error) {
	if err := json.Unmarshal(g.Payload, &w); err != nil {
		return w, fmt.Errorf("decode grant: %w", err)
	}
	return w, nil
}

// give makes a link's secret.
func (s *Service) give(ctx context.Context, g grant.Grant, w waiting, life time.Duration) (secret string, err error) {
	g.TriesLeft = 1
	if g.Payload, err = w.encode(); err != nil {
		return "", err
	}
	return s.Grants.Give(ctx, g, life)
}

// find is the grant of a secret, of the first of the purposes that knows it.
func (s *Service) find(ctx context.Context, secret string, purposes ...string) (g grant.Grant, w waiting, err error) {
	for _, purpose := range purposes {
		g, err = s.Grants.Find(ctx, purpose, secret)
		if err == nil {
			w, err = decode(g)
			return g, w, err
		}
		if !errors.Is(err, grant.ErrExpired) {
			return g, w, err
		}
	}
	return g, w, grant.ErrExpired
}

// holder is the user of a grant, if he stands as he did when it was made.
func (s *Service) holder(ctx context.Context, g grant.Grant) (account.User, error) {
	u, err := s.Accounts.User(ctx, g.UserID)
	switch {
	case errors.Is(err, fault.ErrNotFound), err == nil && (u.AuthVersion != g.AuthVersion || u.Disabled):
		return account.User{}, grant.ErrExpired
	case err != nil:
		return account.User{}, err
	}
	return u, nil
}

// byEmail is the account of an address, if there is one.
func (s *Service) byEmail(ctx context.Context, email string) (u account.User, found bool, err error) {
	u, err = s.Accounts.Store.UserByEmail(ctx, email)
	if errors.Is(err, fault.ErrNotFound) {
		return account.User{}, false, nil
	}
	if err != nil {
		return account.User{}, false, fmt.Errorf("look for the address: %w", err)
	}
	return u, true, nil
}

// disown takes from an account whose address was never verified what was set up in it, and ends its sessions. Whoever
// proves the address does the same again in the change that gives it to him, for what a session has put there before
// it ended.
func (s *Service) disown(ctx context.Context, u account.User, e session.Ending) (account.User, error) {
	after, err := s.Accounts.Change(ctx, u.ID, true, func(now *account.User) error {
		if now.AuthVersion != u.AuthVersion || !now.EmailVerifiedAt.IsZero() {
			return grant.ErrExpired
		}
		now.Disown()
		return nil
	})
	if err != nil {
		return account.User{}, err
	}
	return after, s.endAll(ctx, u.ID, e)
}

// endAll ends a user's sessions, and what others were given to act for him. Both happen also when the caller goes away.
func (s *Service) endAll(ctx context.Context, userID string, e session.Ending) error {
	ctx = context.WithoutCancel(ctx)
	_, err := s.Sessions.EndAll(ctx, userID, "", e)
	return errors.Join(err, s.withdraw(ctx, userID, grant.Powers...))
}

func (s *Service) withdraw(ctx context.Context, userID string, purposes ...string) error {
	if err := s.Grants.Store.DeleteGrants(ctx, userID, purposes...); err != nil {
		return fmt.Errorf("withdraw one-time secrets: %w", err)
	}
	return nil
}

func (s *Service) record(ctx context.Context, action, userID, ip string) {
	party := audit.Party{Kind: "user", ID: userID}
	s.Audit.Record(ctx, audit.Event{Action: action, Actor: party, Target: party, UserID: userID, IP: ip, Outcome: audit.Success})
}
