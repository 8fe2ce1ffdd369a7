package httpapi_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// TestSignInWithASecondFactor pays by each method, for both transports: the one of the first step counts.
func TestSignInWithASecondFactor(t *testing.T) {
	p := protect(t, unlimited)
	recovery := p.recovery
	for name, c := range map[string]struct {
		amr string
		pay func(token string, parts ...part) *answer
	}{
		"totp": {"otp", p.payTOTP},
		"recovery code": {"recovery", func(token string, parts ...part) *answer {
			code := strings.ToUpper(strings.ReplaceAll(recovery[0], "-", " "))
			recovery = recovery[1:]
			return p.do("POST", "/auth/mfa/recovery-code", doc{"mfa_token": token, "code": code}, parts...)
		}},
		"passkey": {"passkey", func(token string, parts ...part) *answer {
			return p.do("POST", "/auth/mfa/passkey", p.begin(p.key, "/auth/mfa/passkey/options", doc{"mfa_token": token}, parts...), parts...)
		}},
	} {
		body := c.pay(p.challenge())
		if p.holds(body, 2, "pwd", c.amr, "mfa"); body.object()["refresh_token"] == nil || body.cookie() != nil {
			t.Errorf("%s, body: %s with cookie %v", name, body, body.cookie())
		}
		p.Advance(rulestest.Step)
		token := p.challenge(sameOrigin)
		page := c.pay(token, sameOrigin)
		if p.holds(page, 2, "pwd", c.amr, "mfa"); page.object()["refresh_token"] != nil || page.cookie() == nil {
			t.Errorf("%s, cookie: %s with cookie %v", name, page, page.cookie())
		}
		p.payWrong(token, sameOrigin).problem(410, "grant_expired")
		p.Advance(rulestest.Step)
		refreshed := p.do("POST", "/auth/refresh", nil, cookie(page.cookie().Value), sameOrigin)
		p.holds(refreshed, 2, "pwd", c.amr, "mfa")
	}
}

func TestPayingForACookieNeedsTheProofOfASignIn(t *testing.T) {
	p := protect(t, nil)
	token := p.challenge(sameOrigin)
	p.payTOTP(token).problem(403, "origin_not_allowed")
	p.payTOTP(token, foreign).problem(403, "origin_not_allowed")
	p.Advance(rulestest.Step)
	if a := p.payTOTP(token, sameOrigin).is(200); a.cookie() == nil {
		t.Errorf("%s sets no cookie", a)
	}
	native := p.challenged(p.do("POST", "/auth/login", login(ada, rulestest.Password, "transport", "body", "device_name", "Tablet"), sameOrigin).is(200))
	p.Advance(rulestest.Step)
	if a := p.payTOTP(native, foreign).is(200); a.cookie() != nil || a.member("refresh_token") == nil || a.member("session.name") != "Tablet" {
		t.Errorf("%s: transport and name of the first step count", a)
	}
}

// TestPayingEndsTheSessionWhoseCookieItReplaces (C6).
func TestPayingEndsTheSessionWhoseCookieItReplaces(t *testing.T) {
	p := protect(t, nil)
	old := p.browse(p.AddStranger())
	token := p.challenge(cookie(old.Refresh), sameOrigin)
	if p.Record(old.ID).Ended() {
		t.Fatal("the first step alone ended it")
	}
	p.payTOTP(token, cookie(old.Refresh), sameOrigin).is(200)
	if s := p.Record(old.ID); s.EndReason != "signed_out" || s.EndedBy.Kind != "self" {
		t.Errorf("it ended with %q by %q", s.EndReason, s.EndedBy.Kind)
	}
}

func TestPasswordlessSignIn(t *testing.T) {
	p := protect(t, nil)
	for name, parts := range map[string][]part{"body": nil, "cookie": {sameOrigin}} {
		a := p.do("POST", "/auth/passkey", p.begin(p.key, "/auth/passkey/options", nil, parts...), parts...)
		if p.holds(a, 2, "passkey", "mfa"); (a.cookie() != nil) != (name == "cookie") || a.member("user.email") != ada {
			t.Errorf("%s: %s with cookie %v", name, a, a.cookie())
		}
	}
	body := p.begin(p.key, "/auth/passkey/options", nil)
	body["transport"], body["device_name"] = "body", "Key ring"
	if a := p.do("POST", "/auth/passkey", body, sameOrigin).is(200); a.member("session.name") != "Key ring" || a.cookie() != nil {
		t.Errorf("%s", a)
	}
	p.do("POST", "/auth/passkey", body, sameOrigin).problem(410, "grant_expired")
	p.do("POST", "/auth/passkey", p.begin(p.key, "/auth/passkey/options", nil), foreign).problem(403, "origin_not_allowed")
}

