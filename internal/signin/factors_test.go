package signin_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

func TestEnrolmentRaisesItsSessionAndTheOthersOwe(t *testing.T) {
	for name, enrol := range map[string]func(h *rulestest.House, x session.Issued){
		"totp":    func(h *rulestest.House, x session.Issued) { h.AddTOTP(x) },
		"passkey": func(h *rulestest.House, x session.Issued) { h.AddPasskey(x) },
	} {
		h := rulestest.Open(t)
		h.AddUser(email)
		own, other := login(t, h), login(t, h)
		before := len(h.Announced())
		enrol(h, own)
		if p, err := h.Guard.Token(own.AccessToken); err != nil || p.AAL != 2 || p.Owes != "" {
			t.Errorf("%s, the own token: %+v, %v", name, p, err)
		}
		if p, err := h.Guard.Token(other.AccessToken); err != nil || p.AAL != 1 || p.Owes != "mfa" {
			t.Errorf("%s, the token of another session: %+v, %v", name, p, err)
		}
		if h.Record(other.Session.ID).Ended() || h.Record(own.Session.ID).AAL != 2 {
			t.Errorf("%s ended a session or raised none", name)
		}
		raised := false
		for _, c := range h.Announced()[before:] {
			if raised = raised || c.SessionID == own.Session.ID && c.AAL == 2; len(c.Methods) > 0 && !raised {
				t.Errorf("%s: the factor was announced before its session was raised: its sockets would be asked for it", name)
			}
		}
		for i, x := range []session.Issued{own, other} {
			y, err := h.Sessions.Refresh(t.Context(), x.RefreshToken, session.Body, rulestest.Visit)
			if err != nil {
				t.Fatal(err)
			}
			if p, _ := h.Guard.Token(y.AccessToken); (p.Owes == "mfa") != (i == 1) || p.AAL != 2-i {
				t.Errorf("%s, after a refresh: %+v", name, p)
			}
		}
		if row := only(t, h, audit.FactorAdded); row.UserID != own.User.ID || row.Details["factor"] != name {
			t.Errorf("row %+v", row)
		}
	}
}

func TestFactorsAreTakenAwayAndRecorded(t *testing.T) {
	g := guard(t)
	if err := g.SignIn.RemoveTOTP(t.Context(), actor(g.own)); err != nil {
		t.Fatal(err)
	}
	if err := g.SignIn.RemoveTOTP(t.Context(), actor(g.own)); err != nil {
		t.Errorf("without one: %v", err)
	}
	if row := only(t, g.House, audit.FactorRemoved); row.Details["factor"] != "totp" {
		t.Errorf("row %+v", row)
	}
	if out, err := g.SignIn.Login(t.Context(), email, rulestest.Password, rulestest.Entry); err != nil || out.Challenge == nil {
		t.Error("the passkey that is left is not asked for")
	}
	if err := g.SignIn.RemovePasskey(t.Context(), actor(g.own), g.key.Record.ID); err != nil {
		t.Fatal(err)
	}
	if err := g.SignIn.RemovePasskey(t.Context(), actor(g.own), g.key.Record.ID); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	if u := g.Account(g.own.User.ID); len(u.RecoveryCodes) != 0 || u.HasFactor() {
		t.Errorf("left: %+v", u)
	}
	login(t, g.House)
	if g.Record(g.own.Session.ID).Ended() {
		t.Error("a change of factors ended the session")
	}
}

func TestTheOnlyWayInStays(t *testing.T) {
	h := rulestest.Open(t)
	x := h.Enter(h.AddStranger())
	key := h.AddPasskey(x)
	if err := h.SignIn.RemovePasskey(t.Context(), actor(x), key.Record.ID); !errors.Is(err, account.ErrLastCredential) {
		t.Errorf("a passkey alone: %v", err)
	}
	if err := h.SignIn.ChangePassword(t.Context(), actor(x), "", next); err != nil {
		t.Fatal(err)
	}
	if err := h.SignIn.RemovePasskey(t.Context(), actor(x), key.Record.ID); err != nil {
		t.Errorf("beside a password: %v", err)
	}
}

func TestNewRecoveryCodesReplaceTheOldOnes(t *testing.T) {
	g := guard(t)
	fresh, err := g.SignIn.NewRecoveryCodes(t.Context(), actor(g.own))
	if err != nil || len(fresh) != 10 {
		t.Fatalf("%d codes, %v", len(fresh), err)
	}
	only(t, g.House, audit.RecoveryCodes)
	if _, err := g.byCode(g.recovery[0])(g.own); fault.CodeOf(err) != "invalid_code" {
		t.Errorf("an old one: %v", err)
	}
	if _, err := g.byCode(fresh[0])(g.own); err != nil {
		t.Errorf("a new one: %v", err)
	}
	bare := g.Enter(g.AddStranger())
	if _, err := g.SignIn.NewRecoveryCodes(t.Context(), actor(bare)); fault.CodeOf(err) != "conflict" {
		t.Errorf("without a factor: %v", err)
	}
}

func TestFactorResetEndsTheSessions(t *testing.T) {
	g := guard(t)
	other := g.owing("pwd")
	u, err := g.Staff.ResetFactors(t.Context(), shell, g.own.User.ID, why)
	if err != nil || u.HasFactor() || len(u.RecoveryCodes) != 0 || u.RecoveryKey != nil {
		t.Fatalf("%+v, %v", u, err)
	}
	for _, x := range []session.Issued{g.own, other} {
		ended(t, g.House, x.Session.ID, "credentials_changed", "admin")
	}
	if row := only(t, g.House, audit.FactorsReset); row.Target.ID != u.ID || row.Actor.Kind != "shell" {
		t.Errorf("row %+v", row)
	}
	login(t, g.House) // by the password alone
}
