package httpapi_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

func TestSignInAtGoogle(t *testing.T) {
	a := travel(t, nil)
	first := a.inside(a.come(known("g1", "Ada@Example.com")))
	if u := first.User; u.Email != ada || u.Name != "Ada L." || u.EmailVerifiedAt.IsZero() {
		t.Errorf("made %+v", u)
	}
	again := a.inside(a.come(known("g1", "elsewhere@example.com")))
	if again.User.ID != first.User.ID || again.ID == first.ID {
		t.Errorf("the same person is %s, then %s", first.User.ID, again.User.ID)
	}
	s := a.do("GET", "/auth/session", nil, again.bearer()).is(200)
	if amr := s.member("amr").([]any); s.member("aal") != 1.0 || len(amr) != 1 || amr[0] != "google" {
		t.Errorf("%s", s)
	}
	f := a.do("GET", "/auth/factors", nil, again.bearer()).is(200)
	if ids := f.member("identities").([]any); len(ids) != 1 || ids[0].(doc)["provider"] != "google" || ids[0].(doc)["email"] != "Ada@Example.com" {
		t.Errorf("%s", f)
	}
}

func TestSignInAtGitHub(t *testing.T) {
	a := travel(t, nil)
	d := a.inside(a.comeByHub())
	if d.User.Email != ada || d.User.Name != "ada-l" || d.User.Identities[0].Subject != "583231" {
		t.Errorf("made %+v", d.User)
	}
	if again := a.inside(a.comeByHub()); again.User.ID != d.User.ID {
		t.Error("the same person is another user")
	}
}

func TestWhichProvidersThereAre(t *testing.T) {
	none := open(t, nil)
	if got := none.do("GET", "/auth/options", nil).is(200).member("providers").([]any); len(got) != 0 {
		t.Errorf("%v", got)
	}
	for _, path := range []string{"/auth/oauth/google", "/auth/oauth/google/callback?state=x&code=y", "/auth/oauth/x"} {
		none.do("GET", path, nil).problem(404, "not_found")
	}
	none.do("POST", "/auth/oauth/google/link", nil, none.enter().bearer()).problem(404, "not_found")
	a := travel(t, nil)
	if got := a.do("GET", "/auth/options", nil).is(200).member("providers").([]any); !slices.Equal(got, []any{"github", "google"}) {
		t.Errorf("%v", got)
	}
}

func TestWhatAProviderIsAskedFor(t *testing.T) {
	a := travel(t, nil)
	for provider, scope := range map[string]string{"google": "openid email profile", "github": "read:user user:email"} {
		away, _ := a.leave("/auth/oauth/" + provider)
		q := away.Query()
		if q.Get("redirect_uri") != home+"/auth/oauth/"+provider+"/callback" || q.Get("scope") != scope || q.Get("code_challenge_method") != "S256" ||
			len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 40 || (q.Get("nonce") == "") != (provider == "github") {
			t.Errorf("%s: %v", provider, q)
		}
		again, _ := a.leave("/auth/oauth/" + provider)
		for _, once := range []string{"state", "code_challenge"} {
			if again.Query().Get(once) == q.Get(once) {
				t.Errorf("%s: the same %s twice", provider, once)
			}
		}
	}
}

// TestCookiesOfATrip (O1): the state cookie comes back from another site, and is gone then.
func TestCookiesOfATrip(t *testing.T) {
	a := travel(t, nil)
	r := a.do("GET", "/auth/oauth/google", nil)
	c := r.is(302).cookieOf("gatehouse_oauth")
	if c == nil || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 600 {
		t.Errorf("state cookie %v", c)
	}
	if strings.Contains(r.header.Get("Location"), c.Value) {
		t.Error("the provider is told the browser's secret")
	}
	back := a.come(known("g1", ada)).to("/home")
	if gone := back.cookieOf("gatehouse_oauth"); gone == nil || gone.MaxAge != -1 || gone.Value != "" || gone.Path != "/" {
		t.Errorf("afterwards it is %v", gone)
	}
	set := back.cookieOf("gatehouse_refresh")
	if set == nil || !set.HttpOnly || set.SameSite != http.SameSiteStrictMode || set.Path != "/" || set.MaxAge != int(a.Config.RefreshTTL.Seconds()) {
		t.Errorf("refresh cookie %v", set)
	}
	secure := travel(t, nil, "--public-url=https://gate.example.com").do("GET", "/auth/oauth/google", nil).is(302)
	if c := secure.cookieOf("__Host-gatehouse_oauth"); c == nil || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
		t.Errorf("state cookie %v", c)
	}
}

func TestASecondFactorIsAskedForAfterAProvider(t *testing.T) {
	a := travel(t, nil)
	x := a.Enter(a.verified(ada))
	secret, _ := a.AddTOTP(x)
	r := a.come(known("g1", ada)).is(302)
	page, fragment, _ := strings.Cut(r.header.Get("Location"), "#")
	q, err := url.ParseQuery(fragment)
	if err != nil || page != "/home" || q.Get("methods") != "totp,recovery_code" || q.Get("expires_in") != "300" || r.cookieOf("gatehouse_refresh") != nil {
		t.Fatalf("to %s with cookie %v", r.header.Get("Location"), r.cookieOf("gatehouse_refresh"))
	}
	body := doc{"mfa_token": q.Get("mfa_token"), "code": a.Code(secret)}
	a.do("POST", "/auth/mfa/totp", body).problem(403, "origin_not_allowed") // it is to be a cookie
	paid := a.do("POST", "/auth/mfa/totp", body, sameOrigin)
	if a.holds(paid, 2, "google", "otp", "mfa"); paid.cookie() == nil {
		t.Errorf("%s sets no cookie", paid)
	}
}

