package signin

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/oauth"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// byIdentity is the user whom an identity signs in: the one it is linked to; else the one with its address, if the
// provider vouches for that; else a new one.
func (s *Service) byIdentity(ctx context.Context, who oauth.Identity, ip string) (account.User, error) {
	u, err := s.Accounts.Store.UserByIdentity(ctx, who.Provider, who.Subject)
	if errors.Is(err, fault.ErrNotFound) {
		u, err = s.byAddress(ctx, who, ip)
	}
	if err == nil && u.Disabled {
		err = ErrDisabled
	}
	return u, err
}

func (s *Service) byAddress(ctx context.Context, who oauth.Identity, ip string) (account.User, error) {
	email, err := account.NormalEmail(who.Email)
	if err != nil || !who.Verified {
		return account.User{}, ErrUnverified
	}
	u, err := s.Accounts.Store.UserByEmail(ctx, email)
	switch {
	case errors.Is(err, fault.ErrNotFound):
		return s.admit(ctx, who, email, ip)
	case err != nil:
		return account.User{}, fmt.Errorf("look for the address: %w", err)
	case u.EmailVerifiedAt.IsZero() && !u.Disabled:
		return s.claim(ctx, u, who, ip)
	}
	return s.adopt(ctx, u.ID, who, ip, func(*account.User) {})
}

// admit makes an account for somebody who comes by a provider.
func (s *Service) admit(ctx context.Context, who oauth.Identity, email, ip string) (account.User, error) {
	if s.Closed {
		return account.User{}, ErrClosed
	}
	n := account.New{Email: email, Name: who.Name, Verified: true, Identities: []account.Identity{identity(who, s.Now())}}
	if account.CheckName(n.Name) != nil {
		n.Name = ""
	}
	u, err := s.create(ctx, n)
	if err == nil {
		s.record(ctx, audit.Event{Action: audit.UserRegistered, Actor: userParty(u.ID), Target: userParty(u.ID), UserID: u.ID, IP: ip, Outcome: audit.Success})
	}
	return u, err
}

// claim gives an account whose address was never verified here to the owner of the address. It may be anybody's:
// whoever made it keeps nothing, neither password nor factors, identities or sessions. It is stripped before his
// sessions end and again after, for what they have put there in between; only then it is verified, so that a claim
// broken off is made anew.
func (s *Service) claim(ctx context.Context, u account.User, who oauth.Identity, ip string) (account.User, error) {
	first := s.Accounts.FirstUse(u)
	if _, err := s.Accounts.Change(ctx, u.ID, true, strip); err != nil {
		return account.User{}, err
	}
	if err := s.Grants.Store.DeleteGrants(ctx, u.ID); err != nil {
		return account.User{}, fmt.Errorf("withdraw one-time secrets: %w", err)
	}
	if _, err := s.Sessions.EndAll(ctx, u.ID, "", session.Ending{Reason: "credentials_changed", By: wire.By{Kind: wire.BySystem}, IP: ip}); err != nil {
		return account.User{}, err
	}
	var letters []mail.Letter
	if first {
		letters = append(letters, mail.To(u, mail.Welcome))
	}
	return s.adopt(ctx, u.ID, who, ip, func(u *account.User) {
		if u.EmailVerifiedAt.IsZero() { // else another claim came between, by the same owner
			_ = strip(u)
			u.EmailVerifiedAt = s.Now()
		}
		if first {
			u.WelcomedAt = s.Now()
		}
	}, letters...)
}

// strip takes all credentials away, unless the address was verified meanwhile.
func strip(u *account.User) error {
	if !u.EmailVerifiedAt.IsZero() {
		return account.ErrUnchanged
	}
	u.Disown()
	return nil
}

// adopt links the account that has the provider's address.
func (s *Service) adopt(ctx context.Context, userID string, who oauth.Identity, ip string, prepare func(*account.User), more ...mail.Letter) (u account.User, err error) {
	err = s.telling(ctx, userID, linked(who), func() error {
		added := false
		u, err = s.Accounts.Change(ctx, userID, true, func(u *account.User) error {
			added = false
			if u.Disabled {
				return ErrDisabled
			}
			prepare(u)
			err := s.addIdentity(u, who)
			added = err == nil
			return err
		})
		if err == nil && !added {
			return mail.ErrNone
		}
		if err == nil {
			s.changedIdentity(ctx, Actor{UserID: userID, IP: ip}, audit.IdentityLinked, who.Provider)
		}
		return err
	}, more...)
	return u, err
}
