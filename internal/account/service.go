package account

import (
	"cmp"
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
	// VerifiedFirst is that nobody signs in before his address is verified.
	VerifiedFirst bool
	// Awaited is the hash of the password that waits for an address without an account to be proved: "" for none. Nil:
	// no address has to be proved.
	Awaited func(ctx context.Context, email string) (hash string, err error)
}

// FirstUse tells whether somebody who gets into the account now is the first who can, and nobody was welcomed yet.
func (s *Service) FirstUse(u User) bool {
	usable := u.Credentials() > 0 && (!s.VerifiedFirst || !u.EmailVerifiedAt.IsZero())
	return u.WelcomedAt.IsZero() && !usable
}

// New is what makes an account.
type New struct {
	ID       string // "" for a fresh one
	Email    string
	Name     string
	Password string // may be empty
	Hash     string // of a password that was hashed before
	Roles    []string
	Verified bool
	Welcomed bool // a letter says that he can use it now

	Identities []Identity
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
	u := User{
		ID: cmp.Or(n.ID, id.New(id.User)), Email: n.Email, Name: n.Name, PasswordHash: n.Hash, Roles: n.Roles, Identities: n.Identities,
		CreatedAt: s.Now(),
	}
	if n.Verified {
		u.EmailVerifiedAt = s.Now()
	}
	if n.Welcomed {
		u.WelcomedAt = s.Now()
	}
	if n.Password != "" {
		hash, err := s.Hasher.Hash(ctx, n.Password)
		if err != nil {
			return User{}, err
		}
		u.PasswordHash = hash
	}
	return s.insert(ctx, u)
}

func (s *Service) insert(ctx context.Context, u User) (User, error) {
	u, err := s.Store.InsertUser(ctx, u)
	if err != nil {
		return User{}, fmt.Errorf("create user: %w", err)
	}
	ctx = context.WithoutCancel(ctx) // an admin who is not listed would not count
	if u.Has(RoleAdmin) {
		if u, _, err = s.raise(ctx, u.ID, func(*User) error { return ErrUnchanged }); err != nil {
			return User{}, err
		}
	}
	s.Announce(ctx, u)
	return u, nil
}

// User is the user with the id: fault.ErrNotFound, also for one who was deleted.
func (s *Service) User(ctx context.Context, id string) (User, error) {
	return present(s.Store.User(ctx, id))
}

// Authenticate finds the user by address, in its normal form, and password. Unknown, passwordless, wrong and disabled
// are the same ErrInvalidCredentials after the same one hash; the password that waits for its address to be proved is
// ErrUnverified. The user is as he was before the password was checked, so that a sign-in can tell what changed since.
func (s *Service) Authenticate(ctx context.Context, email, password string) (User, error) {
	u, err := s.Store.UserByEmail(ctx, email)
	if err != nil && !errors.Is(err, fault.ErrNotFound) {
		return User{}, err
	}
	found := err == nil
	awaited, err := s.awaited(ctx, email)
	if err != nil {
		return User{}, err
	}
	if !found {
		u.PasswordHash = awaited
	}
	ok, stale, err := s.Hasher.Verify(ctx, u.PasswordHash, password)
	if err != nil {
		return User{}, fmt.Errorf("check password: %w", err)
	}
	if !found && ok {
		return User{}, ErrUnverified
	}
	if !found || !ok || u.Disabled {
		return u, ErrInvalidCredentials
	}
	if stale {
		s.rehash(ctx, u, password)
	}
	return u, nil
}

// awaited is looked up whether or not there is an account, so that time does not tell.
func (s *Service) awaited(ctx context.Context, email string) (string, error) {
	if s.Awaited == nil {
		return "", nil
	}
	return s.Awaited(ctx, email)
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
func (s *Service) rehash(ctx context.Context, u User, password string) {
	hash, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return
	}
	_, _ = s.Change(ctx, u.ID, false, func(now *User) error {
		if now.PasswordHash != u.PasswordHash {
			return ErrUnchanged
		}
		now.PasswordHash = hash
		return nil
	})
}