// TestATripEndsTheSessionWhoseCookieItReplaces (C6): the cookie itself does not come back from the provider.
func TestATripEndsTheSessionWhoseCookieItReplaces(t *testing.T) {
	a := travel(t, nil)
	old, bystander := a.browse(a.AddStranger()), a.browse(a.AddStranger())
	away, browser := a.leave("/auth/oauth/google?redirect_to=/home", cookie(old.Refresh), sameOrigin)
	a.inside(a.do("GET", a.agree(away, known("g1", ada)), nil, withBrowser(browser)))
	if s := a.Record(old.ID); s.EndReason != "signed_out" || s.EndedBy.Kind != "self" {
		t.Errorf("it ended with %q by %q", s.EndReason, s.EndedBy.Kind)
	}
	// A page elsewhere that sends the browser here replaces nothing.
	away, browser = a.leave("/auth/oauth/google?redirect_to=/home", cookie(bystander.Refresh), with("Sec-Fetch-Site", "cross-site"))
	a.inside(a.do("GET", a.agree(away, known("g1", ada)), nil, withBrowser(browser)))
	if a.Record(bystander.ID).Ended() {
		t.Error("without proof of origin it ended")
	}
}

func TestLinkingAndUnlinkingAProvider(t *testing.T) {
	a := travel(t, nil)
	u := a.AddUser(ada)
	d := a.again(u)
	link := func(d in, who *person) *answer {
		r := a.do("POST", "/auth/oauth/google/link", doc{"redirect_to": "/settings"}, d.bearer()).is(200)
		away, _ := url.Parse(r.member("url").(string))
		return a.do("GET", a.agree(away, who), nil, withBrowser(r.cookieOf("gatehouse_oauth").Value))
	}
	if r := link(d, known("g1", "other@example.com")).to("/settings"); r.cookieOf("gatehouse_refresh") != nil {
		t.Error("linking makes a session")
	}
	if a.Live(u.ID) != 1 {
		t.Errorf("%d sessions", a.Live(u.ID))
	}
	a.outside(link(d, known("g2", ada)), "/settings", "email_taken")
	a.outside(link(a.enter(), known("g1", ada)), "/settings", "email_taken")
	unverified := known("g3", "third@example.com")
	unverified.EmailVerified = false
	a.outside(link(a.enter(), unverified), "/settings", "email_unverified")
	if in := a.inside(a.come(known("g1", "other@example.com"))); in.User.ID != u.ID || in.User.Email != ada {
		t.Errorf("by it signs in %+v", in.User)
	}
	a.do("DELETE", "/auth/identities/github", nil, d.bearer()).problem(404, "not_found")
	a.do("DELETE", "/auth/identities/google", nil, d.bearer()).is(204)
	a.do("DELETE", "/auth/identities/google", nil, d.bearer()).problem(404, "not_found")
	if in := a.inside(a.come(known("g1", "other@example.com"))); in.User.ID == u.ID {
		t.Error("unlinked, it still signs in")
	} else {
		a.do("DELETE", "/auth/identities/google", nil, in.bearer()).problem(409, "last_credential")
	}
	a.do("POST", "/auth/oauth/google/link", doc{"redirect_to": "//evil.example"}, d.bearer()).problem(400, "invalid_request")
	a.down = true
	fresh := travel(t, nil)
	fresh.down = true
	fresh.do("POST", "/auth/oauth/google/link", nil, fresh.enter().bearer()).problem(503, "unavailable")
}

func TestASessionThatEndsWhileItLinksLinksNothing(t *testing.T) {
	a := travel(t, nil)
	d := a.enter()
	r := a.do("POST", "/auth/oauth/github/link", nil, d.bearer()).is(200)
	away, _ := url.Parse(r.member("url").(string))
	callback := a.agree(away, nil)
	a.kick(d)
	a.outside(a.do("GET", callback, nil, withBrowser(r.cookieOf("gatehouse_oauth").Value)), "/", "state_invalid")
	if len(a.Account(d.User.ID).Identities) != 0 {
		t.Error("it is linked")
	}
}

func TestAVerifiedAccountIsSignedInByItsAddress(t *testing.T) {
	a := travel(t, nil)
	u := a.verified(ada)
	d := a.again(u)
	if in := a.inside(a.come(known("g1", ada))); in.User.ID != u.ID {
		t.Errorf("signed in is %s", in.User.ID)
	}
	if in := a.inside(a.comeByHub()); in.User.ID != u.ID || len(in.User.Identities) != 2 {
		t.Errorf("signed in is %+v", in.User)
	}
	a.do("GET", "/auth/me", nil, d.bearer()).is(200)
	a.do("POST", "/auth/login", login(ada, rulestest.Password)).is(200)
}
