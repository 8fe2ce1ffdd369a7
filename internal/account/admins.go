package account

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// The guard of the last admin is one record of ids, so that demotions that cross are one compare-and-set each.
// Who is promoted gets the role first and joins the record then; who is demoted or disabled leaves the record first,
// and only while another id listed there is an enabled admin. So an id in the record may lack the role for a moment,
// and is looked at before it counts.
//
// A promotion and a demotion of one user must not interleave: he would be listed, and counted by a third, while the
// rest of his demotion is still to come. So raise writes the user, then the list as it stood before; lower writes the
// list, then the user as he stood before. Whichever is overtaken finds its second record moved, and begins again.

// raise edits a user and, if that leaves an enabled admin, lists him. Where he is not listed it writes his record
// also when edit has nothing to change.
func (s *Service) raise(ctx context.Context, userID string, edit func(*User) error) (u User, changed bool, err error) {
	ctx = context.WithoutCancel(ctx)
	for {
		list, err := s.Store.Admins(ctx)
		if err != nil {
			return User{}, changed, fmt.Errorf("read admins: %w", err)
		}
		listed, wrote := slices.Contains(list.IDs, userID), false
		u, err = s.Change(ctx, userID, true, func(u *User) error {
			err := edit(u)
			wrote = err == nil
			return err
		})
		changed = changed || wrote
		if err == nil && !wrote && !listed && u.admin() {
			u, err = s.Change(ctx, userID, false, func(*User) error { return nil })
		}
		if err != nil || !u.admin() || listed && !wrote {
			return u, changed, err
		}
		if !listed {
			list.IDs = append(list.IDs, userID)
		}
		if err = s.Store.PutAdmins(ctx, list); !errors.Is(err, fault.ErrMoved) {
			return u, changed, err
		}
	}
}

// lower edits a user so that he is no enabled admin. ErrLastAdmin.
func (s *Service) lower(ctx context.Context, userID string, edit func(*User) error) (u User, changed bool, err error) {
	ctx = context.WithoutCancel(ctx)
	for {
		u, err := s.User(ctx, userID)
		if err != nil {
			return User{}, false, err
		}
		after := u
		if err := edit(&after); errors.Is(err, ErrUnchanged) {
			return u, false, nil
		} else if err != nil {
			return User{}, false, err
		}
		if u.admin() {
			if err := s.leave(ctx, userID); err != nil {
				return User{}, false, err
			}
		}
		after, err = s.replace(ctx, after, true)
		if !errors.Is(err, fault.ErrMoved) {
			return after, err == nil, err
		}
	}
}

// leave takes an admin off the list, if another one stays. It writes the list also when he is not on it.
func (s *Service) leave(ctx context.Context, userID string) error {
	for {
		list, err := s.Store.Admins(ctx)
		if err != nil {
			return fmt.Errorf("read admins: %w", err)
		}
		list.IDs = slices.DeleteFunc(list.IDs, func(id string) bool { return id == userID })
		ok, err := s.anyAdmin(ctx, list.IDs)
		if err != nil {
			return err
		}
		if !ok {
			return ErrLastAdmin
		}
		if err = s.Store.PutAdmins(ctx, list); !errors.Is(err, fault.ErrMoved) {
			return err
		}
	}
}

// HasAdmin tells whether there is an enabled admin.
func (s *Service) HasAdmin(ctx context.Context) (bool, error) {
	list, err := s.Store.Admins(ctx)
	if err != nil {
		return false, fmt.Errorf("read admins: %w", err)
	}
	return s.anyAdmin(ctx, list.IDs)
}

func (s *Service) anyAdmin(ctx context.Context, ids []string) (bool, error) {
	if len(ids) == 0 {
		return false, nil
	}
	users, err := s.Store.UsersByID(ctx, ids)
	if err != nil {
		return false, fmt.Errorf("read admins: %w", err)
	}
	return slices.ContainsFunc(users, User.admin), nil
}

// admin tells whether the user counts as one.
func (u User) admin() bool { return u.Has(RoleAdmin) && !u.Disabled }
