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

// HasAdmin tells whether there is an enabled admin.
func (s *Service) HasAdmin(ctx context.Context) (bool, error) {
	admins, err := s.Store.Admins(ctx)
	if err != nil {
		return false, fmt.Errorf("read admins: %w", err)
	}
	return s.anyAdmin(ctx, admins.IDs)
}

func (s *Service) anyAdmin(ctx context.Context, ids []string) (bool, error) {
	if len(ids) == 0 {
		return false, nil
	}
	users, err := s.Store.UsersByID(ctx, ids)
	if err != nil {
		return false, fmt.Errorf("read admins: %w", err)
	}
	return slices.ContainsFunc(users, func(u User) bool { return u.Has(RoleAdmin) && !u.Disabled }), nil
}

func (s *Service) joinAdmins(ctx context.Context, userID string) error {
	return s.changeAdmins(ctx, func(ids []string) ([]string, error) {
		if slices.Contains(ids, userID) {
			return nil, errUnchanged
		}
		return append(ids, userID), nil
	})
}

func (s *Service) leaveAdmins(ctx context.Context, userID string) error {
	return s.changeAdmins(ctx, func(ids []string) ([]string, error) {
		if !slices.Contains(ids, userID) {
			return nil, errUnchanged
		}
		rest := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == userID })
		ok, err := s.anyAdmin(ctx, rest)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, ErrLastAdmin
		}
		return rest, nil
	})
}

func (s *Service) changeAdmins(ctx context.Context, edit func([]string) ([]string, error)) error {
	for {
		admins, err := s.Store.Admins(ctx)
		if err != nil {
			return fmt.Errorf("read admins: %w", err)
		}
		ids, err := edit(admins.IDs)
		if errors.Is(err, errUnchanged) {
			return nil
		}
		if err != nil {
			return err
		}
		err = s.Store.PutAdmins(ctx, Admins{Version: admins.Version, IDs: ids})
		if !errors.Is(err, fault.ErrMoved) {
			return err
		}
	}
}
