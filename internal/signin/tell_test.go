package signin_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/address"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/oauth"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

func codeOf(err error) string { return fault.CodeOf(err) }

// TestOneLetterForEachChangeOfAnAccount goes through what is told, and what is not.
func TestOneLetterForEachChangeOfAnAccount(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddUser(email)
	x := login(t, h)
	h.None("before")
	does := func(what string, err error, kind, said string) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if m := h.One(kind, email); !strings.Contains(m.Subject, said) || m.Token != "" {
			t.Errorf("%s: %q", what, m.Subject)
		}
	}
	secret, err := h.Factors.BeginTOTP(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	h.None("an authenticator app that is only begun")
	if _, err := h.SignIn.ConfirmTOTP(t.Context(), actor(x), "000000"); codeOf(err) != "invalid_code" {
		t.Fatal(err)
	}
	h.None("a wrong code")
	_, err = h.SignIn.ConfirmTOTP(t.Context(), actor(x), h.Code(secret.Secret))
	does("confirm", err, mail.TOTP, "was added")
	_, err = h.SignIn.NewRecoveryCodes(t.Context(), actor(x))
	does("recovery codes", err, mail.RecoveryCodes, "recovery codes")

	key := h.NewPasskey(u)
	c, err := h.Factors.BeginPasskey(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	added, _, err := h.SignIn.AddPasskey(t.Context(), actor(x), c.Secret, "Key", key.Register(c.Options))
	does("passkey", err, mail.Passkey, "was added")
	does("remove passkey", h.SignIn.RemovePasskey(t.Context(), actor(x), added.ID), mail.Passkey, "was removed")
	does("remove app", h.SignIn.RemoveTOTP(t.Context(), actor(x)), mail.TOTP, "was removed")
	if err := h.SignIn.RemoveTOTP(t.Context(), actor(x)); err != nil {
		t.Error(err)
	}
	h.None("removing nothing")

	if _, err := h.Accounts.Change(t.Context(), u.ID, true, func(u *account.User) error {
		u.Identities = []account.Identity{{Provider: "github", Subject: "1", LinkedAt: h.Time()}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	does("unlink", h.SignIn.Unlink(t.Context(), actor(x), "github"), mail.Identity, "GitHub was unlinked")
	if err := h.SignIn.Unlink(t.Context(), actor(x), "github"); codeOf(err) != "not_found" {
		t.Error(err)
	}
	h.None("unlinking what is not linked")

	if err := h.SignIn.ChangePassword(t.Context(), actor(x), "wrong but long enough", next); codeOf(err) != "invalid_credentials" {
		t.Error(err)
	}
	h.None("a password that was not changed")
	does("password", h.SignIn.ChangePassword(t.Context(), actor(x), rulestest.Password, next), mail.PasswordChange, "password was changed")

	_, err = h.Staff.ResetFactors(t.Context(), shell, u.ID, why)
	does("reset of factors", err, mail.FactorsReset, "were removed")
	_, err = h.Staff.Disable(t.Context(), shell, u.ID, why)
	does("disable", err, mail.Disabled, "was disabled")
	if _, err := h.Staff.Disable(t.Context(), shell, u.ID, why); err != nil {
		t.Error(err)
	}
	h.None("disabling again")
}

func TestWelcomeOfThoseWhoComeInAtOnce(t *testing.T) {
	h := rulestest.Open(t)
	link, err := h.SignIn.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.SignIn.Setup(t.Context(), link, account.New{Email: "root@example.com", Password: rulestest.Password}, rulestest.Entry); err != nil {
		t.Fatal(err)
	}
	h.One(mail.Welcome, "root@example.com")
	if _, err := h.SignIn.Register(t.Context(), account.New{Email: email, Password: rulestest.Password}, rulestest.Entry); err != nil {
		t.Fatal(err)
	}
	h.One(mail.Welcome, email)
	if _, err := h.SignIn.Register(t.Context(), account.New{Email: email, Password: rulestest.Password}, rulestest.Entry); codeOf(err) != "email_taken" {
		t.Fatal(err)
	}
	h.None("a registration that was refused")
}

func TestAccountsAtProvidersAreTold(t *testing.T) {
	a := open(t)
	if _, err := a.come("nameless"); err != nil {
		t.Fatal(err)
	}
	a.One(mail.Welcome, "bob@example.com")

	a.verified()
	if _, err := a.come("ada"); err != nil { // by its address
		t.Fatal(err)
	}
	if m := a.One(mail.Identity, email); m.Subject != "Google was linked" {
		t.Errorf("%q", m.Subject)
	}
	if _, err := a.come("ada"); err != nil {
		t.Fatal(err)
	}
	a.None("of an account that is linked")
	x := a.Enter(a.AddUser("bea@example.com"))
	if err := a.link(x, "ada"); err == nil {
		t.Error("linked to two")
	}
	a.None("of a link that was refused")
	a.google.people["bea"] = oauth.Identity{Subject: "g9", Email: "bea@work.example", Verified: true}
	if err := a.link(x, "bea"); err != nil {
		t.Fatal(err)
	}
	a.One(mail.Identity, "bea@example.com")
}

// TestInvitedUserWhoComesByAProviderIsWelcome: he can use the account from then on.
func TestInvitedUserWhoComesByAProviderIsWelcome(t *testing.T) {
	a := open(t)
	if _, _, err := a.Address.Invite(t.Context(), address.Actor{}, account.New{Email: email}); err != nil {
		t.Fatal(err)
	}
	a.One(mail.Invitation, email)
	if _, err := a.come("ada"); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, m := range a.Deliver() {
		kinds[m.Kind] = m.To == email
	}
	if len(kinds) != 2 || !kinds[mail.Welcome] || !kinds[mail.Identity] {
		t.Errorf("letters %v", kinds)
	}
}

// TestThreat07_ReplayedTokenIsToldOnce: of however many replays at once.
func TestThreat07_ReplayedTokenIsToldOnce(t *testing.T) {
	h := rulestest.Open(t, "--refresh-grace=0s")
	h.AddUser(email)
	x := login(t, h)
	y, err := h.Sessions.Refresh(t.Context(), x.RefreshToken, session.Body, rulestest.Visit)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Sessions.Refresh(t.Context(), y.RefreshToken, session.Body, rulestest.Visit); err != nil {
		t.Fatal(err)
	}
	for _, err := range rulestest.Race(20, func(int) error {
		_, err := h.Sessions.Refresh(t.Context(), x.RefreshToken, session.Body, rulestest.Visit)
		return err
	}) {
		if codeOf(err) != "session_revoked" {
			t.Errorf("a replay: %v", err)
		}
	}
	if m := h.One(mail.TokenReuse, email); m.Token != "" {
		t.Errorf("it says\n%s", m.Text)
	}
	if rows := h.Events(audit.Query{Action: audit.SessionEnded}); len(rows) != 1 || rows[0].Details["end_reason"] != "token_reuse" {
		t.Errorf("rows %+v", rows)
	}
}
