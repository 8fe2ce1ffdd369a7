package rules_test

import (
	"encoding/json"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

// queued are the types of the events that wait, oldest first.
func queued(t *testing.T, h *rulestest.House) []string {
	t.Helper()
	page, err := h.Queue.List(t.Context(), outbox.Query{Kind: outbox.Webhook, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, j := range page.Jobs {
		var n struct {
			Body struct {
				Type string
				Data struct{ Reason string }
			}
		}
		if err := json.Unmarshal(j.Note, &n); err != nil {
			t.Fatal(err)
		}
		if j.RunAt.After(h.Time()) {
			t.Errorf("%s is not due", n.Body.Type)
		}
		types = append([]string{n.Body.Type + n.Body.Data.Reason}, types...)
	}
	return types
}

func TestWebhooksAreToldOfFacts(t *testing.T) {
	h := rulestest.Open(t, "--webhook-allow-private=true")
	u := h.AddUser("ada@example.com")
	if got := queued(t, h); len(got) != 0 {
		t.Fatalf("without a webhook: %v", got)
	}
	if _, _, err := h.Hooks.Create(t.Context(), webhook.Actor{}, "http://127.0.0.1:1/", webhook.Events); err != nil {
		t.Fatal(err)
	}
	x, err := h.SignIn.Login(t.Context(), u.Email, rulestest.Password, signin.Entry{Transport: session.Body, Visit: rulestest.Visit})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Staff.EndSession(t.Context(), staff.Shell, x.Issued.Session.ID, staff.Why{}); err != nil {
		t.Fatal(err)
	}
	if err := h.Staff.EndSession(t.Context(), staff.Shell, x.Issued.Session.ID, staff.Why{}); err != nil { // again: no news
		t.Fatal(err)
	}
	for _, roles := range [][]string{{account.RoleModerator}, {account.RoleModerator}} { // the second changes nothing
		if _, err := h.Staff.SetRoles(t.Context(), staff.Shell, u.ID, roles, staff.Why{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Accounts.Rename(t.Context(), u.ID, "Ada L."); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Staff.Disable(t.Context(), staff.Shell, u.ID, staff.Why{}); err != nil {
		t.Fatal(err)
	}
	want := []string{"session.started", "session.endedkicked", "user.roles_changed", "user.disabled"}
	got := queued(t, h)
	if len(got) != len(want) {
		t.Fatalf("queued %v, want %v", got, want)
	}
	seen := map[string]bool{}
	for _, e := range got {
		seen[e] = true
	}
	for _, e := range want {
		if !seen[e] {
			t.Errorf("queued %v, want %v", got, want)
		}
	}
}

func TestAPlaceThatIsMissingIsLookedForLater(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddUser("ada@example.com")
	for ip, want := range map[string]int{"8.8.8.8": 1, "127.0.0.1": 0, "10.0.0.1": 0, "": 0} {
		v := rulestest.Visit
		v.IP, v.Location = ip, nil
		if _, err := h.SignIn.Login(t.Context(), u.Email, rulestest.Password, signin.Entry{Transport: session.Body, Visit: v}); err != nil {
			t.Fatal(err)
		}
		page, err := h.Queue.List(t.Context(), outbox.Query{Kind: outbox.Location, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range page.Jobs {
			if err := h.Queue.Delete(t.Context(), j.ID); err != nil {
				t.Fatal(err)
			}
		}
		if len(page.Jobs) != want {
			t.Errorf("%q: %d jobs, want %d", ip, len(page.Jobs), want)
		}
	}
}

// Of many ends at once one comes true, and that one is told.
func TestWebhooksAreToldOfOneEndOfMany(t *testing.T) {
	h := rulestest.Open(t, "--webhook-allow-private=true")
	x := h.Enter(h.AddStranger())
	if _, _, err := h.Hooks.Create(t.Context(), webhook.Actor{}, "http://127.0.0.1:1/", []string{webhook.SessionEnded}); err != nil {
		t.Fatal(err)
	}
	for _, err := range rulestest.Race(16, func(int) error {
		return h.Staff.EndSession(t.Context(), staff.Shell, x.Session.ID, staff.Why{})
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	if got := queued(t, h); len(got) != 1 || got[0] != "session.endedkicked" {
		t.Errorf("queued %v", got)
	}
}
