package staff_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
)

const (
	mod   = account.RoleModerator
	admin = account.RoleAdmin
)

var why = staff.Why{Reason: "stolen laptop", Message: "call me"}

// as is the user when he acts as staff.
func as(u account.User) staff.Actor {
	return staff.Actor{UserID: u.ID, Admin: u.Has(admin), IP: "198.51.100.1"}
}

// only checks that there is one row of the action, and returns it.
func only(t *testing.T, h *rulestest.House, action string) audit.Event {
	t.Helper()
	rows := h.Events(audit.Query{Action: action})
	if len(rows) != 1 {
		t.Fatalf("%d rows of %s, want one", len(rows), action)
	}
	return rows[0]
}

// by checks who acted, on whom and why, as the audit has it.
func by(t *testing.T, row audit.Event, a staff.Actor, userID string) {
	t.Helper()
	kind := "user"
	if a.UserID == "" {
		kind = "shell"
	}
	if row.Actor != (audit.Party{Kind: kind, ID: a.UserID}) || row.UserID != userID || row.IP != a.IP || row.Reason != why.Reason || row.Outcome != audit.Success {
		t.Errorf("row %+v", row)
	}
}

func TestKickTellsThePersonTheMessageAndTheAuditTheReason(t *testing.T) {
	h := rulestest.Open(t)
	root, victim := h.AddUser("root@example.com", admin), h.AddStranger()
	x := h.Enter(victim)
	if err := h.Staff.EndSession(t.Context(), as(root), x.Session.ID, why); err != nil {
		t.Fatal(err)
	}
	frame, ok := h.Memory.Ended(x.Session.ID)
	if !ok || frame.Reason != "kicked" || frame.By != (wire.By{Kind: wire.ByAdmin, Name: root.Name}) || frame.Message != why.Message {
		t.Errorf("ended %t with %+v", ok, frame)
	}
	row := only(t, h, audit.SessionEnded)
	by(t, row, as(root), victim.ID)
	if row.Target != (audit.Party{Kind: "session", ID: x.Session.ID}) || row.Details["end_reason"] != "kicked" {
		t.Errorf("row %+v", row)
	}
	if err := h.Staff.EndSession(t.Context(), as(root), x.Session.ID, why); err != nil {
		t.Errorf("again, while it is recorded: %v", err)
	}
	only(t, h, audit.SessionEnded)
	if err := h.Staff.EndSession(t.Context(), as(root), "ses_none", why); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("of no session: %v", err)
	}
}

func TestKickFromTheShell(t *testing.T) {
	h := rulestest.Open(t)
	x := h.Enter(h.AddStranger(admin))
	if err := h.Staff.EndSession(t.Context(), staff.Shell, x.Session.ID, why); err != nil {
		t.Fatal(err)
	}
	if s := h.Record(x.Session.ID); s.EndedBy != (wire.By{Kind: wire.ByAdmin}) || s.EndReason != "kicked" {
		t.Errorf("ended by %+v with %q", s.EndedBy, s.EndReason)
	}
	by(t, only(t, h, audit.SessionEnded), staff.Shell, x.User.ID)
}

func TestEndingAllSessionsOfAUserCountsThem(t *testing.T) {
	h := rulestest.Open(t)
	root, victim, other := h.AddStranger(admin), h.AddStranger(), h.Enter(h.AddStranger())
	for range 3 {
		h.Enter(victim)
	}
	for _, want := range []int{3, 0} {
		if n, err := h.Staff.EndSessions(t.Context(), as(root), victim.ID, why); n != want || err != nil {
			t.Errorf("ended %d, %v; want %d", n, err, want)
		}
	}
	if rows := h.Events(audit.Query{Action: audit.SessionEnded}); len(rows) != 3 {
		t.Errorf("%d rows for 3 sessions", len(rows))
	}
	if h.Record(other.Session.ID).Ended() {
		t.Error("somebody else's session ended")
	}
	if _, err := h.Staff.EndSessions(t.Context(), as(root), "usr_none", why); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}

func TestAdminMayEndHisOwnSession(t *testing.T) {
	h := rulestest.Open(t)
	root := h.AddStranger(admin)
	x := h.Enter(root)
	if err := h.Staff.EndSession(t.Context(), as(root), x.Session.ID, staff.Why{}); err != nil {
		t.Fatal(err)
	}
	if s := h.Record(x.Session.ID); s.EndReason != "kicked" {
		t.Errorf("ended with %q", s.EndReason)
	}
}

