package httpapi_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

// TestThreat31_States comes back with states that are missing, used, or somebody else's. Nothing that such a request
// says of where to go is believed.
func TestThreat31_States(t *testing.T) {
	a := travel(t, unlimited)
	type trip struct{ google, browser string } // the callback, and the secret of the browser
	for name, ask := range map[string]func(trip) *answer{
		"missing": func(x trip) *answer {
			return a.do("GET", "/auth/oauth/google/callback?code=x", nil, withBrowser(x.browser))
		},
		"empty": func(x trip) *answer {
			return a.do("GET", "/auth/oauth/google/callback?code=x&state=", nil, withBrowser(x.browser))
		},
		"made up": func(x trip) *answer {
			return a.do("GET", "/auth/oauth/google/callback?code=x&state="+strings.Repeat("A", 43), nil, withBrowser(x.browser))
		},
		"no browser": func(x trip) *answer { return a.do("GET", x.google, nil) },
		"another browser": func(x trip) *answer {
			_, other := a.leave("/auth/oauth/google")
			return a.do("GET", x.google, nil, withBrowser(other))
		},
		"another provider": func(x trip) *answer {
			return a.do("GET", strings.Replace(x.google, "/google/", "/github/", 1), nil, withBrowser(x.browser))
		},
		"used": func(x trip) *answer {
			a.inside(a.do("GET", x.google, nil, withBrowser(x.browser)))
			return a.do("GET", x.google, nil, withBrowser(x.browser))
		},
		"used up by another browser": func(x trip) *answer {
			a.do("GET", x.google, nil, withBrowser("another"))
			return a.do("GET", x.google, nil, withBrowser(x.browser))
		},
		"late": func(x trip) *answer { a.Advance(10 * 60e9); return a.do("GET", x.google, nil, withBrowser(x.browser)) },
		"with a place to go": func(x trip) *answer {
			return a.do("GET", "/auth/oauth/google/callback?code=x&redirect_to=https://evil.example", nil, withBrowser(x.browser))
		},
	} {
		t.Run(name, func(t *testing.T) {
			away, browser := a.leave("/auth/oauth/google?redirect_to=/home")
			a.outside(ask(trip{google: a.agree(away, known("g1", ada)), browser: browser}), "/login", "state_invalid")
		})
	}
}

// TestThreat31_CodesAreBoundToTheirTrip (RFC 7636): the provider verifies that who exchanges a code asked for it.
func TestThreat31_CodesAreBoundToTheirTrip(t *testing.T) {
	a := travel(t, nil)
	code := func(callback string) string {
		u, err := url.Parse(callback)
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("code")
	}
	for provider, back := range map[string]string{"google": "/auth/oauth/google/callback?", "github": "/auth/oauth/github/callback?"} {
		away, browser := a.leave("/auth/oauth/" + provider + "?redirect_to=/home")
		theirs, _ := a.leave("/auth/oauth/" + provider)
		injected := code(a.agree(theirs, known("g1", ada)))
		q := url.Values{"state": {away.Query().Get("state")}, "code": {injected}}
		a.outside(a.do("GET", back+q.Encode(), nil, withBrowser(browser)), "/home", "provider_error")

		away, browser = a.leave("/auth/oauth/" + provider + "?redirect_to=/home")
		changed := away.Query()
		changed.Set("code_challenge", strings.Repeat("A", 43))
		away.RawQuery = changed.Encode()
		a.outside(a.do("GET", a.agree(away, known("g1", ada)), nil, withBrowser(browser)), "/home", "provider_error")
	}
	// The same code with a state of its own.
	away, browser := a.leave("/auth/oauth/google?redirect_to=/home")
	callback := a.agree(away, known("g1", ada))
	a.inside(a.do("GET", callback, nil, withBrowser(browser)))
	again, browser := a.leave("/auth/oauth/google?redirect_to=/home")
	q := url.Values{"state": {again.Query().Get("state")}, "code": {code(callback)}}
	a.outside(a.do("GET", "/auth/oauth/google/callback?"+q.Encode(), nil, withBrowser(browser)), "/home", "provider_error")
}

func TestThreat31_DestinationsThatOthersReadAsAnotherSite(t *testing.T) {
	a := travel(t, unlimited)
	for _, to := range badDestinations {
		// As it stands, where a query can hold it so, and encoded once more.
		a.do("GET", "/auth/oauth/google?redirect_to="+url.QueryEscape(to), nil).problem(400, "invalid_request")
		a.do("GET", "/auth/oauth/google?redirect_to="+url.QueryEscape(url.PathEscape(to)), nil).problem(400, "invalid_request")
	}
	a.do("GET", "/auth/oauth/google?redirect_to=%2F%2Fevil.example", nil).problem(400, "invalid_request")
}

