package staff_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

func TestThreat34_ModeratorAgainstStaff(t *testing.T) {
	h := rulestest.Open(t)
	moderator := h.AddStranger(mod)
	for name, tt := range map[string]struct {
		target account.User
		may    bool
	}{
		"an admin":          {h.AddStranger(admin), false},
		"another moderator": {h.AddStranger(mod), false},
		"both in one":       {h.AddStranger(mod, admin), false},
		"himself":           {moderator, false},
		"a user":            {h.AddStranger(), true},
	} {
		t.Run(name, func(t *testing.T) {
			x, y := h.Enter(tt.target), h.Enter(tt.target)
			errs := []error{h.Staff.EndSession(t.Context(), as(moderator), x.Session.ID, why)}
			_, err := h.Staff.EndSessions(t.Context(), as(moderator), tt.target.ID, why)
			for _, err := range append(errs, err) {
				if tt.may != (err == nil) || err != nil && !errors.Is(err, fault.ErrForbidden) {
					t.Errorf("answer %v", err)
				}
			}
			for _, id := range []string{x.Session.ID, y.Session.ID} {
				if h.Record(id).Ended() != tt.may {
					t.Errorf("ended: %t", !tt.may)
				}
			}
		})
	}
}

func TestThreat34_ModeratorAgainstSomebodyJustPromoted(t *testing.T) {
	h := rulestest.Open(t)
	moderator, u := h.AddStranger(mod), h.AddStranger()
	x := h.Enter(u)
	if _, _, err := h.Accounts.SetRoles(t.Context(), u.ID, []string{mod}); err != nil {
		t.Fatal(err)
	}
	if err := h.Staff.EndSession(t.Context(), as(moderator), x.Session.ID, why); !errors.Is(err, fault.ErrForbidden) {
		t.Errorf("answer %v", err)
	}
}

func TestThreat34_LastAdminAgainstHimself(t *testing.T) {
	h := rulestest.Open(t)
	root := h.AddStranger(admin)
	x := h.Enter(root)
	_, demoted := h.Staff.SetRoles(t.Context(), as(root), root.ID, []string{mod}, why)
	_, disabled := h.Staff.Disable(t.Context(), as(root), root.ID, why)
	for _, err := range []error{demoted, disabled} {
		if !errors.Is(err, account.ErrLastAdmin) {
			t.Errorf("answer %v", err)
		}
	}
	if h.Record(x.Session.ID).Ended() {
		t.Error("his session ended all the same")
	}
	if rows := h.Events(audit.Query{Target: root.ID}); len(rows) != 0 {
		t.Errorf("recorded as done: %+v", rows)
	}
}
