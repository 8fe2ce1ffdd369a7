package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// Service is the rules of accounts. All fields are set before use and not changed after.
type Service struct {
	Store  Store
	Hasher *Hasher
	Now    func() time.Time
	// Announce tells this node and then the others that a user's roles, standing or name changed. Called after the
	// record is written.
	Announce func(ctx context.Context, u User)
}

// New is what makes an account.
type New struct {
	Email    string
	Name     string
	Password string // may be empty
	Roles    []string
	Verified bool
}

// Check refuses what Create would refuse, but for an address that is taken, and normalises the address.
func (n *New) Check() (err error) {
	if n.Email, err = NormalEmail(n.Email); err != nil {
		return err
	}
	n.Name = strings.TrimSpace(n.Name)
	if err := CheckName(n.Name); err != nil {
		return err
	}
	if n.Password != "" {
		if err := CheckNewPassword("password", n.Password); err != nil {
			return err
		}
	}
	if len(n.Roles) == 0 {
		n.Roles = []string{RoleUser}
	}
	n.Roles, err = Roles(n.Roles)
	return err
}

// Create makes an account: ErrEmailTaken, validation_failed, weak_password.
func (s *Service) Create(ctx context.Context, n New) (User, error) {
	if err := n.Check(); err != nil {
		return User{}, err
	}
	u := User{ID: id.New(id.User), Email: n.Email, Name: n.Name, Roles: n.Roles, CreatedAt: s.Now()}
	if n.Verified {
		u.EmailVerifiedAt = s.Now()
	}
	if n.Password != "" {
		hash, err := s.Hasher.Hash(ctx, n.Password)
		if err != nil {
			return User{}, err
		}
		u.PasswordHash = hash
	}
	u, err := s.Store.InsertUser(ctx, u)
	if err != nil {
		return User{}, fmt.Errorf("create user: %w", err)
	}
	if u.Has(RoleAdmin) {
		if err := s.joinAdmins(ctx, u.ID); err != nil {
			return User{}, err
		}
	}
	s.Announce(ctx, u)
	return u, nil
}

// Authenticate finds the user by address and password. Unknown, passwordless, wrong and disabled are the same
// ErrInvalidCredentials after the same one hash.
func (s *Service) Authenticate(ctx context.Context, email, password string) (User, error) {
	u, err := s.Store.UserByEmail(ctx, email)
	if err != nil && !errors.Is(err, fault.ErrNotFound) {
		return User{}, err
	}
	found := err == nil
	ok, stale, err := s.Hasher.Verify(ctx, u.PasswordHash, password)
	if err != nil {
		return User{}, fmt.Errorf("check password: %w", err)
	}
	if !found || !ok || u.Disabled {
		return u, ErrInvalidCredentials
	}
	if stale {
		u = s.rehash(ctx, u, password)
	}
	return u, nil
}

// CheckPassword tells whether the password is the user's, as Authenticate does.
func (s *Service) CheckPassword(ctx context.Context, u User, password string) error {
	ok, _, err := s.Hasher.Verify(ctx, u.PasswordHash, password)
	if err != nil {
		return fmt.Errorf("check password: %w", err)
	}
	if !ok || u.Disabled {
		return ErrInvalidCredentials
	}
	return nil
}

// rehash brings an imported or older hash up to date. Failing is no reason to refuse the sign-in: the next one tries again.
func (s *Service) rehash(ctx context.Context, u User, password string) User {
	hash, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return u
	}
	old := u.PasswordHash
	after, err := s.change(ctx, u.ID, false, func(now *User) error {
		if now.PasswordHash != old {
			return errUnchanged
		}
		now.PasswordHash = hash
		return nil
	})
	if err != nil {
		return u
	}
	return after
}

// SetPassword stores a new password and makes sign-ins that are under way fail.
func (s *Service) SetPassword(ctx context.Context, userID, password string) (User, error) {
	if err := CheckNewPassword("new_password", password); err != nil {
		return User{}, err
	}
	hash, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	return s.change(ctx, userID, true, func(u *User) error {
		u.PasswordHash = hash
		u.AuthVersion++
		return nil
	})
}

// Rename sets the user's name.
func (s *Service) Rename(ctx context.Context, userID, name string) (User, error) {
	name = strings.TrimSpace(name)
	if err := CheckName(name); err != nil {
		return User{}, err
	}
	return s.change(ctx, userID, true, func(u *User) error {
		if u.Name == name {
			return errUnchanged
		}
		u.Name = name
		return nil
	})
}

// SetRoles replaces the user's roles. The same set changes nothing. ErrLastAdmin.
func (s *Service) SetRoles(ctx context.Context, userID string, roles []string) (u User, changed bool, err error) {
	roles, err = Roles(roles)
	if err != nil {
		return User{}, false, err
	}
	admin := slices.Contains(roles, RoleAdmin)
	if !admin {
		if err := s.leaveAdmins(ctx, userID); err != nil {
			return User{}, false, err
		}
	}
	u, err = s.change(ctx, userID, true, func(u *User) error {
		if changed = !slices.Equal(u.Roles, roles); !changed {
			return errUnchanged
		}
		u.Roles = roles
		u.Epoch++
		return nil
	})
	if err == nil && admin && !u.Disabled {
		err = s.joinAdmins(ctx, userID)
	}
	return u, changed, err
}

// SetDisabled takes the user's standing away or gives it back. The caller ends the sessions. ErrLastAdmin.
func (s *Service) SetDisabled(ctx context.Context, userID string, disabled bool) (u User, changed bool, err error) {
	if disabled {
		if err := s.leaveAdmins(ctx, userID); err != nil {
			return User{}, false, err
		}
	}
	u, err = s.change(ctx, userID, true, func(u *User) error {
		if changed = u.Disabled != disabled; !changed {
			return errUnchanged
		}
		u.Disabled = disabled
		u.Epoch++
		u.AuthVersion++
		return nil
	})
	if err == nil && !disabled && u.Has(RoleAdmin) {
		err = s.joinAdmins(ctx, userID)
	}
	return u, changed, err
}

// errUnchanged ends a change that has nothing to write.
var errUnchanged = errors.New("unchanged")

// change reads, changes and replaces until nobody came between. With stamp the change is announced.
func (s *Service) change(ctx context.Context, userID string, stamp bool, edit func(*User) error) (User, error) {
	for {
		u, err := s.Store.User(ctx, userID)
		if err != nil {
			return User{}, fmt.Errorf("read user: %w", err)
		}
		after := u
		if err := edit(&after); errors.Is(err, errUnchanged) {
			return u, nil
		} else if err != nil {
			return User{}, err
		}
		after, err = s.Store.ReplaceUser(ctx, after, stamp)
		if errors.Is(err, fault.ErrMoved) {
			continue
		}
		if err != nil {
			return User{}, fmt.Errorf("change user: %w", err)
		}
		if stamp {
			s.Announce(ctx, after)
		}
		return after, nil
	}
}
