package signin_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
)

// guarded is a user with a password, an authenticator app, recovery codes and a passkey, and the session that set
// them up.
type guarded struct {
	*rulestest.House
	t        testing.TB
	own      session.Issued
	secret   string
	recovery []string
	key      *rulestest.Passkey
}

func guard(t testing.TB, flags ...string) *guarded {
	t.Helper()
	h := rulestest.Open(t, flags...)
	h.AddUser(email)
	g := &guarded{House: h, t: t, own: login(t, h)}
	g.secret, g.recovery = h.AddTOTP(g.own)
	g.key = h.AddPasskey(g.own)
	return g
}

// challenge signs in by password as far as that goes.
func (g *guarded) challenge() string {
	g.t.Helper()
	out, err := g.SignIn.Login(g.t.Context(), email, rulestest.Password, signin.Entry{Transport: session.Cookie, DeviceName: "Tablet", Visit: rulestest.Visit})
	if err != nil || out.Challenge == nil || out.Issued.AccessToken != "" || out.Issued.RefreshToken != "" || out.Issued.Session.ID != "" {
		g.t.Fatalf("signed in by password alone: %+v, %v", out, err)
	}
	return out.Challenge.Token
}

func (g *guarded) payTOTP(token string) (session.Issued, error) {
	return g.SignIn.PayTOTP(g.t.Context(), token, g.Code(g.secret), rulestest.Entry)
}

// payPasskey shows the passkey for a challenge.
func (g *guarded) payPasskey(token string) (session.Issued, error) {
	c, err := g.SignIn.PasskeyForChallenge(g.t.Context(), token)
	if err != nil {
		return session.Issued{}, err
	}
	return g.SignIn.PayPasskey(g.t.Context(), token, c.Secret, g.key.Show(c.Options), rulestest.Entry)
}

