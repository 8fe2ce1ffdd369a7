package account_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

const (
	user  = account.RoleUser
	mod   = account.RoleModerator
	admin = account.RoleAdmin
)

// admins are the enabled admins by their own records, which is what counts.
func admins(t *testing.T, h *rulestest.House) (ids []string) {
	t.Helper()
	page, err := h.Store.ListUsers(t.Context(), account.Query{Role: admin, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range page.Users {
		if !u.Disabled {
			ids = append(ids, u.ID)
		}
	}
	return ids
}

func roles(t *testing.T, h *rulestest.House, u account.User, roles ...string) error {
	_, _, err := h.Accounts.SetRoles(t.Context(), u.ID, roles)
	return err
}

func disable(t *testing.T, h *rulestest.House, u account.User) error {
	_, _, err := h.Accounts.SetDisabled(t.Context(), u.ID, true)
	return err
}

func enable(t *testing.T, h *rulestest.House, u account.User) error {
	_, _, err := h.Accounts.SetDisabled(t.Context(), u.ID, false)
	return err
}

func TestRolesMakeTokensStaleOnceAndTheSameSetChangesNothing(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddStranger()
	before := len(h.Announced())
	got, changed, err := h.Accounts.SetRoles(t.Context(), u.ID, []string{mod, mod})
	if err != nil || !changed || got.Epoch != u.Epoch+1 || got.AuthVersion != u.AuthVersion || !got.Has(user) || !got.Has(mod) {
		t.Errorf("%+v, changed %t, %v", got, changed, err)
	}
	got, changed, err = h.Accounts.SetRoles(t.Context(), u.ID, []string{user, mod})
	if err != nil || changed || got.Epoch != u.Epoch+1 {
		t.Errorf("the same again: %+v, changed %t, %v", got, changed, err)
	}
	if n := len(h.Announced()) - before; n != 1 {
		t.Errorf("announced %d times", n)
	}
	if _, _, err := h.Accounts.SetRoles(t.Context(), u.ID, nil); err == nil {
		t.Error("an empty set was taken")
	}
}

func TestDisablingRaisesEpochAndAuthVersion(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddStranger()
	for i, disabled := range []bool{true, false} {
		got, changed, err := h.Accounts.SetDisabled(t.Context(), u.ID, disabled)
		if err != nil || !changed || got.Disabled != disabled || got.Epoch != u.Epoch+i+1 || got.AuthVersion != u.AuthVersion+i+1 {
			t.Errorf("%+v, changed %t, %v", got, changed, err)
		}
		if _, changed, err := h.Accounts.SetDisabled(t.Context(), u.ID, disabled); changed || err != nil {
			t.Errorf("again: changed %t, %v", changed, err)
		}
	}
}

func TestAdminCountsFromPromotionToDemotion(t *testing.T) {
	h := rulestest.Open(t)
	has := func(when string, want bool) {
		t.Helper()
		if got, err := h.Accounts.HasAdmin(t.Context()); got != want || err != nil {
			t.Errorf("%s: %t, %v", when, got, err)
		}
	}
	has("in an empty store", false)
	a := h.AddStranger(admin)
	has("with one", true)
	b := h.AddStranger()
	for _, step := range []struct {
		name string
		err  error
		want error
	}{
		{"the last admin's role", roles(t, h, a, user), account.ErrLastAdmin},
		{"the last admin's standing", disable(t, h, a), account.ErrLastAdmin},
		{"moderation beside it", roles(t, h, a, admin, mod), nil},
		{"a second admin", roles(t, h, b, admin), nil},
		{"disabling the first", disable(t, h, a), nil},
		{"the second is the last now", roles(t, h, b, user), account.ErrLastAdmin},
		{"a role of one who is disabled", roles(t, h, a, user), nil},
		{"and back", roles(t, h, a, admin), nil},
		{"which does not count", disable(t, h, b), account.ErrLastAdmin},
		{"before he is enabled", enable(t, h, a), nil},
		{"now the second may go", disable(t, h, b), nil},
	} {
		if !errors.Is(step.err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, step.err, step.want)
		}
	}
	has("at the end", true)
}

func TestPromotionThatWasCutShortIsMendedByRepeatingIt(t *testing.T) {
	h := rulestest.Open(t)
	a, b := h.AddStranger(admin), h.AddStranger()
	b.Roles = []string{user, admin} // written, and then the process died
	if _, err := h.Store.ReplaceUser(t.Context(), b, true); err != nil {
		t.Fatal(err)
	}
	if err := roles(t, h, a, user); !errors.Is(err, account.ErrLastAdmin) {
		t.Errorf("one who is not listed counted: %v", err)
	}
	if err := errors.Join(roles(t, h, b, admin), roles(t, h, a, user)); err != nil {
		t.Error(err)
	}
}

// stalled stops a demotion between its two records.
type stalled struct {
	account.Store
	stop func()
	once bool
}

func (s *stalled) PutAdmins(ctx context.Context, a account.Admins) error {
	err := s.Store.PutAdmins(ctx, a)
	if !s.once {
		s.once = true
		s.stop()
	}
	return err
}

func TestPromotionInTheMiddleOfADemotionDoesNotLetAThirdCountOnIt(t *testing.T) {
	h := rulestest.Open(t)
	a, b := h.AddStranger(admin), h.AddStranger(admin)
	slow := *h.Accounts
	slow.Store = &stalled{Store: h.Store, stop: func() {
		if err := roles(t, h, b, admin); err != nil { // says nothing new, but lists him again
			t.Error(err)
		}
		if err := roles(t, h, a, user); err != nil {
			t.Error(err)
		}
	}}
	_, _, err := slow.SetRoles(t.Context(), b.ID, []string{user})
	if !errors.Is(err, account.ErrLastAdmin) {
		t.Errorf("the demotion went on with %v", err)
	}
	if left := admins(t, h); len(left) != 1 || left[0] != b.ID {
		t.Errorf("admins left: %v", left)
	}
}

func TestPromotionsAndDemotionsAtOnceLeaveAnAdminWhoIsListed(t *testing.T) {
	h := rulestest.Open(t)
	team := []account.User{h.AddStranger(admin), h.AddStranger(admin), h.AddStranger(admin)}
	for round := range 100 {
		acts := []func() error{
			func() error { return roles(t, h, team[round%3], user) },
			func() error { return roles(t, h, team[round%3], admin) },
			func() error { return roles(t, h, team[(round+1)%3], user) },
			func() error { return disable(t, h, team[(round+2)%3]) },
			func() error { return enable(t, h, team[(round+2)%3]) },
		}
		for _, err := range rulestest.Race(len(acts), func(i int) error { return acts[i]() }) {
			if err != nil && !errors.Is(err, account.ErrLastAdmin) {
				t.Fatal(err)
			}
		}
		left := admins(t, h)
		ok, err := h.Accounts.HasAdmin(t.Context())
		if len(left) == 0 || !ok || err != nil {
			t.Fatalf("round %d: admins %v, listed one %t, %v", round, left, ok, err)
		}
		if round%10 == 9 {
			for _, u := range team {
				if err := errors.Join(enable(t, h, u), roles(t, h, u, admin)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestUnknownUserIsNotFound(t *testing.T) {
	h := rulestest.Open(t)
	nobody := account.User{ID: "usr_none"}
	for i, err := range []error{roles(t, h, nobody, user), roles(t, h, nobody, admin), disable(t, h, nobody), enable(t, h, nobody)} {
		if fmt.Sprint(err) == "" || err == nil {
			t.Errorf("act %d: %v", i, err)
		}
	}
}
