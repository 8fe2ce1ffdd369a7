package signin_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
)

// again shows the passkey on the session.
func (g *guarded) again(x session.Issued) (session.Issued, error) {
	g.t.Helper()
	c, err := g.SignIn.PasskeyAgain(g.t.Context(), actor(x))
	if err != nil {
		g.t.Fatal(err)
	}
	return g.SignIn.ReauthenticateByPasskey(g.t.Context(), actor(x), c.Secret, g.key.Show(c.Options))
}

// owing is a session of the user from before he had a factor.
func (g *guarded) owing(amr ...string) session.Issued {
	g.t.Helper()
	x, err := g.Sessions.Start(g.t.Context(), session.Start{
		User: g.Account(g.own.User.ID), Transport: session.Body, Name: "Phone", AMR: amr, AAL: 1, Visit: rulestest.Visit,
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return x
}

func (g *guarded) byCode(code string) func(session.Issued) (session.Issued, error) {
	return func(x session.Issued) (session.Issued, error) {
		return g.SignIn.ReauthenticateByCode(g.t.Context(), actor(x), code)
	}
}

func TestAPasswordRenewsAuthTimeButNotTheAssurance(t *testing.T) {
	g := guard(t)
	for aal, x := range map[int]session.Issued{1: g.owing("pwd"), 2: g.own} {
		g.Advance(time.Hour)
		out, err := g.SignIn.Reauthenticate(t.Context(), actor(x), rulestest.Password)
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Guard.Token(out.AccessToken)
		if err != nil || p.AAL != aal || !p.AuthTime.Equal(g.Time().Truncate(time.Second)) || (p.Owes == "mfa") != (aal == 1) {
			t.Errorf("aal %d: token of %+v, %v", aal, p, err)
		}
		if out.Session.ID != x.Session.ID || out.RefreshToken != "" || p.Generation != x.Session.Refresh.Generation {
			t.Error("the session, its generation or its refresh token changed")
		}
	}
}

func TestASecondFactorPaysWhatASessionOwes(t *testing.T) {
	g := guard(t)
	for name, c := range map[string]struct {
		show func(session.Issued) (session.Issued, error)
		amr  []string
	}{
		"code":          {g.byCode(g.Code(g.secret)), []string{"pwd", "otp", "mfa"}},
		"recovery code": {g.byCode(g.recovery[4]), []string{"pwd", "recovery", "mfa"}},
		"passkey":       {g.again, []string{"pwd", "passkey", "mfa"}},
	} {
		x := g.owing("pwd")
		if p, err := g.Guard.Token(x.AccessToken); err != nil || p.Owes != "mfa" {
			t.Fatalf("%s: a session of aal 1 owes %q, %v", name, p.Owes, err)
		}
		out, err := c.show(x)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for which, raw := range map[string]string{"the new token": out.AccessToken, "the token it had": x.AccessToken} {
			if p, err := g.Guard.Token(raw); err != nil || p.AAL != 2 || p.Owes != "" {
				t.Errorf("%s, %s: %+v, %v", name, which, p, err)
			}
		}
		if !slices.Equal(out.Session.AMR, c.amr) {
			t.Errorf("%s: amr %v", name, out.Session.AMR)
		}
		if r := g.Renewals(); r[len(r)-1].SessionID != x.Session.ID || r[len(r)-1].AAL != 2 {
			t.Errorf("%s: its sockets heard %+v", name, r[len(r)-1])
		}
		y, err := g.Sessions.Refresh(t.Context(), x.RefreshToken, session.Body, rulestest.Visit)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := g.Guard.Token(y.AccessToken); err != nil || p.AAL != 2 || p.Owes != "" {
			t.Errorf("%s, after a refresh: %+v, %v", name, p, err)
		}
	}
}

func TestAnUnverifiedPasskeyIsNoSecondFactorBesideItself(t *testing.T) {
	g := guard(t)
	g.key.Auth.Options.UserNotVerified = true
	if out, err := g.again(g.owing("passkey")); err != nil || out.Session.AAL != 1 {
		t.Errorf("on a session that began with it: aal %d, %v", out.Session.AAL, err)
	}
	if out, err := g.again(g.owing("google")); err != nil || out.Session.AAL != 2 {
		t.Errorf("on a session that began elsewhere: aal %d, %v", out.Session.AAL, err)
	}
	g.key.Auth.Options.UserNotVerified = false
	if out, err := g.again(g.owing("passkey")); err != nil || out.Session.AAL != 2 {
		t.Errorf("verified: aal %d, %v", out.Session.AAL, err)
	}
}

func TestWhatIsWrongChangesNothing(t *testing.T) {
	g := guard(t)
	x := g.owing("pwd")
	before := g.Record(x.Session.ID)
	c, err := g.SignIn.PasskeyAgain(t.Context(), actor(x))
	if err != nil {
		t.Fatal(err)
	}
	shown := g.key.Show(c.Options)
	for name, tt := range map[string]struct {
		show func() error
		want *fault.Error
	}{
		"password": {func() error { _, err := g.SignIn.Reauthenticate(t.Context(), actor(x), "wrong"); return err }, account.ErrInvalidCredentials},
		"code":     {func() error { _, err := g.byCode("000000")(x); return err }, factor.ErrInvalidCode},
		"recovery": {func() error { _, err := g.byCode("aaaa")(x); return err }, factor.ErrInvalidCode},
		"passkey": {func() error {
			c, err := g.SignIn.PasskeyAgain(t.Context(), actor(x))
			if err == nil {
				_, err = g.SignIn.ReauthenticateByPasskey(t.Context(), actor(x), c.Secret, []byte("{}"))
			}
			return err
		}, factor.ErrInvalidCode},
		"spent ceremony": {func() error {
			_, _ = g.SignIn.ReauthenticateByPasskey(t.Context(), actor(x), c.Secret, nil)
			_, err := g.SignIn.ReauthenticateByPasskey(t.Context(), actor(x), c.Secret, shown)
			return err
		}, grant.ErrExpired},
	} {
		if err := tt.show(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if after := g.Record(x.Session.ID); after.Version != before.Version || after.AAL != 1 {
		t.Errorf("the session is now %+v", after)
	}
}

func TestAnEndedSessionIsNotRaised(t *testing.T) {
	g := guard(t)
	x := g.owing("pwd")
	if _, _, err := g.Sessions.End(t.Context(), x.Session.ID, kick); err != nil {
		t.Fatal(err)
	}
	for name, show := range map[string]func(session.Issued) (session.Issued, error){"code": g.byCode(g.Code(g.secret)), "passkey": g.again} {
		if _, err := show(x); fault.CodeOf(err) != "session_revoked" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := g.Record(x.Session.ID); s.AAL != 1 {
		t.Error("it is raised")
	}
}

func TestWaysToStepUp(t *testing.T) {
	google := []account.Identity{{Provider: "google", Subject: "1"}}
	key := []account.Passkey{{ID: "pky_1"}}
	app := &account.TOTP{ConfirmedAt: rulestest.Epoch}
	for name, tt := range map[string]struct {
		u    account.User
		owes bool
		want []string
	}{
		"a password":                 {account.User{PasswordHash: "x"}, false, []string{"password"}},
		"a password and factors":     {account.User{PasswordHash: "x", TOTP: app, Passkeys: key, RecoveryCodes: []string{"y"}}, false, []string{"password", "totp", "recovery_code", "passkey"}},
		"what is owed":               {account.User{PasswordHash: "x", TOTP: app, Identities: google}, true, []string{"totp"}},
		"a provider alone":           {account.User{Identities: google}, false, []string{"google"}},
		"a provider and an app":      {account.User{Identities: google, TOTP: app}, false, []string{"totp", "google"}},
		"a provider and a passkey":   {account.User{Identities: google, Passkeys: key}, false, []string{"passkey"}},
		"an app that is only begun":  {account.User{PasswordHash: "x", TOTP: &account.TOTP{}}, false, []string{"password"}},
		"an aal that nobody can pay": {account.User{PasswordHash: "x"}, true, []string{}},
	} {
		if got := signin.StepUpMethods(tt.u, tt.owes); !slices.Equal(got, tt.want) || got == nil {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