func TestRolesChangeLiveAndAreRecordedOnce(t *testing.T) {
	h := rulestest.Open(t)
	root, u := h.AddStranger(admin), h.AddStranger()
	x := h.Enter(u)
	for range 2 {
		got, err := h.Staff.SetRoles(t.Context(), as(root), u.ID, []string{mod}, why)
		if err != nil || !got.Has(mod) {
			t.Fatal(got.Roles, err)
		}
	}
	row := only(t, h, audit.UserRoles)
	by(t, row, as(root), u.ID)
	if !strings.Contains(row.Details["roles"], mod) {
		t.Errorf("row %+v", row)
	}
	if h.Record(x.Session.ID).Ended() {
		t.Error("a new role ended a session")
	}
	if _, err := h.Guard.Token(x.AccessToken); !errors.Is(err, fault.ErrTokenStale) {
		t.Errorf("the old token: %v", err)
	}
	if _, err := h.Staff.SetRoles(t.Context(), as(root), u.ID, nil, why); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("no roles: %v", err)
	}
}

func TestDisabledUserIsOutAndEnabledOneMayComeBack(t *testing.T) {
	h := rulestest.Open(t)
	root, u := h.AddStranger(admin), h.AddUser("ada@example.com")
	x := h.Enter(u)
	got, err := h.Staff.Disable(t.Context(), as(root), u.ID, why)
	if err != nil || !got.Disabled {
		t.Fatal(got.Disabled, err)
	}
	if s := h.Record(x.Session.ID); s.EndReason != "account_disabled" || s.EndedBy.Kind != wire.ByAdmin || s.EndMessage != why.Message {
		t.Errorf("ended with %q by %+v: %q", s.EndReason, s.EndedBy, s.EndMessage)
	}
	by(t, only(t, h, audit.UserDisabled), as(root), u.ID)
	if _, err := h.Accounts.Authenticate(t.Context(), u.Email, rulestest.Password); !errors.Is(err, account.ErrInvalidCredentials) {
		t.Errorf("the password: %v", err)
	}

	if got, err = h.Staff.Enable(t.Context(), as(root), u.ID, why); err != nil || got.Disabled {
		t.Fatal(got.Disabled, err)
	}
	by(t, only(t, h, audit.UserEnabled), as(root), u.ID)
	now, err := h.Accounts.Authenticate(t.Context(), u.Email, rulestest.Password)
	if err != nil {
		t.Fatalf("the password: %v", err)
	}
	h.Enter(now)
	if _, err := h.Sessions.Refresh(t.Context(), x.RefreshToken, session.Body, rulestest.Visit); fault.CodeOf(err) != "session_revoked" {
		t.Errorf("the session from before: %v", err)
	}
}

func TestDisablingAgainEndsWhatACrashLeftOpen(t *testing.T) {
	h := rulestest.Open(t)
	root, u := h.AddStranger(admin), h.AddStranger()
	x := h.Enter(u)
	if _, _, err := h.Accounts.SetDisabled(t.Context(), u.ID, true); err != nil { // and then the process died
		t.Fatal(err)
	}
	if _, err := h.Staff.Disable(t.Context(), as(root), u.ID, why); err != nil {
		t.Fatal(err)
	}
	if !h.Record(x.Session.ID).Ended() {
		t.Error("the session lives on")
	}
}

// leaving is a store of users whose caller goes away once the record is written.
type leaving struct {
	account.Store
	leave func()
}

func (l leaving) ReplaceUser(ctx context.Context, u account.User, stamp bool) (account.User, error) {
	defer l.leave()
	return l.Store.ReplaceUser(ctx, u, stamp)
}

func TestDisableWhoseCallerLeavesStillEndsTheSessions(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddStranger()
	x := h.Enter(u)
	ctx, cancel := context.WithCancel(t.Context())
	accounts := *h.Accounts
	accounts.Store = leaving{h.Store, cancel}
	h.Staff.Accounts = &accounts
	if _, err := h.Staff.Disable(ctx, staff.Shell, u.ID, why); err != nil {
		t.Fatal(err)
	}
	if !h.Record(x.Session.ID).Ended() {
		t.Error("the session lives on")
	}
	only(t, h, audit.UserDisabled)
}

func TestMessagesAreRecordedByNameOnly(t *testing.T) {
	h := rulestest.Open(t)
	root, u := h.AddStranger(admin), h.AddStranger()
	h.Staff.Messaged(t.Context(), as(root), u.ID, "maintenance")
	if row := only(t, h, audit.MessageSent); row.Details["name"] != "maintenance" || row.UserID != u.ID || row.Actor.ID != root.ID {
		t.Errorf("row %+v", row)
	}
}
