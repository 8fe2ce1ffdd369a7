package signin_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

func TestDeletedAccountLeavesIdsAndEnds(t *testing.T) {
	for name, by := range map[string]string{"by himself": wire.BySelf, "by staff": wire.ByAdmin} {
		t.Run(name, func(t *testing.T) {
			h := rulestest.Open(t)
			u := h.AddUser(email)
			earlier, own, other := login(t, h), login(t, h), login(t, h)
			if err := h.SignIn.Logout(t.Context(), earlier.Session, ""); err != nil {
				t.Fatal(err)
			}
			h.Deliver()
			if _, err := h.SignIn.Ticket(t.Context(), u.ID, own.Session.ID); err != nil {
				t.Fatal(err)
			}
			do := func() error { return h.SignIn.Delete(t.Context(), actor(own)) }
			if by == wire.ByAdmin {
				do = func() error { return h.Staff.Delete(t.Context(), shell, u.ID, why) }
			}
			if err := do(); err != nil {
				t.Fatal(err)
			}
			ended(t, h, own.Session.ID, "account_disabled", by)
			if by == wire.BySelf {
				ended(t, h, other.Session.ID, "account_disabled", wire.ByUser)
			}
			for _, x := range []session.Issued{own, other} {
				if _, err := h.Guard.Token(x.AccessToken); codeOf(err) != "session_revoked" {
					t.Errorf("an access token: %v", err)
				}
				_, err := h.Sessions.Refresh(t.Context(), x.RefreshToken, session.Body, rulestest.Visit)
				if frame, ok := session.EndOf(err); !ok || frame.Reason != "account_disabled" {
					t.Errorf("a refresh: %v", err)
				}
			}
			left := h.Account(u.ID)
			if !left.Disabled || left.AuthVersion != u.AuthVersion+1 || left.Epoch != u.Epoch+1 || left.PurgeAt.IsZero() {
				t.Errorf("left %+v", left)
			}
			records := []any{left, h.Record(own.Session.ID), h.Record(other.Session.ID), h.Record(earlier.Session.ID)}
			for _, personal := range []string{"ada@", "Ada", "argon2id", "192.0.2.7", `"browser":"F`, "agent/1"} {
				for _, r := range records {
					s, _ := r.(session.Session)
					if data, _ := json.Marshal([]any{r, s.IP, s.UserAgent, s.Location}); strings.Contains(string(data), personal) {
						t.Errorf("%q is left in %s", personal, data)
					}
				}
			}
			h.None("of a deletion")
			if row := only(t, h, audit.UserDeleted); row.Target.ID != u.ID {
				t.Errorf("row %+v", row)
			}
			if _, err := h.SignIn.Login(t.Context(), email, rulestest.Password, rulestest.Entry); !errors.Is(err, account.ErrInvalidCredentials) {
				t.Errorf("sign-in: %v", err)
			}
			if _, err := h.Staff.Enable(t.Context(), shell, u.ID, why); !errors.Is(err, fault.ErrNotFound) {
				t.Errorf("enabling what is gone: %v", err)
			}
			if err := h.Staff.Delete(t.Context(), shell, u.ID, why); !errors.Is(err, fault.ErrNotFound) {
				t.Errorf("deleting again: %v", err)
			}
			if again := h.AddUser(email); again.ID == u.ID {
				t.Error("the address brought the old account back")
			}
			h.Advance(48 * time.Hour)
			if err := h.Store.Purge(t.Context(), h.Time()); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Store.User(t.Context(), u.ID); !errors.Is(err, fault.ErrNotFound) {
				t.Errorf("two days later: %v", err)
			}
		})
	}
}

func TestLastAdminIsNotDeleted(t *testing.T) {
	h := rulestest.Open(t)
	root := h.AddUser(email, account.RoleAdmin)
	x := login(t, h)
	for _, err := range []error{h.SignIn.Delete(t.Context(), actor(x)), h.Staff.Delete(t.Context(), shell, root.ID, why)} {
		if !errors.Is(err, account.ErrLastAdmin) {
			t.Errorf("answer %v", err)
		}
	}
	if h.Record(x.Session.ID).Ended() || h.Account(root.ID).Disabled {
		t.Error("half deleted")
	}
	h.AddUser("next@example.com", account.RoleAdmin)
	if err := h.SignIn.Delete(t.Context(), actor(x)); err != nil {
		t.Error(err)
	}
}

// TestDeletionThatBrokeOffIsFinishedByStaff: disabled is as far as it came.
func TestDeletionThatBrokeOffIsFinishedByStaff(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddUser(email)
	if _, _, err := h.Accounts.SetDisabled(t.Context(), u.ID, true); err != nil {
		t.Fatal(err)
	}
	if err := h.Staff.Delete(t.Context(), shell, u.ID, why); err != nil {
		t.Fatal(err)
	}
	if left := h.Account(u.ID); left.Email != "" || left.AuthVersion != u.AuthVersion+1 {
		t.Errorf("left %+v", left)
	}
}
