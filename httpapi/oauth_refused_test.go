package httpapi_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"

	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
)

func TestIdentitiesThatAreRefused(t *testing.T) {
	a := travel(t, nil)
	unverified := known("g2", ada)
	unverified.EmailVerified = false
	a.outside(a.come(unverified), "/home", "email_unverified")
	a.outside(a.come(known("g3", "")), "/home", "email_unverified")
	a.github.emails[1]["verified"] = false // the other one, which is verified, does not count
	a.outside(a.comeByHub(), "/home", "email_unverified")
	a.github.emails = nil
	a.outside(a.comeByHub(), "/home", "email_unverified")

	u := a.verified(ada)
	a.inside(a.come(known("g1", ada)))
	a.outside(a.come(known("g4", ada)), "/home", "email_taken")
	root := a.enter("admin")
	a.do("POST", "/admin/users/"+u.ID+"/disable", nil, root.bearer()).is(200)
	a.outside(a.come(known("g1", ada)), "/home", "account_disabled")
	if a.Live(u.ID) != 0 {
		t.Error("a session is there")
	}
}

func TestClosedSignupAtAProvider(t *testing.T) {
	a := travel(t, nil, "--signup=closed")
	a.outside(a.come(known("g1", ada)), "/home", "signup_closed")
	a.verified(ada)
	a.inside(a.come(known("g1", ada)))
}

// TestIDTokensThatDoNotVerify comes with id_tokens of which one claim, or the signature, is another's.
func TestIDTokensThatDoNotVerify(t *testing.T) {
	a := travel(t, nil)
	for name, spoil := range map[string]func(*mockoidc.IDTokenClaims){
		"nonce":       func(c *mockoidc.IDTokenClaims) { c.Nonce = "another" },
		"no nonce":    func(c *mockoidc.IDTokenClaims) { c.Nonce = "" },
		"audience":    func(c *mockoidc.IDTokenClaims) { c.Audience = jwt.ClaimStrings{"another"} },
		"no audience": func(c *mockoidc.IDTokenClaims) { c.Audience = nil },
		"issuer":      func(c *mockoidc.IDTokenClaims) { c.Issuer = "https://accounts.example.com" },
		"expiry":      func(c *mockoidc.IDTokenClaims) { c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-time.Hour)) },
		"no expiry":   func(c *mockoidc.IDTokenClaims) { c.ExpiresAt = nil },
	} {
		who := known("g1", ada)
		who.spoil = spoil
		t.Run(name, func(t *testing.T) { a.outside(a.come(who), "/home", "provider_error") })
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	own := a.google.Keypair
	a.google.Keypair = &mockoidc.Keypair{PrivateKey: key, PublicKey: own.PublicKey, Kid: own.Kid}
	a.outside(a.come(known("g1", ada)), "/home", "provider_error")
	a.google.Keypair = own
	a.inside(a.come(known("g1", ada)))
}

func TestAProviderThatIsDownWhenTheServerStarts(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + ln.Addr().String()
	_ = ln.Close()
	l := open(t, nil, "--oauth-google-issuer="+issuer, "--oauth-google-client-id=x", "--oauth-google-client-secret=y")
	l.do("GET", "/auth/oauth/google?redirect_to=/home", nil).to("/login#error=provider_error")
	l.do("POST", "/auth/login", login("nobody@example.com", "x")).problem(401, "invalid_credentials")

	a := travel(t, nil)
	a.down = true
	a.do("GET", "/auth/oauth/google", nil).to("/login#error=provider_error")
	a.down = false
	a.inside(a.come(known("g1", ada))) // and is up again later
}

func TestAProviderThatIsDownLater(t *testing.T) {
	a := travel(t, nil)
	away, browser := a.leave("/auth/oauth/google?redirect_to=/home")
	callback := a.agree(away, known("g1", ada))
	a.down = true
	a.outside(a.do("GET", callback, nil, withBrowser(browser)), "/home", "provider_error")
	for _, path := range []string{"/login/oauth/access_token", "/api/user", "/api/user/emails"} {
		away, browser := a.leave("/auth/oauth/github?redirect_to=/home")
		callback := a.agree(away, nil)
		a.github.broken = path
		a.outside(a.do("GET", callback, nil, withBrowser(browser)), "/home", "provider_error")
		a.github.broken = ""
	}
	a.inside(a.comeByHub())
}

