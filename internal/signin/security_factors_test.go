package signin_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

// onlyOne demands that one of many got in, and the others an answer that they may get.
func onlyOne(t *testing.T, errs []error) {
	t.Helper()
	in := 0
	for _, err := range errs {
		switch {
		case err == nil:
			in++
		case !errors.Is(err, factor.ErrInvalidCode) && !errors.Is(err, grant.ErrExpired):
			t.Errorf("unexpected: %v", err)
		}
	}
	if in != 1 {
		t.Errorf("%d of %d got in", in, len(errs))
	}
}

// TestThreat25_OneCodeAtOnceForManyChallenges lets one code pay for 32 challenges, and for one challenge 32 times.
func TestThreat25_OneCodeAtOnceForManyChallenges(t *testing.T) {
	g := guard(t)
	u := g.own.User.ID
	challenges := make([]string, 32)
	for i := range challenges {
		challenges[i] = g.challenge()
	}
	code, before := g.Code(g.secret), g.Live(u)
	pay := func(token string) error {
		_, err := g.SignIn.PayTOTP(t.Context(), token, code, rulestest.Entry)
		return err
	}
	onlyOne(t, rulestest.Race(32, func(i int) error { return pay(challenges[i]) }))
	if n := g.Live(u); n != before+1 {
		t.Errorf("%d sessions, there were %d", n, before)
	}
	g.Advance(rulestest.Step)
	code = g.Code(g.secret)
	one := g.challenge()
	onlyOne(t, rulestest.Race(32, func(int) error { return pay(one) }))
	if n := g.Live(u); n != before+2 {
		t.Errorf("%d sessions, there were %d", n, before)
	}
}

