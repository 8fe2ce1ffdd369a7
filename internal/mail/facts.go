package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

var (
	errNobody = fmt.Errorf("%w: there is no such user", outbox.ErrNoFact)
	errGone   = errors.New("what it was to say is gone: let it be asked for again")
)

// read is the letter of a job. Where the payload is gone it is written anew, if the records know enough.
func (s *Service) read(ctx context.Context, t outbox.Task) (l Letter, err error) {
	content := t.Payload
	if content == nil {
		content = t.Note
	}
	if err := json.Unmarshal(content, &l); err != nil {
		return l, outbox.Permanent(fmt.Errorf("read job: %w", err))
	}
	if t.Payload != nil {
		return l, nil
	}
	if !kinds[l.Kind].again || l.UserID == "" {
		return l, outbox.Permanent(errGone)
	}
	u, err := s.user(ctx, l.UserID)
	l.To, l.Name = u.Email, u.Name
	return l, err
}

// user is one who is there to be written to: errNobody.
func (s *Service) user(ctx context.Context, id string) (account.User, error) {
	u, err := s.Users.User(ctx, id)
	if errors.Is(err, fault.ErrNotFound) || err == nil && u.Email == "" {
		return u, errNobody
	}
	if err != nil {
		return u, fmt.Errorf("read user: %w", err)
	}
	return u, nil
}

// holds tells whether what the letter speaks of has come true, and still is of use.
func (s *Service) holds(ctx context.Context, l Letter) (bool, error) {
	for _, look := range []func(context.Context, Letter) (bool, error){s.userHolds, s.sessionHolds, s.tokenHolds} {
		if held, err := look(ctx, l); err != nil || !held {
			return false, err
		}
	}
	return true, nil
}

func (s *Service) userHolds(ctx context.Context, l Letter) (bool, error) {
	if l.UserID == "" {
		return true, nil
	}
	u, err := s.user(ctx, l.UserID)
	if errors.Is(err, errNobody) {
		return false, nil
	}
	return err == nil && u.AuthVersion >= l.AuthVersion && shown(u, l), err
}

// shown tells whether the record of a user shows what the letter speaks of, for kinds that it shows.
func shown(u account.User, l Letter) bool {
	switch l.Kind {
	case Disabled:
		return u.Disabled
	case Welcome:
		return !u.WelcomedAt.IsZero()
	case EmailChanged:
		return u.Email != l.To
	case Identity:
		return l.Added == slices.ContainsFunc(u.Identities, func(i account.Identity) bool { return strings.EqualFold(i.Provider, l.Provider) })
	}
	return true
}

func (s *Service) sessionHolds(ctx context.Context, l Letter) (bool, error) {
	if l.SessionID == "" {
		return true, nil
	}
	sess, err := s.Sessions.Session(ctx, l.SessionID)
	if errors.Is(err, fault.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read session: %w", err)
	}
	return l.Kind != TokenReuse || sess.EndReason == "token_reuse", nil
}

// tokenHolds: a link that opens nothing (any more) helps nobody.
func (s *Service) tokenHolds(ctx context.Context, l Letter) (bool, error) {
	if l.Token == "" {
		return true, nil
	}
	_, err := s.Grants.Find(ctx, l.Purpose, l.Token)
	if errors.Is(err, grant.ErrExpired) {
		return false, nil
	}
	return err == nil, err
}
