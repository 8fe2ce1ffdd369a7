package httpapi_test

import (
	"slices"
	"strings"
	"testing"
)

const app = "https://app.example.com"

func TestHeadAnswersAsGet(t *testing.T) {
	l := open(t, nil)
	d := l.enter()
	for _, path := range []string{"/auth/me", "/auth/sessions", "/auth/options", "/healthz", "/openapi.json", "/docs", "/", "/.well-known/jwks.json"} {
		get, head := l.do("GET", path, nil, d.bearer()).is(200), l.do("HEAD", path, nil, d.bearer()).is(200)
		if len(head.body) > 0 || head.header.Get("Content-Type") != get.header.Get("Content-Type") {
			t.Errorf("HEAD %s: %d bytes of %q", path, len(head.body), head.header.Get("Content-Type"))
		}
	}
	if a := l.do("HEAD", "/auth/me", nil).is(401); a.header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("HEAD without a token: %v", a.header)
	}
}

func TestListedOriginsMayReadAnswers(t *testing.T) {
	l := open(t, nil, "--allowed-origins="+app+","+home)
	for _, origin := range []string{app, home} {
		a := l.do("GET", "/auth/me", nil, with("Origin", origin)).is(401)
		for name, want := range map[string]string{"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin"} {
			if a.header.Get(name) != want {
				t.Errorf("%s: %s is %q", origin, name, a.header.Get(name))
			}
		}
		if !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "Retry-After") {
			t.Error("the page cannot read Retry-After")
		}
	}
}

func TestOtherOriginsGetNoSuchHeader(t *testing.T) {
	l := open(t, nil, "--allowed-origins="+app)
	for _, origin := range []string{"", "null", "*", home, "http://app.example.com", app + ":444", app + ".evil.example", "https://evil.example", app + "/"} {
		for _, method := range []string{"GET", "OPTIONS"} {
			a := l.do(method, "/auth/me", nil, with("Origin", origin), with("Access-Control-Request-Method", "PATCH"))
			for name := range a.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s from %q gets %s", method, origin, name)
				}
			}
			if !slices.Contains(a.header["Vary"], "Origin") || a.status < 400 {
				t.Errorf("%s from %q: %d, Vary %q", method, origin, a.status, a.header["Vary"])
			}
		}
	}
}

func TestPreflightNeedsNoAuthentication(t *testing.T) {
	l := open(t, fenced, "--allowed-origins="+app)
	a := l.do("OPTIONS", "/admin/users/x/roles", nil, with("Origin", app), with("Access-Control-Request-Method", "PUT"),
		with("Access-Control-Request-Headers", "authorization,content-type")).is(204)
	methods, headers := a.header.Get("Access-Control-Allow-Methods"), strings.ToLower(a.header.Get("Access-Control-Allow-Headers"))
	for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		if !strings.Contains(methods, m) {
			t.Errorf("%s is not among %s", m, methods)
		}
	}
	if !strings.Contains(headers, "authorization") || !strings.Contains(headers, "content-type") || a.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("preflight answers %v", a.header)
	}
	l.do("OPTIONS", "/auth/me", nil, with("Origin", app)).is(405) // no preflight
}

func TestNobodyKeepsAnswersOfTheAPI(t *testing.T) {
	l := open(t, nil)
	d := l.enter()
	for _, call := range []string{"GET /auth/me", "GET /auth/options", "GET /auth/nowhere", "GET /admin/users", "PUT /auth/me", "GET /auth", "POST /auth/login", "OPTIONS /auth/me"} {
		method, path, _ := strings.Cut(call, " ")
		a := l.do(method, path, nil, d.bearer())
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: Cache-Control %q, X-Content-Type-Options %q", call, a.header.Get("Cache-Control"), a.header.Get("X-Content-Type-Options"))
		}
	}
	for _, path := range []string{"/", "/docs", "/nowhere", "/openapi.json", "/.well-known/jwks.json"} {
		if a := l.do("GET", path, nil); a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be sniffed", path)
		}
	}
}
