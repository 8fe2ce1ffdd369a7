package httpapi_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

// everywhere sends a request of the device to every operation that asks for an access token. Those that are allowed
// must not be refused for a debt, all others with the code.
func (l *lab) everywhere(d in, code string, allowed ...string) {
	l.t.Helper()
	met := 0
	for path, item := range l.api.OpenAPI().Paths {
		for _, op := range operations(item) {
			if len(op.Security) == 0 || op.Security[0]["bearer"] == nil {
				continue
			}
			call := op.Method + " " + path
			a := l.do(op.Method, parameter.ReplaceAllString(path, "x"), doc{}, d.bearer())
			if !slices.Contains(allowed, call) {
				a.problem(http.StatusForbidden, code)
				continue
			}
			met++
			if a.status == http.StatusForbidden {
				l.t.Errorf("%s", a)
			}
		}
	}
	if met != len(allowed) {
		l.t.Errorf("met %d of %v", met, allowed)
	}
}

// renew refreshes the tokens of a device.
func (l *lab) renew(d *in) {
	l.t.Helper()
	a := l.do("POST", "/auth/refresh", doc{"refresh_token": d.Refresh}).is(200)
	d.Access, d.Refresh = a.member("access_token").(string), a.member("refresh_token").(string)
}

// payable is what a session may do that owes a second factor (F1), beside what needs no access token.
var payable = []string{"GET /auth/me", "GET /auth/session", "POST /auth/reauthenticate", "POST /auth/reauthenticate/options"}

// settable is what a session may do besides whose user has to set one up (F8).
var settable = []string{
	"GET /auth/factors", "POST /auth/factors/totp", "POST /auth/factors/totp/confirm", "DELETE /auth/factors/totp", "POST /auth/factors/recovery-codes",
	"POST /auth/factors/passkeys/options", "POST /auth/factors/passkeys", "PATCH /auth/factors/passkeys/{id}", "DELETE /auth/factors/passkeys/{id}",
}

func TestASessionThatOwesAFactorMayOnlyPayIt(t *testing.T) {
	l := open(t, unlimited)
	root := l.AddStranger(account.RoleAdmin)
	before, own := l.again(root), l.Enter(root)
	l.AddTOTP(own)
	l.everywhere(before, "step_up_required", payable...)
	l.renew(&before)
	l.everywhere(before, "step_up_required", payable...)
	if c, err := l.Keyset.Keys().Verify(before.Access, l.Time()); err != nil || c.Owes != "mfa" || c.AAL != 1 {
		t.Errorf("its next token: %+v, %v", c, err)
	}
	l.do("GET", "/auth/sessions", nil, before.bearer()).methods("totp", "recovery_code")
	l.do("POST", "/auth/logout", nil, before.bearer()).is(204)
	l.do("GET", "/auth/sessions", nil, of(own).bearer()).is(200)
}

func TestPayingReleasesASession(t *testing.T) {
	p := protect(t, nil)
	d := p.another()
	p.do("GET", "/auth/sessions", nil, d.bearer()).methods("totp", "recovery_code", "passkey")
	p.do("POST", "/auth/reauthenticate", doc{"password": rulestest.Password}, d.bearer()).is(200)
	p.do("GET", "/auth/sessions", nil, d.bearer()).methods("totp", "recovery_code", "passkey")
	p.holds(p.do("POST", "/auth/reauthenticate", doc{"code": p.Code(p.secret)}, d.bearer()), 2, "pwd", "otp", "mfa")
	p.do("GET", "/auth/sessions", nil, d.bearer()).is(200)
	a := p.do("POST", "/auth/refresh", doc{"refresh_token": d.Refresh})
	p.holds(a, 2, "pwd", "otp", "mfa")
	d.Access = a.member("access_token").(string)
	p.do("GET", "/auth/sessions", nil, d.bearer()).is(200)
}

func TestWhoMustSetAFactorUpMayDoOnlyThat(t *testing.T) {
	for _, flag := range []string{"all", "staff"} {
		l := open(t, unlimited, "--require-mfa="+flag)
		root := l.enter(account.RoleAdmin)
		l.everywhere(root, "mfa_setup_required", append(slices.Clone(payable), settable...)...)
		if c, err := l.Keyset.Keys().Verify(root.Access, l.Time()); err != nil || c.Owes != "setup" {
			t.Errorf("%s: token %+v, %v", flag, c, err)
		}
		user := l.do("GET", "/auth/sessions", nil, l.enter().bearer())
		if flag == "all" {
			user.problem(403, "mfa_setup_required")
		} else {
			user.is(200)
		}
		l.do("POST", "/auth/refresh", doc{"refresh_token": root.Refresh}).is(200)
	}
}