// TestThreat27_AProviderIsOneStepOnly: the callback of a user with a second factor gives a challenge, and that opens
// nothing.
func TestThreat27_AProviderIsOneStepOnly(t *testing.T) {
	a := travel(t, unlimited)
	x := a.Enter(a.verified(ada))
	a.AddTOTP(x)
	for range 2 { // when it is linked, and when it was
		r := a.come(known("g1", ada)).is(302)
		_, fragment, _ := strings.Cut(r.header.Get("Location"), "#")
		q, _ := url.ParseQuery(fragment)
		token := q.Get("mfa_token")
		if token == "" || q.Get("access_token") != "" || r.cookieOf("gatehouse_refresh") != nil {
			t.Fatalf("to %s", r.header.Get("Location"))
		}
		a.do("GET", "/auth/me", nil, with("Authorization", "Bearer "+token)).problem(401, "invalid_token")
		a.do("POST", "/auth/refresh", nil, cookie(token), sameOrigin).problem(401, "invalid_token")
	}
	if n := a.Live(x.User.ID); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// TestThreat32_AnAccountMadeBeforeTheVictimCame: who registered the victim's address keeps nothing when the victim
// comes by a provider.
func TestThreat32_AnAccountMadeBeforeTheVictimCame(t *testing.T) {
	a := travel(t, unlimited)
	made := a.do("POST", "/auth/register", login(ada, rulestest.Password)).is(201)
	mallory := in{Access: made.member("access_token").(string), Refresh: made.member("refresh_token").(string), ID: made.member("session.id").(string)}
	mallory.User.ID = made.member("user.id").(string)
	e := a.do("POST", "/auth/factors/totp", nil, mallory.bearer()).is(200).member("secret").(string)
	codes := a.do("POST", "/auth/factors/totp/confirm", doc{"code": a.Code(e)}, mallory.bearer()).is(200).member("recovery_codes").([]any)
	key := a.NewPasskey(mallory.User)
	a.do("POST", "/auth/factors/passkeys", a.begin(key, "/auth/factors/passkeys/options", nil, mallory.bearer()), mallory.bearer()).is(201)
	a.github.emails[1]["email"] = "mallory@example.com"
	linked := a.do("POST", "/auth/oauth/github/link", nil, mallory.bearer()).is(200)
	away, _ := url.Parse(linked.member("url").(string))
	a.do("GET", a.agree(away, nil), nil, withBrowser(linked.cookieOf("gatehouse_oauth").Value)).to("/")
	a.Advance(rulestest.Step)
	pending := a.challenge()
	begun := a.do("POST", "/auth/factors/passkeys/options", nil, mallory.bearer()).is(200)
	ticket := a.do("POST", "/auth/ticket", nil, mallory.bearer()).is(200).member("ticket").(string)

	victim := a.inside(a.come(known("g1", ada)))
	if u := victim.User; u.ID != mallory.User.ID || u.PasswordHash != "" || u.HasFactor() || len(u.RecoveryCodes) > 0 || u.EmailVerifiedAt.IsZero() || len(u.Identities) != 1 {
		t.Errorf("the account: password %t, factor %t, identities %v", u.PasswordHash != "", u.HasFactor(), u.Identities)
	}
	if frame, ok := a.Memory.Ended(mallory.ID); !ok || frame.Reason != "credentials_changed" || frame.By.Kind != "system" {
		t.Errorf("his session ended with %+v", frame)
	}
	a.do("GET", "/auth/me", nil, mallory.bearer()).problem(401, "session_revoked")
	a.do("POST", "/auth/refresh", doc{"refresh_token": mallory.Refresh}).problem(401, "session_revoked")
	a.do("POST", "/auth/password", doc{"new_password": "quite another one"}, mallory.bearer()).problem(401, "session_revoked")
	a.do("POST", "/auth/factors/passkeys", doc{"ceremony": begun.member("ceremony"), "credential": doc{}}, mallory.bearer()).problem(401, "session_revoked")
	a.do("POST", "/auth/login", login(ada, rulestest.Password)).problem(401, "invalid_credentials")
	a.do("POST", "/auth/mfa/recovery-code", doc{"mfa_token": pending, "code": codes[0]}).problem(410, "grant_expired")
	a.do("POST", "/auth/passkey", a.begin(key, "/auth/passkey/options", nil)).problem(401, "invalid_credentials")
	if _, _, err := a.SignIn.RedeemTicket(t.Context(), ticket); err == nil {
		t.Error("his ticket is good")
	}
	if d := a.inside(a.comeByHub()); d.User.ID == mallory.User.ID {
		t.Error("his GitHub signs him in")
	}
	if n := a.Live(victim.User.ID); n != 1 {
		t.Errorf("%d sessions live", n)
	}
}

func TestThreat32_AnAddressThatTheProviderDoesNotVouchForLinksNothing(t *testing.T) {
	a := travel(t, nil)
	for _, u := range []account.User{a.AddUser("unverified@example.com"), a.verified(ada)} {
		mallory := known("m"+u.ID, u.Email)
		mallory.EmailVerified = false
		a.outside(a.come(mallory), "/home", "email_unverified")
		a.github.emails = []doc{{"email": u.Email, "primary": true, "verified": false}, {"email": u.Email, "primary": false, "verified": true}}
		a.outside(a.comeByHub(), "/home", "email_unverified")
		if now := a.Account(u.ID); len(now.Identities) > 0 || now.PasswordHash == "" || now.EmailVerifiedAt != u.EmailVerifiedAt || a.Live(u.ID) != 0 {
			t.Errorf("%s was touched", u.Email)
		}
	}
}