// SetPassword stores a new password and makes sign-ins that are under way fail. So does it itself, with
// ErrInvalidCredentials, when u, as read before the old password was checked, is no longer how he stands: of two
// changes at once the second knew only the password that is gone.
func (s *Service) SetPassword(ctx context.Context, u User, password string) (User, error) {
	if err := CheckNewPassword("new_password", password); err != nil {
		return User{}, err
	}
	hash, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	return s.Change(ctx, u.ID, true, func(now *User) error {
		if now.AuthVersion != u.AuthVersion {
			return ErrInvalidCredentials
		}
		now.PasswordHash = hash
		now.AuthVersion++
		return nil
	})
}

// Rename sets the user's name.
func (s *Service) Rename(ctx context.Context, userID, name string) (User, error) {
	name = strings.TrimSpace(name)
	if err := CheckName(name); err != nil {
		return User{}, err
	}
	return s.Change(ctx, userID, true, func(u *User) error {
		if u.Name == name {
			return ErrUnchanged
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
	edit := func(u *User) error {
		if slices.Equal(u.Roles, roles) {
			return ErrUnchanged
		}
		u.Roles = roles
		u.Epoch++
		return nil
	}
	if slices.Contains(roles, RoleAdmin) {
		return s.raise(ctx, userID, edit)
	}
	return s.lower(ctx, userID, edit)
}

// SetDisabled takes the user's standing away or gives it back. The caller ends the sessions. ErrLastAdmin.
func (s *Service) SetDisabled(ctx context.Context, userID string, disabled bool) (u User, changed bool, err error) {
	edit := func(u *User) error {
		if u.Disabled == disabled {
			return ErrUnchanged
		}
		u.Disabled = disabled
		u.Epoch++
		u.AuthVersion++
		return nil
	}
	if disabled {
		return s.lower(ctx, userID, edit)
	}
	return s.raise(ctx, userID, edit)
}

// ErrUnchanged ends a Change that has nothing to write.
var ErrUnchanged = errors.New("unchanged")

// Change reads, edits and replaces a user's record until nobody came between; ErrUnchanged from edit leaves it as it
// is. With stamp the change is announced.
func (s *Service) Change(ctx context.Context, userID string, stamp bool, edit func(*User) error) (User, error) {
	return s.change(ctx, userID, edit, func(u User) (User, error) { return s.replace(ctx, u, stamp) })
}

// Stamp is a stamped Change that its caller announces: after something that others have to hear first.
func (s *Service) Stamp(ctx context.Context, userID string, edit func(*User) error) (User, error) {
	return s.change(ctx, userID, edit, func(u User) (User, error) { return s.write(ctx, u, true) })
}

func (s *Service) change(ctx context.Context, userID string, edit func(*User) error, replace func(User) (User, error)) (User, error) {
	for {
		u, err := s.User(ctx, userID)
		if err != nil {
			return User{}, err
		}
		after := u
		if err := edit(&after); errors.Is(err, ErrUnchanged) {
			return u, nil
		} else if err != nil {
			return User{}, err
		}
		after, err = replace(after)
		if !errors.Is(err, fault.ErrMoved) {
			return after, err
		}
	}
}

// replace writes the record and, with stamp, announces it: fault.ErrMoved.
func (s *Service) replace(ctx context.Context, u User, stamp bool) (User, error) {
	u, err := s.write(ctx, u, stamp)
	if err == nil && stamp {
		s.Announce(context.WithoutCancel(ctx), u)
	}
	return u, err
}

func (s *Service) write(ctx context.Context, u User, stamp bool) (User, error) {
	u, err := s.Store.ReplaceUser(ctx, u, stamp)
	if err != nil {
		return User{}, fmt.Errorf("change user: %w", err)
	}
	return u, nil
}