// TestSettingUpReleasesASession: also its token that says that it has to.
func TestSettingUpReleasesASession(t *testing.T) {
	l := open(t, nil, "--require-mfa=all")
	signed := l.do("POST", "/auth/register", login(ada, rulestest.Password)).is(201)
	d := in{Access: signed.member("access_token").(string), Refresh: signed.member("refresh_token").(string)}
	l.do("GET", "/auth/sessions", nil, d.bearer()).problem(403, "mfa_setup_required")
	other := l.do("POST", "/auth/login", login(ada, rulestest.Password)).is(200)
	e := l.do("POST", "/auth/factors/totp", nil, d.bearer()).is(200)
	l.do("POST", "/auth/factors/totp/confirm", doc{"code": l.Code(e.member("secret").(string))}, d.bearer()).is(200)
	l.do("GET", "/auth/sessions", nil, d.bearer()).is(200)
	l.renew(&d)
	l.do("GET", "/auth/sessions", nil, d.bearer()).is(200)
	d.Access = other.member("access_token").(string)
	l.do("GET", "/auth/sessions", nil, d.bearer()).methods("totp", "recovery_code") // what was to be set up elsewhere is owed here now
}

// TestARoleThatMustHaveAFactor: who is promoted has to set one up before he may do anything with it.
func TestARoleThatMustHaveAFactor(t *testing.T) {
	l := open(t, nil, "--require-mfa=staff")
	d := l.enter()
	l.do("GET", "/auth/sessions", nil, d.bearer()).is(200)
	if _, _, err := l.Accounts.SetRoles(t.Context(), d.User.ID, []string{account.RoleModerator}); err != nil {
		t.Fatal(err)
	}
	l.do("GET", "/auth/sessions", nil, d.bearer()).problem(401, "token_stale")
	l.renew(&d)
	l.do("GET", "/admin/users", nil, d.bearer()).problem(403, "mfa_setup_required")
	if _, _, err := l.Accounts.SetRoles(t.Context(), d.User.ID, []string{account.RoleUser}); err != nil {
		t.Fatal(err)
	}
	l.renew(&d)
	l.do("GET", "/auth/sessions", nil, d.bearer()).is(200)
}

// TestStepUpOfWhoHasOnlyAProvider (F17).
func TestStepUpOfWhoHasOnlyAProvider(t *testing.T) {
	l := open(t, nil)
	d := l.enter()
	if _, err := l.Accounts.Change(t.Context(), d.User.ID, false, func(u *account.User) error {
		u.Identities = []account.Identity{{Provider: "google", Subject: "1"}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	l.Advance(l.Config.StepUpAge)
	l.do("POST", "/auth/factors/totp", nil, d.bearer()).methods("google")
	l.do("POST", "/auth/password", doc{"new_password": rulestest.Password}, d.bearer()).methods("google")
}

// TestStepUpOverHTTP: every operation that asks for a fresh sign-in asks again when it is old, and is content with
// whatever was shown.
func TestStepUpOverHTTP(t *testing.T) {
	p := protect(t, unlimited)
	for _, show := range map[string]func(){
		"password": func() {
			p.do("POST", "/auth/reauthenticate", doc{"password": rulestest.Password}, p.own.bearer()).is(200)
		},
		"code":     func() { p.do("POST", "/auth/reauthenticate", doc{"code": p.Code(p.secret)}, p.own.bearer()).is(200) },
		"recovery": func() { p.do("POST", "/auth/reauthenticate", doc{"code": p.recovery[9]}, p.own.bearer()).is(200) },
		"passkey": func() {
			p.do("POST", "/auth/reauthenticate", p.begin(p.key, "/auth/reauthenticate/options", nil, p.own.bearer()), p.own.bearer()).is(200)
		},
	} {
		p.Advance(p.Config.StepUpAge)
		p.renew(&p.own)
		p.do("DELETE", "/auth/factors/passkeys/x", nil, p.own.bearer()).methods("password", "totp", "recovery_code", "passkey")
		before := p.own.Access
		show()
		p.do("DELETE", "/auth/factors/passkeys/x", nil, with("Authorization", "Bearer "+before)).methods("password", "totp", "recovery_code", "passkey")
		p.renew(&p.own)
		p.do("DELETE", "/auth/factors/passkeys/x", nil, p.own.bearer()).problem(404, "not_found")
	}
}
