package httpapi_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

func TestSettingUpAnAuthenticatorApp(t *testing.T) {
	l := open(t, nil)
	u := l.AddUser(ada)
	d, other := l.again(u), l.again(u)
	l.do("POST", "/auth/factors/totp/confirm", doc{"code": "123456"}, d.bearer()).problem(410, "grant_expired")
	l.do("POST", "/auth/factors/recovery-codes", nil, d.bearer()).problem(409, "conflict")
	older := l.do("POST", "/auth/factors/totp", nil, d.bearer()).is(200)
	e := l.do("POST", "/auth/factors/totp", nil, d.bearer()).is(200)
	if uri := e.member("uri").(string); !strings.HasPrefix(uri, "otpauth://totp/") || !strings.HasPrefix(e.member("qr_svg").(string), "<svg") {
		t.Errorf("%s", e)
	}
	if f := l.do("GET", "/auth/factors", nil, d.bearer()).is(200); f.member("totp.enabled") != false || f.member("totp").(doc)["confirmed_at"] != nil {
		t.Errorf("begun only: %s", f)
	}
	l.do("POST", "/auth/factors/totp/confirm", doc{"code": l.Code(older.member("secret").(string))}, d.bearer()).problem(401, "invalid_code")
	done := l.do("POST", "/auth/factors/totp/confirm", doc{"code": l.Code(e.member("secret").(string))}, d.bearer()).is(200)
	if codes := done.member("recovery_codes").([]any); len(codes) != 10 {
		t.Errorf("%d recovery codes", len(codes))
	}
	f := l.do("GET", "/auth/factors", nil, d.bearer()).is(200)
	if f.member("totp.enabled") != true || f.member("totp.confirmed_at") == nil || f.member("recovery_codes_left") != 10.0 {
		t.Errorf("%s", f)
	}
	if me := l.do("GET", "/auth/me", nil, d.bearer()).is(200); me.member("mfa.totp") != true || me.member("mfa.recovery_codes_left") != 10.0 {
		t.Errorf("%s", me)
	}
	l.do("POST", "/auth/factors/totp", nil, d.bearer()).problem(409, "conflict")
	l.do("GET", "/auth/sessions", nil, other.bearer()).methods("totp", "recovery_code") // at once
	if s := l.do("GET", "/auth/session", nil, d.bearer()).is(200); s.member("aal") != 2.0 {
		t.Errorf("%s: enrolment raises the session", s)
	}
	l.do("DELETE", "/auth/factors/totp", nil, d.bearer()).is(204)
	l.do("GET", "/auth/sessions", nil, other.bearer()).is(200)
	l.do("POST", "/auth/login", login(ada, rulestest.Password)).is(200).member("access_token")
}

func TestNewRecoveryCodes(t *testing.T) {
	p := protect(t, nil)
	a := p.do("POST", "/auth/factors/recovery-codes", nil, p.own.bearer()).is(200)
	codes := a.member("recovery_codes").([]any)
	token := p.challenge()
	p.do("POST", "/auth/mfa/recovery-code", doc{"mfa_token": token, "code": p.recovery[0]}).problem(401, "invalid_code")
	p.do("POST", "/auth/mfa/recovery-code", doc{"mfa_token": token, "code": codes[0]}).is(200)
	p.do("POST", "/auth/mfa/recovery-code", doc{"mfa_token": p.challenge(), "code": codes[0]}).problem(401, "invalid_code")
	if f := p.do("GET", "/auth/factors", nil, p.own.bearer()).is(200); f.member("recovery_codes_left") != 9.0 {
		t.Errorf("%s", f)
	}
}

func TestPasskeysAreAddedNamedAndRemoved(t *testing.T) {
	l := open(t, nil)
	d := l.again(l.AddUser(ada))
	add := func(key *rulestest.Passkey, name string) *answer {
		body := l.begin(key, "/auth/factors/passkeys/options", nil, d.bearer())
		if name != "" {
			body["name"] = name
		}
		return l.do("POST", "/auth/factors/passkeys", body, d.bearer())
	}
	key := l.NewPasskey(d.User)
	first := add(key, "Key ring").is(201)
	if codes, _ := first.object()["recovery_codes"].([]any); first.member("name") != "Key ring" || len(codes) != 10 || first.object()["last_used_at"] != nil {
		t.Errorf("%s", first)
	}
	add(key, "").problem(409, "conflict")
	second := add(l.NewPasskey(d.User), "").is(201)
	if second.member("name") != "Passkey 2" || second.object()["recovery_codes"] != nil {
		t.Errorf("%s", second)
	}
	body := l.begin(l.NewPasskey(d.User), "/auth/factors/passkeys/options", nil, d.bearer())
	body["name"] = strings.Repeat("x", 65)
	l.do("POST", "/auth/factors/passkeys", body, d.bearer()).invalid("name")
	body["name"] = "Laptop" // what is refused for its name did not spend the ceremony
	third := l.do("POST", "/auth/factors/passkeys", body, d.bearer()).is(201)
	l.do("POST", "/auth/factors/passkeys", body, d.bearer()).problem(410, "grant_expired")

	path := "/auth/factors/passkeys/" + third.member("id").(string)
	if a := l.do("PATCH", path, doc{"name": " Desk "}, d.bearer()).is(200); a.member("name") != "Desk" {
		t.Errorf("%s", a)
	}
	l.do("PATCH", path, doc{"name": ""}, d.bearer()).invalid("name")
	stranger := l.enter()
	l.do("PATCH", path, doc{"name": "mine"}, stranger.bearer()).problem(404, "not_found")
	l.do("DELETE", path, nil, stranger.bearer()).problem(404, "not_found")
	l.do("DELETE", path, nil, d.bearer()).is(204)
	l.do("DELETE", path, nil, d.bearer()).problem(404, "not_found")
	l.do("POST", "/auth/passkey", l.begin(key, "/auth/passkey/options", nil)).is(200)
	f := l.do("GET", "/auth/factors", nil, d.bearer()).is(200)
	if keys := f.member("passkeys").([]any); len(keys) != 2 || keys[0].(doc)["last_used_at"] == nil || keys[1].(doc)["last_used_at"] != nil {
		t.Errorf("%s", f)
	}
}