// TestCancelledAtTheProvider (G2, G4): what was cancelled is told to the page that asked, if the state is good.
func TestCancelledAtTheProvider(t *testing.T) {
	a := travel(t, nil)
	for code, want := range map[string]string{"access_denied": "access_denied", "temporarily_unavailable": "provider_error", "%3Cscript%3E": "provider_error"} {
		away, browser := a.leave("/auth/oauth/google?redirect_to=/home")
		path := "/auth/oauth/google/callback?error=" + code + "&state="
		a.outside(a.do("GET", path+"x", nil, withBrowser(browser)), "/login", "state_invalid")
		a.outside(a.do("GET", path+away.Query().Get("state"), nil, withBrowser(browser)), "/home", want)
	}
}

func TestTripsAreLimited(t *testing.T) {
	a := travel(t, proxied)
	for range ratelimit.LoginAddress.Burst {
		a.do("GET", "/auth/oauth/google/callback?state=x&code=y", nil, client(1)).to("/login#error=state_invalid")
	}
	a.do("GET", "/auth/oauth/google/callback?state=x&code=y", nil, client(1)).to("/login#error=rate_limited")
	a.do("GET", "/auth/oauth/google/callback?state=x&code=y", nil, client(2)).to("/login#error=state_invalid")
	a.exhaust(ratelimit.Anonymous, "192.0.2.3")
	a.do("GET", "/auth/oauth/google", nil, client(3)).limited()
	for range 2 * ratelimit.LoginAddress.Burst { // good ones give their places back
		a.inside(a.come(known("g1", ada), client(4)))
	}
}

// TestWhereATripMayEnd (O4, G4).
func TestWhereATripMayEnd(t *testing.T) {
	a := travel(t, unlimited, "--allowed-origins=http://localhost:8080,https://app.example.com")
	d := a.enter()
	for _, to := range []string{"", "/", "/home", "/a/b?x=1&y=//z", "/a//b", "/ü", "/a%20b", "http://localhost:8080", "http://localhost:8080/x", "https://app.example.com/?a=b"} {
		away, browser := a.leave("/auth/oauth/google?redirect_to=" + url.QueryEscape(to))
		if to == "" {
			to = "/"
		}
		a.outside(a.do("GET", "/auth/oauth/google/callback?error=access_denied&state="+away.Query().Get("state"), nil, withBrowser(browser)), to, "access_denied")
	}
	for _, to := range badDestinations {
		r := a.do("GET", "/auth/oauth/google?redirect_to="+url.QueryEscape(to), nil)
		if r.problem(http.StatusBadRequest, "invalid_request"); r.cookieOf("gatehouse_oauth") != nil {
			t.Errorf("%s sets a cookie", r.call)
		}
		a.do("POST", "/auth/oauth/google/link", doc{"redirect_to": to}, d.bearer()).problem(400, "invalid_request")
	}
}

// badDestinations are where no browser may be sent, in forms that some reader or other takes for this site.
var badDestinations = []string{
	"//evil.example", "///evil.example", `/\evil.example`, `\/evil.example`, `\\evil.example`, "https:evil.example", "https:/evil.example", "http:///evil.example",
	"https://evil.example", "http://evil.example/http://localhost:8080", "evil.example", "home", "?x", ".//evil.example", "javascript:alert(1)", "data:text/html,x",
	"%2F%2Fevil.example", "/%2Fevil.example", "/%2f/evil.example", "/%5Cevil.example", "/%5c%5cevil.example", "%2f/evil.example", "/%09/evil.example", "/%00",
	"http://localhost:8080@evil.example", "http://user@localhost:8080/", "http://user:pass@localhost:8080/", "http://@localhost:8080/",
	"http://localhost:8081/", "http://localhost/", "http://localhost:8080.evil.example/", "https://localhost:8080/", "https://app.example.com:444/", "https://app.example.com./",
	"https://sub.app.example.com/", "http://app.example.com/", "/home#", "/home#x", "http://localhost:8080/#x", "https://app.example.com#",
	"/\tevil", "/\nevil", "/\r\nSet-Cookie: a=b", "\t//evil.example", " //evil.example", "/ evil", "/\u00a0evil", "/\u0000", "/%zz",
	"//localhost:8080/", strings.Repeat("/", 5),
}