// enter signs in by the passkey alone.
func (g *guarded) enter() (signin.Outcome, error) {
	g.t.Helper()
	c, err := g.Factors.BeginSignIn(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	return g.SignIn.PasskeyLogin(g.t.Context(), c.Secret, g.key.Show(c.Options), rulestest.Entry)
}

func TestAPasswordGivesNoMoreThanAChallengeWhereThereIsAFactor(t *testing.T) {
	g := guard(t)
	out, err := g.SignIn.Login(t.Context(), email, rulestest.Password, rulestest.Entry)
	if err != nil || out.Challenge == nil || !slices.Equal(out.Challenge.Methods, []string{"totp", "recovery_code", "passkey"}) {
		t.Fatalf("%+v, %v", out, err)
	}
	if n := g.Live(g.own.User.ID); n != 1 {
		t.Errorf("%d sessions; the one that was there is all there should be", n)
	}
	if rows := g.Events(audit.Query{Action: audit.SignedIn}); len(rows) != 1 {
		t.Errorf("%d rows say that somebody signed in", len(rows))
	}
}

func TestEachMethodPaysAChallengeOnce(t *testing.T) {
	g := guard(t)
	for name, c := range map[string]struct {
		pay func(token string) (session.Issued, error)
		amr []string
	}{
		"totp": {g.payTOTP, []string{"pwd", "otp", "mfa"}},
		"recovery code": {func(token string) (session.Issued, error) {
			return g.SignIn.PayRecoveryCode(t.Context(), token, g.recovery[2], rulestest.Entry)
		}, []string{"pwd", "recovery", "mfa"}},
		"passkey": {g.payPasskey, []string{"pwd", "passkey", "mfa"}},
	} {
		token := g.challenge()
		x, err := c.pay(token)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s := g.Record(x.Session.ID); s.AAL != 2 || !slices.Equal(s.AMR, c.amr) || s.Transport != session.Cookie || s.Name != "Tablet" {
			t.Errorf("%s: session %+v; want %v, and transport and name of the first step", name, s, c.amr)
		}
		if p, err := g.Guard.Token(x.AccessToken); err != nil || p.AAL != 2 || p.Owes != "" {
			t.Errorf("%s: token of %+v, %v", name, p, err)
		}
		g.Advance(rulestest.Step)
		if _, err := g.payTOTP(token); !errors.Is(err, grant.ErrExpired) {
			t.Errorf("%s: the challenge again: %v", name, err)
		}
	}
	if u := g.Account(g.own.User.ID); len(u.RecoveryCodes) != 9 {
		t.Errorf("%d recovery codes left", len(u.RecoveryCodes))
	}
}

func TestFiveWrongCodesEndAChallenge(t *testing.T) {
	g := guard(t)
	token := g.challenge()
	for i := range signin.MFATries {
		if _, err := g.SignIn.PayRecoveryCode(t.Context(), token, "aaaa-bbbb-cccc-dddd", rulestest.Entry); !errors.Is(err, factor.ErrInvalidCode) {
			t.Fatalf("try %d: %v", i+1, err)
		}
	}
	if _, err := g.payTOTP(token); !errors.Is(err, grant.ErrExpired) {
		t.Errorf("a right code after five wrong ones: %v", err)
	}
	rows := g.Events(audit.Query{Action: audit.SignInFailed})
	if len(rows) != signin.MFATries || rows[0].UserID != g.own.User.ID || rows[0].Outcome != audit.Failure {
		t.Errorf("%d rows of refused sign-ins", len(rows))
	}
	token = g.challenge()
	for range signin.MFATries - 1 {
		_, _ = g.SignIn.PayRecoveryCode(t.Context(), token, "x", rulestest.Entry)
	}
	if _, err := g.payTOTP(token); err != nil {
		t.Errorf("a right code at the fifth try: %v", err)
	}
}

func TestAChallengeLivesFiveMinutes(t *testing.T) {
	g := guard(t)
	early, late := g.challenge(), g.challenge()
	g.Advance(signin.MFALife - 1)
	if _, err := g.payTOTP(early); err != nil {
		t.Errorf("just before its end: %v", err)
	}
	g.Advance(1)
	if _, err := g.payPasskey(late); !errors.Is(err, grant.ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
}

func TestWhateverChangesTheAccountEndsPendingChallenges(t *testing.T) {
	g := guard(t)
	u := g.own.User
	for name, change := range map[string]func() error{
		"a new password": func() error {
			return g.SignIn.ChangePassword(t.Context(), actor(g.own), rulestest.Password, rulestest.Password)
		},
		"one more passkey":   func() error { g.AddPasskey(g.own); return nil },
		"new recovery codes": func() error { _, err := g.SignIn.NewRecoveryCodes(t.Context(), actor(g.own)); return err },
		"disabled and enabled": func() error {
			_, err := g.Staff.Disable(t.Context(), shell, u.ID, why)
			_, err2 := g.Staff.Enable(t.Context(), shell, u.ID, why)
			return errors.Join(err, err2)
		},
	} {
		own := g.Enter(g.Account(u.ID))
		g.own = own
		token := g.challenge()
		before := g.Live(u.ID)
		if err := change(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := g.payTOTP(token); !errors.Is(err, grant.ErrExpired) {
			t.Errorf("paid after %s: %v", name, err)
		}
		if n := g.Live(u.ID); n > before {
			t.Errorf("%s: %d sessions, there were %d", name, n, before)
		}
		g.Advance(rulestest.Step)
	}
}

func TestAPasskeyThatVerifiesItsUserIsTwoFactors(t *testing.T) {
	g := guard(t)
	out, err := g.enter()
	if err != nil || out.Challenge != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	if s := g.Record(out.Issued.Session.ID); s.AAL != 2 || !slices.Equal(s.AMR, []string{"passkey", "mfa"}) {
		t.Errorf("session %+v", s)
	}
}

func TestAPasskeyThatDoesNotVerifyItsUserIsOne(t *testing.T) {
	g := guard(t)
	first := func() string {
		g.key.Auth.Options.UserNotVerified = true
		out, err := g.enter()
		if err != nil || out.Challenge == nil || out.Issued.Session.ID != "" {
			t.Fatalf("%+v, %v", out, err)
		}
		return out.Challenge.Token
	}
	token := first()
	if _, err := g.payPasskey(token); !errors.Is(err, factor.ErrInvalidCode) {
		t.Errorf("the same passkey, again unverified: %v", err)
	}
	g.key.Auth.Options.UserNotVerified = false
	if x, err := g.payPasskey(token); err != nil || !slices.Equal(x.Session.AMR, []string{"passkey", "mfa"}) {
		t.Errorf("the same passkey, verified now: %+v, %v", x.Session, err)
	}
	if x, err := g.payTOTP(first()); err != nil || !slices.Equal(x.Session.AMR, []string{"passkey", "otp", "mfa"}) {
		t.Errorf("a code: %+v, %v", x.Session, err)
	}
}

func TestAPasskeyOfADisabledUserIsRefusedAsAnyOther(t *testing.T) {
	g := guard(t)
	if _, err := g.Staff.Disable(t.Context(), shell, g.own.User.ID, why); err != nil {
		t.Fatal(err)
	}
	if _, err := g.enter(); !errors.Is(err, account.ErrInvalidCredentials) {
		t.Errorf("%v", err)
	}
	if row := only(t, g.House, audit.SignInFailed); row.UserID != g.own.User.ID || row.Actor.Kind != "address" {
		t.Errorf("row %+v", row)
	}
	if n := g.Live(g.own.User.ID); n != 0 {
		t.Errorf("%d sessions live", n)
	}
}
