package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// Imported is an account from elsewhere. All but the address may be left out.
type Imported struct {
	ID           string
	Email        string
	Name         string
	PasswordHash string // argon2id as a PHC string, or bcrypt
	Roles        []string
	Verified     bool
	Disabled     bool
	CreatedAt    time.Time
}

// user is the account as it will be stored.
func (in Imported) user(now time.Time) (u User, err error) {
	n := New{Email: in.Email, Name: in.Name, Roles: in.Roles}
	if err := n.Check(); err != nil {
		return u, err
	}
	u = User{ID: in.ID, Email: n.Email, Name: n.Name, Roles: n.Roles, PasswordHash: in.PasswordHash, Disabled: in.Disabled, CreatedAt: in.CreatedAt}
	switch {
	case u.ID == "":
		u.ID = id.New(id.User)
	case !id.Is(id.User, u.ID) || strings.ToUpper(u.ID[len(id.User):]) != u.ID[len(id.User):]:
		return u, fault.Field("id", "must be "+id.User+" and 26 characters")
	}
	if u.PasswordHash != "" {
		if err := CheckHash(u.PasswordHash); err != nil {
			return u, fault.Field("password_hash", "must be argon2id or bcrypt: "+err.Error())
		}
	}
	if u.CreatedAt.IsZero() {
		u.CreatedAt = now
	}
	if in.Verified {
		u.EmailVerifiedAt = u.CreatedAt
	}
	return u, nil
}

// Import makes an account that was made elsewhere: ErrEmailTaken, validation_failed, fault.ErrConflict when there is
// another account with the id.
func (s *Service) Import(ctx context.Context, in Imported) (User, error) {
	u, err := in.user(s.Now())
	if err != nil {
		return User{}, err
	}
	if in.ID != "" {
		switch _, err := s.Store.User(ctx, u.ID); {
		case err == nil:
			return User{}, s.taken(ctx, u)
		case !errors.Is(err, fault.ErrNotFound):
			return User{}, fmt.Errorf("import user: %w", err)
		}
	}
	return s.insert(ctx, u)
}

// taken says what of an account is there already: the address, as after an earlier import, or only the id.
func (s *Service) taken(ctx context.Context, u User) error {
	_, err := s.Store.UserByEmail(ctx, u.Email)
	switch {
	case err == nil:
		return ErrEmailTaken
	case errors.Is(err, fault.ErrNotFound):
		return fault.ErrConflict
	}
	return fmt.Errorf("import user: %w", err)
}