func TestThreat25_TheCodeOfTheSetUpSignsNobodyIn(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	x := login(t, h)
	e, err := h.Factors.BeginTOTP(t.Context(), x.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	code := h.Code(e.Secret)
	if _, err := h.SignIn.ConfirmTOTP(t.Context(), actor(x), code); err != nil {
		t.Fatal(err)
	}
	out, err := h.SignIn.Login(t.Context(), email, rulestest.Password, rulestest.Entry)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.SignIn.PayTOTP(t.Context(), out.Challenge.Token, code, rulestest.Entry); !errors.Is(err, factor.ErrInvalidCode) {
		t.Errorf("in a sign-in: %v", err)
	}
	if _, err := h.SignIn.ReauthenticateByCode(t.Context(), actor(x), code); !errors.Is(err, factor.ErrInvalidCode) {
		t.Errorf("on a session: %v", err)
	}
}

func TestThreat28_OneRecoveryCodeAtOnceForManyChallenges(t *testing.T) {
	g := guard(t)
	challenges := make([]string, 32)
	for i := range challenges {
		challenges[i] = g.challenge()
	}
	before := g.Live(g.own.User.ID)
	onlyOne(t, rulestest.Race(32, func(i int) error {
		_, err := g.SignIn.PayRecoveryCode(t.Context(), challenges[i], g.recovery[0], rulestest.Entry)
		return err
	}))
	if n := g.Live(g.own.User.ID); n != before+1 {
		t.Errorf("%d sessions, there were %d", n, before)
	}
	if left := len(g.Account(g.own.User.ID).RecoveryCodes); left != 9 {
		t.Errorf("%d codes left", left)
	}
}

// TestThreat28_ASignInThatRacesWhatForbidsIt: whichever comes first, no session but the own one is left.
func TestThreat28_ASignInThatRacesWhatForbidsIt(t *testing.T) {
	for name, forbid := range map[string]func(g *guarded) error{
		"disable": func(g *guarded) error { _, err := g.Staff.Disable(t.Context(), shell, g.own.User.ID, why); return err },
		"password": func(g *guarded) error {
			return g.SignIn.ChangePassword(t.Context(), actor(g.own), rulestest.Password, next)
		},
		"reset": func(g *guarded) error {
			_, err := g.Staff.ResetFactors(t.Context(), shell, g.own.User.ID, why)
			return err
		},
	} {
		for range 2 {
			g := guard(t)
			token, keyed := g.challenge(), g.challenge()
			rulestest.Race(3, func(i int) (err error) {
				switch i {
				case 0:
					_, err = g.payTOTP(token)
				case 1:
					_, err = g.payPasskey(keyed)
				default:
					if err = forbid(g); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
				return err
			})
			live, err := g.Store.SessionsOf(t.Context(), g.own.User.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range live {
				if name != "password" || x.ID != g.own.Session.ID {
					t.Errorf("%s: a session survives it", name)
				}
			}
		}
	}
}

func TestThreat30_AClonedPasskeyIsRefusedAndRecorded(t *testing.T) {
	g := guard(t)
	if _, err := g.enter(); err != nil {
		t.Fatal(err)
	}
	g.key.Cred.Counter = 0
	if _, err := g.enter(); !errors.Is(err, account.ErrInvalidCredentials) {
		t.Errorf("signing in: %v", err)
	}
	g.key.Cred.Counter = 0
	if _, err := g.payPasskey(g.challenge()); !errors.Is(err, factor.ErrInvalidCode) {
		t.Errorf("as second factor: %v", err)
	}
	g.key.Cred.Counter = 0
	if _, err := g.again(g.own); !errors.Is(err, factor.ErrInvalidCode) {
		t.Errorf("once more on a session: %v", err)
	}
	rows := g.Events(audit.Query{Action: audit.PasskeyCloned})
	if len(rows) != 3 || rows[0].UserID != g.own.User.ID || rows[0].Outcome != audit.Failure {
		t.Errorf("%d rows, %+v", len(rows), rows)
	}
}

func TestThreat30_APasskeyPaysNoChallengeOfSomebodyElse(t *testing.T) {
	g := guard(t)
	other := g.AddUser("mallory@example.com")
	mallory := g.Enter(other)
	theirs := g.AddPasskey(mallory)
	token := g.challenge()
	c, err := g.SignIn.PasskeyForChallenge(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	theirs.Auth.Options.UserHandle = []byte(g.own.User.ID)
	if _, err := g.SignIn.PayPasskey(t.Context(), token, c.Secret, theirs.Show(c.Options), rulestest.Entry); !errors.Is(err, factor.ErrInvalidCode) {
		t.Errorf("a foreign passkey: %v", err)
	}
	begun, err := g.SignIn.PasskeyAgain(t.Context(), actor(mallory))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.SignIn.PayPasskey(t.Context(), token, begun.Secret, theirs.Show(begun.Options), rulestest.Entry); !errors.Is(err, grant.ErrExpired) {
		t.Errorf("a foreign ceremony: %v", err)
	}
}

// meddler is a store of users that lets something happen right before or after its first replace.
type meddler struct {
	account.Store
	done          bool
	before, after func()
}

func (m *meddler) ReplaceUser(ctx context.Context, u account.User, stamp bool) (account.User, error) {
	first := !m.done
	m.done = true
	if first && m.before != nil {
		m.before()
	}
	u, err := m.Store.ReplaceUser(ctx, u, stamp)
	if first && m.after != nil {
		m.after()
	}
	return u, err
}

// TestThreat28_AFactorAddedWhileTheFactorsAreReset: a session that is about to end leaves no factor behind.
func TestThreat28_AFactorAddedWhileTheFactorsAreReset(t *testing.T) {
	add := func(g *guarded) error {
		thief := g.NewPasskey(g.own.User)
		c, err := g.Factors.BeginPasskey(t.Context(), g.own.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = g.SignIn.AddPasskey(t.Context(), actor(g.own), c.Secret, "Thief", thief.Register(c.Options))
		return err
	}
	reset := func(g *guarded) {
		if _, err := g.Staff.ResetFactors(t.Context(), shell, g.own.User.ID, why); err != nil {
			t.Error(err)
		}
	}
	left := func(g *guarded, when string) {
		if u := g.Account(g.own.User.ID); u.HasFactor() || len(u.RecoveryCodes) > 0 {
			t.Errorf("added %s, it is still there", when)
		}
		if n := g.Live(g.own.User.ID); n > 0 {
			t.Errorf("added %s: %d sessions live", when, n)
		}
	}
	g := guard(t)
	g.Accounts.Store = &meddler{Store: g.Store, after: func() { _ = add(g) }}
	reset(g)
	left(g, "after the factors went and before the sessions did")

	g = guard(t)
	g.Accounts.Store = &meddler{Store: g.Store, before: func() { reset(g) }}
	if err := add(g); fault.CodeOf(err) != "session_revoked" {
		t.Errorf("adding one when all is over: %v", err)
	}
	left(g, "by a request that began before")
}