func TestAPasskeyThatDoesNotVerifyItsUserIsAFirstFactor(t *testing.T) {
	p := protect(t, nil)
	p.key.Auth.Options.UserNotVerified = true
	step := func() string {
		return p.challenged(p.do("POST", "/auth/passkey", p.begin(p.key, "/auth/passkey/options", nil)).is(200))
	}
	token := step()
	p.do("POST", "/auth/mfa/passkey", p.begin(p.key, "/auth/mfa/passkey/options", doc{"mfa_token": token})).problem(401, "invalid_code")
	p.key.Auth.Options.UserNotVerified = false
	p.holds(p.do("POST", "/auth/mfa/passkey", p.begin(p.key, "/auth/mfa/passkey/options", doc{"mfa_token": token})), 2, "passkey", "mfa")
	p.key.Auth.Options.UserNotVerified = true
	p.holds(p.payTOTP(step()), 2, "passkey", "otp", "mfa")
	// Beside a password it is a second factor as it is.
	p.holds(p.do("POST", "/auth/mfa/passkey", p.begin(p.key, "/auth/mfa/passkey/options", doc{"mfa_token": p.challenge()})), 2, "pwd", "passkey", "mfa")
}

// TestCredentialsThatAreNone: whatever stands in the place of a passkey's answer is refused as a wrong one.
func TestCredentialsThatAreNone(t *testing.T) {
	p := protect(t, unlimited)
	for _, credential := range []any{nil, "", 7, true, []any{}, doc{}, doc{"id": "x", "rawId": "x", "type": "public-key", "response": doc{}}, strings.Repeat("x", 30_000)} {
		shown := func(path string, more doc, parts ...part) doc {
			body := p.begin(p.key, path, more, parts...)
			if strings.Contains(path, "/factors/") {
				body = p.begin(p.NewPasskey(p.own.User), path, more, parts...)
			}
			body["credential"] = credential
			return body
		}
		p.do("POST", "/auth/passkey", shown("/auth/passkey/options", nil)).problem(401, "invalid_credentials")
		p.do("POST", "/auth/mfa/passkey", shown("/auth/mfa/passkey/options", doc{"mfa_token": p.challenge()})).problem(401, "invalid_code")
		p.do("POST", "/auth/reauthenticate", shown("/auth/reauthenticate/options", nil, p.own.bearer()), p.own.bearer()).problem(401, "invalid_code")
		p.do("POST", "/auth/factors/passkeys", shown("/auth/factors/passkeys/options", nil, p.own.bearer()), p.own.bearer()).problem(401, "invalid_code")
	}
}

func TestPendingSignInsEndWithWhatChangesTheAccount(t *testing.T) {
	p := protect(t, unlimited)
	for name, change := range map[string]func(own in){
		"password": func(own in) {
			p.do("POST", "/auth/password", doc{"current_password": rulestest.Password, "new_password": rulestest.Password}, own.bearer()).is(204)
		},
		"enrolment": func(own in) {
			key := p.NewPasskey(own.User)
			p.do("POST", "/auth/factors/passkeys", p.begin(key, "/auth/factors/passkeys/options", nil, own.bearer()), own.bearer()).is(201)
		},
		"disable": func(own in) {
			root := p.enter("admin")
			p.do("POST", "/admin/users/"+own.User.ID+"/disable", nil, root.bearer()).is(200)
			p.do("POST", "/admin/users/"+own.User.ID+"/enable", nil, root.bearer()).is(200)
		},
	} {
		own := p.raised()
		token := p.challenge()
		before := p.Live(own.User.ID)
		change(own)
		p.Advance(rulestest.Step)
		if p.payTOTP(token).problem(410, "grant_expired"); p.Live(own.User.ID) > before {
			t.Errorf("%s: one more session", name)
		}
	}
}

// raised is a fresh device of aal 2.
func (p *protected) raised() in {
	p.t.Helper()
	out, err := p.Sessions.Start(p.t.Context(), session.Start{
		User: p.Account(p.own.User.ID), Transport: session.Body, Name: "Phone", AMR: []string{"pwd", "otp"}, AAL: 2, Visit: rulestest.Visit,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return of(out)
}
