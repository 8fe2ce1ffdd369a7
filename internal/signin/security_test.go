package signin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
)

var (
	shell = staff.Shell
	why   = staff.Why{}
	kick  = session.Ending{Reason: "kicked", By: wire.By{Kind: wire.ByAdmin}, Actor: audit.Party{Kind: "shell"}}
)

func TestThreat08_RefreshAfterPasswordChangeAndDisable(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddUser(email)
	own, stolen := login(t, h), login(t, h)
	if err := h.SignIn.ChangePassword(t.Context(), actor(own), rulestest.Password, next); err != nil {
		t.Fatal(err)
	}
	refuse := func(x session.Issued, reason string) {
		t.Helper()
		_, err := h.Sessions.Refresh(t.Context(), x.RefreshToken, session.Body, rulestest.Visit)
		if frame, ok := session.EndOf(err); !ok || fault.CodeOf(err) != "session_revoked" || frame.Reason != reason {
			t.Errorf("refresh: %v, want %s", err, reason)
		}
		if _, err := h.Guard.Token(x.AccessToken); fault.CodeOf(err) != "session_revoked" {
			t.Errorf("access token: %v", err)
		}
	}
	refuse(stolen, "credentials_changed")
	if _, err := h.Staff.Disable(t.Context(), shell, u.ID, why); err != nil {
		t.Fatal(err)
	}
	refuse(own, "account_disabled")
	if _, err := h.SignIn.Login(t.Context(), email, next, rulestest.Entry); !errors.Is(err, account.ErrInvalidCredentials) {
		t.Errorf("sign-in: %v", err)
	}
	if _, err := h.Staff.Enable(t.Context(), shell, u.ID, why); err != nil {
		t.Fatal(err)
	}
	refuse(own, "account_disabled") // what has ended stays ended
}

func TestThreat10_PlantedCookieIsNeverTheSessionAfterSignIn(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	attacker := h.AddUser("mallory@example.com")
	cookie := func(email, with string) session.Issued {
		x, err := h.SignIn.Login(t.Context(), email, rulestest.Password, signin.Entry{Transport: session.Cookie, Cookie: with, Visit: rulestest.Visit})
		if err != nil {
			t.Fatal(err)
		}
		return x.Issued
	}
	planted := cookie(attacker.Email, "")
	victim := cookie(email, planted.RefreshToken)
	if victim.Session.ID == planted.Session.ID || victim.RefreshToken == planted.RefreshToken || victim.Session.UserID == attacker.ID {
		t.Fatal("the planted session became the victim's")
	}
	ended(t, h, planted.Session.ID, "signed_out", wire.BySelf)
	if _, err := h.Sessions.Refresh(t.Context(), planted.RefreshToken, session.Cookie, rulestest.Visit); fault.CodeOf(err) != "session_revoked" {
		t.Errorf("the planted cookie afterwards: %v", err)
	}
}

func TestThreat11_EndingOtherPeoplesSessionsIsNotFound(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	victim := login(t, h)
	attacker := h.Enter(h.AddStranger())
	for _, id := range []string{victim.Session.ID, "ses_none", "", strings.Repeat("x", 10_000)} {
		if err := h.SignIn.EndOwn(t.Context(), actor(attacker), id); !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("session %.20q: %v", id, err)
		}
	}
	if h.Record(victim.Session.ID).Ended() {
		t.Error("the session ended")
	}
}

func TestThreat15_TicketTwiceOrLateOrOfAnEndedSession(t *testing.T) {
	h := rulestest.Open(t)
	x := h.Enter(h.AddStranger())
	ticket := func() string {
		t.Helper()
		secret, err := h.SignIn.Ticket(t.Context(), x.User.ID, x.Session.ID)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	redeem := func(secret, want string) {
		t.Helper()
		if _, _, err := h.SignIn.RedeemTicket(t.Context(), secret); fault.CodeOf(err) != want {
			t.Errorf("ticket: %v, want %q", err, want)
		}
	}
	once := ticket()
	redeem(once, "")
	redeem(once, "grant_expired")

	shared, won := ticket(), 0
	for _, err := range rulestest.Race(16, func(int) error {
		_, _, err := h.SignIn.RedeemTicket(t.Context(), shared)
		return err
	}) {
		if err == nil {
			won++
		} else if !errors.Is(err, grant.ErrExpired) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d of 16 redeemed one ticket", won)
	}

	late := ticket()
	h.Advance(signin.TicketLife - time.Millisecond)
	kept := ticket()
	h.Advance(time.Millisecond)
	redeem(late, "grant_expired")
	if _, _, err := h.Sessions.End(t.Context(), x.Session.ID, kick); err != nil {
		t.Fatal(err)
	}
	redeem(kept, "session_revoked")
}

func TestThreat24_FailingSignInsHarmNoSessionOfTheVictim(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddUser(email)
	x := login(t, h)
	u = h.Account(u.ID) // with the device that he signed in from
	for range 8 {
		if _, err := h.SignIn.Login(t.Context(), email, "guess after guess", rulestest.Entry); !errors.Is(err, account.ErrInvalidCredentials) {
			t.Fatal(err)
		}
	}
	if _, err := h.Guard.Token(x.AccessToken); err != nil {
		t.Errorf("access token: %v", err)
	}
	if _, err := h.Sessions.Refresh(t.Context(), x.RefreshToken, session.Body, rulestest.Visit); err != nil {
		t.Errorf("refresh: %v", err)
	}
	if got := h.Account(u.ID); got.Version != u.Version || got.Disabled {
		t.Error("failing sign-ins changed the account")
	}
	login(t, h)
}
