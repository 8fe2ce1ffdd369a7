package httpapi_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

// abroad is a lab with two providers: one of OpenID Connect in the place of Google, and a double of GitHub.
type abroad struct {
	*lab
	google *mockoidc.MockOIDC
	github *hub
	down   bool // whether Google answers that it is unavailable
}

func travel(t testing.TB, prepare func(*lab), flags ...string) *abroad {
	t.Helper()
	a := &abroad{github: newHub(t)}
	a.openGoogle(t)
	a.lab = open(t, prepare, append([]string{
		"--oauth-google-issuer=" + a.google.Issuer(), "--oauth-google-client-id=" + a.google.ClientID, "--oauth-google-client-secret=" + a.google.ClientSecret,
		"--oauth-github-url=" + a.github.url, "--oauth-github-api-url=" + a.github.url + "/api",
		"--oauth-github-client-id=" + hubID, "--oauth-github-client-secret=" + hubSecret,
	}, flags...)...)
	return a
}

func (a *abroad) openGoogle(t testing.TB) {
	t.Helper()
	var err error
	if a.google, err = mockoidc.NewServer(nil); err != nil {
		t.Fatal(err)
	}
	err = a.google.AddMiddleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if a.down {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = a.google.Start(ln, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.google.Shutdown() })
}

// person is somebody with an account at Google, and what is wrong with its id_token.
type person struct {
	mockoidc.MockUser
	name  string
	spoil func(*mockoidc.IDTokenClaims)
}

func (p *person) Claims(_ []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	if p.spoil != nil {
		p.spoil(base)
	}
	return &struct {
		*mockoidc.IDTokenClaims
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
		Name     string `json:"name"`
	}{base, p.Email, p.EmailVerified, p.name}, nil
}

// known is somebody whose address Google vouches for.
func known(subject, email string) *person {
	return &person{MockUser: mockoidc.MockUser{Subject: subject, Email: email, EmailVerified: true}, name: "Ada L."}
}

// leave lets the browser begin a trip: where it is sent, and the secret it is given.
func (a *abroad) leave(path string, parts ...part) (away *url.URL, browser string) {
	a.t.Helper()
	r := a.do("GET", path, nil, parts...).is(http.StatusFound)
	away, err := url.Parse(r.header.Get("Location"))
	c := r.cookieOf("gatehouse_oauth")
	if err != nil || c == nil || c.Value == "" {
		a.t.Fatalf("%s to %s with cookie %v", r.call, away, c)
	}
	return away, c.Value
}

// agree lets the person say yes at the provider: with what the provider sends the browser back.
func (a *abroad) agree(away *url.URL, who *person) (callback string) {
	a.t.Helper()
	if who != nil {
		a.google.QueueUser(who)
	}
	resp, err := a.http.Get(away.String())
	if err != nil {
		a.t.Fatal(err)
	}
	_ = resp.Body.Close()
	callback, ok := strings.CutPrefix(resp.Header.Get("Location"), a.Config.PublicURL.String())
	if !ok {
		a.t.Fatalf("the provider answers %d, and sends the browser to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	return callback
}

func withBrowser(secret string) part { return with("Cookie", "gatehouse_oauth="+secret) }

// come is a whole trip to Google.
func (a *abroad) come(who *person, parts ...part) *answer {
	a.t.Helper()
	away, browser := a.leave("/auth/oauth/google?redirect_to=/home", parts...)
	return a.do("GET", a.agree(away, who), nil, append(parts, withBrowser(browser))...)
}

// comeByHub is one to GitHub.
func (a *abroad) comeByHub() *answer {
	a.t.Helper()
	away, browser := a.leave("/auth/oauth/github?redirect_to=/home")
	return a.do("GET", a.agree(away, nil), nil, withBrowser(browser))
}

// to demands a redirect.
func (a *answer) to(where string) *answer {
	a.t.Helper()
	if a.is(http.StatusFound); a.header.Get("Location") != where {
		a.t.Fatalf("%s to %q; want %q", a.call, a.header.Get("Location"), where)
	}
	return a
}

// cookieOf is the cookie of the name that was set, nil when none was.
func (a *answer) cookieOf(name string) *http.Cookie {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// inside demands that a trip ended in a cookie session, and is the device.
func (a *abroad) inside(r *answer) in {
	a.t.Helper()
	c := r.to("/home").cookieOf("gatehouse_refresh")
	if c == nil {
		a.t.Fatalf("%s sets no refresh cookie", r.call)
	}
	next := a.do("POST", "/auth/refresh", nil, cookie(c.Value), sameOrigin).is(200)
	u := a.Account(next.member("user.id").(string))
	return in{u, next.member("session.id").(string), next.member("access_token").(string), next.cookie().Value}
}

// outside demands that it ended with an error and in no session.
func (a *abroad) outside(r *answer, where, code string) {
	a.t.Helper()
	if r.to(where + "#error=" + code); r.cookieOf("gatehouse_refresh") != nil {
		a.t.Errorf("%s sets a refresh cookie", r.call)
	}
}

// verified makes a user with a password whose address is verified.
func (a *abroad) verified(email string) account.User {
	a.t.Helper()
	u, err := a.Accounts.Create(a.t.Context(), account.New{Email: email, Password: rulestest.Password, Verified: true})
	if err != nil {
		a.t.Fatal(err)
	}
	return u
}

const hubID, hubSecret = "hub id", "hub & secret"

// hub is a double of GitHub, with one person: OAuth without OpenID Connect, and errors with status 200.
type hub struct {
	url       string
	user      doc
	emails    []doc
	challenge string // of the code that was given last
	broken    string // the path that answers 500
}

func newHub(t testing.TB) *hub {
	h := &hub{user: doc{"id": 583231, "login": "ada-l", "name": nil}, emails: []doc{
		{"email": "other@example.com", "primary": false, "verified": true}, {"email": ada, "primary": true, "verified": true},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login/oauth/authorize", h.authorize)
	mux.HandleFunc("POST /login/oauth/access_token", h.token)
	mux.HandleFunc("GET /api/user", h.tell(func() any { return h.user }))
	mux.HandleFunc("GET /api/user/emails", h.tell(func() any { return h.emails }))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.broken != "" && strings.HasPrefix(r.URL.Path, h.broken) {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *hub) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != hubID || q.Get("code_challenge_method") != "S256" || q.Get("scope") != "read:user user:email" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.challenge = q.Get("code_challenge")
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {"hub code"}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
}

func (h *hub) token(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	id, _ = url.QueryUnescape(id)
	secret, _ = url.QueryUnescape(secret)
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	w.Header().Set("Content-Type", "application/json")
	answer := doc{"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}
	if id == hubID && secret == hubSecret && r.FormValue("code") == "hub code" && base64.RawURLEncoding.EncodeToString(sum[:]) == h.challenge {
		answer = doc{"access_token": "gho_token", "token_type": "bearer", "scope": "read:user,user:email"}
		h.challenge = ""
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (h *hub) tell(what func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer gho_token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(what())
	}
}