// TestTheLastCredentialStays (F13).
func TestTheLastCredentialStays(t *testing.T) {
	l := open(t, nil)
	d := l.enter()
	key := l.NewPasskey(d.User)
	id := l.do("POST", "/auth/factors/passkeys", l.begin(key, "/auth/factors/passkeys/options", nil, d.bearer()), d.bearer()).is(201).member("id").(string)
	e := l.do("POST", "/auth/factors/totp", nil, d.bearer()).is(200)
	l.do("POST", "/auth/factors/totp/confirm", doc{"code": l.Code(e.member("secret").(string))}, d.bearer()).is(200)
	l.do("DELETE", "/auth/factors/passkeys/"+id, nil, d.bearer()).problem(409, "last_credential") // an app is no way in
	l.do("POST", "/auth/password", doc{"new_password": rulestest.Password}, d.bearer()).is(204)
	l.do("DELETE", "/auth/factors/passkeys/"+id, nil, d.bearer()).is(204)
}

// TestWherePasskeysCannotBe (F16): an IP address is no relying party.
func TestWherePasskeysCannotBe(t *testing.T) {
	l := open(t, nil, "--public-url=http://127.0.0.1:8080")
	d := l.enter()
	if a := l.do("GET", "/auth/options", nil).is(200); a.member("passkeys") != false {
		t.Errorf("%s", a)
	}
	shown := doc{"ceremony": "x", "credential": doc{}}
	l.do("POST", "/auth/passkey/options", nil).problem(404, "not_found")
	l.do("POST", "/auth/passkey", shown).problem(404, "not_found")
	l.do("POST", "/auth/factors/passkeys/options", nil, d.bearer()).problem(404, "not_found")
	l.do("POST", "/auth/factors/passkeys", shown, d.bearer()).problem(404, "not_found")
	l.do("POST", "/auth/reauthenticate/options", nil, d.bearer()).problem(404, "not_found")
	l.do("POST", "/auth/reauthenticate", shown, d.bearer()).problem(404, "not_found")
}

func TestWithoutPasskeysThereIsNoneToShow(t *testing.T) {
	l := open(t, nil)
	x := l.Enter(l.AddUser(ada))
	l.AddTOTP(x)
	l.do("POST", "/auth/reauthenticate/options", nil, of(x).bearer()).problem(409, "conflict")
	l.do("POST", "/auth/mfa/passkey/options", doc{"mfa_token": l.challenge()}).problem(409, "conflict")
	l.do("POST", "/auth/mfa/passkey/options", doc{"mfa_token": "x"}).problem(410, "grant_expired")
}

func TestFactorResetByStaff(t *testing.T) {
	p := protect(t, nil)
	root, mod := p.enter(account.RoleAdmin), p.enter(account.RoleModerator)
	path := "/admin/users/" + p.own.User.ID + "/factors/reset"
	p.do("POST", path, nil, mod.bearer()).problem(403, "forbidden")
	p.do("POST", "/admin/users/x/factors/reset", nil, root.bearer()).problem(404, "not_found")
	token := p.challenge()
	a := p.do("POST", path, doc{"reason": "lost phone", "message": "call me"}, root.bearer()).is(200)
	if a.member("mfa.totp") != false || a.member("mfa.passkeys") != 0.0 || a.member("mfa.recovery_codes_left") != 0.0 {
		t.Errorf("%s", a)
	}
	if frame, ok := p.Memory.Ended(p.own.ID); !ok || frame.Reason != "credentials_changed" || frame.By.Kind != "admin" || frame.Message != "call me" {
		t.Errorf("its session ended with %+v", frame)
	}
	p.do("GET", "/auth/me", nil, p.own.bearer()).problem(401, "session_revoked")
	p.payTOTP(token).problem(410, "grant_expired")
	if rows := p.Events(audit.Query{Action: audit.FactorsReset}); len(rows) != 1 || rows[0].Actor.ID != root.User.ID || rows[0].Reason != "lost phone" {
		t.Errorf("rows %+v", rows)
	}
	if a := p.do("POST", "/auth/login", login(ada, rulestest.Password)).is(200); a.member("status") != "signed_in" {
		t.Errorf("%s", a)
	}
	p.do("POST", "/auth/passkey", p.begin(p.key, "/auth/passkey/options", nil)).problem(401, "invalid_credentials")
	p.Advance(p.Config.StepUpAge)
	p.do("POST", path, nil, root.bearer()).problem(403, "step_up_required")
}
