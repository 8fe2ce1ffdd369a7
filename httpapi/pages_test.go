package httpapi_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/web"
)

func TestMetricsAreForThisMachineOnly(t *testing.T) {
	direct, behind, none := open(t, nil), open(t, proxied), open(t, func(l *lab) { l.cfg.Metrics = nil })
	for name, c := range map[string]struct {
		lab    *lab
		parts  []part
		served bool
	}{
		"this machine":                      {direct, nil, true},
		"a proxy that nobody trusts":        {direct, []part{from("127.0.0.1")}, false},
		"one that says Forwarded":           {direct, []part{with("Forwarded", "for=127.0.0.1")}, false},
		"one that says X-Real-IP":           {direct, []part{with("X-Real-IP", "127.0.0.1")}, false},
		"one that says Via":                 {direct, []part{with("Via", "1.1 proxy")}, false},
		"one that says X-Forwarded-Proto":   {direct, []part{with("X-Forwarded-Proto", "https")}, false},
		"a client of a trusted proxy":       {behind, []part{from("192.0.2.1")}, false},
		"one that claims to be at home":     {behind, []part{from("127.0.0.1, 192.0.2.1")}, false},
		"a client on the proxy's machine":   {behind, []part{from("127.0.0.1")}, true},
		"an admin from elsewhere":           {behind, []part{from("192.0.2.1"), behind.enter(account.RoleAdmin).bearer()}, false},
		"nobody, where they are not served": {none, nil, false},
	} {
		a := c.lab.do("GET", "/metrics", nil, c.parts...)
		if !c.served {
			a.problem(404, "not_found")
		} else if string(a.is(200).body) != "metrics" {
			t.Errorf("%s: %s", name, a)
		}
	}
}

func TestHealthAndReadiness(t *testing.T) {
	l := open(t, nil)
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := l.do("GET", path, nil).is(200); a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s with %v", a, a.header)
		}
	}
	_ = l.Store.Close()
	l.do("GET", "/healthz", nil).is(200)
	l.do("GET", "/readyz", nil).problem(503, "unavailable")
}

func TestKeysArePublic(t *testing.T) {
	l := open(t, nil)
	a := l.do("GET", "/.well-known/jwks.json", nil).is(200)
	keys := a.member("keys").([]any)
	if a.header.Get("Content-Type") != "application/jwk-set+json" || len(keys) < 2 {
		t.Errorf("%s as %q", a, a.header.Get("Content-Type"))
	}
	for _, k := range keys {
		if k.(doc)["d"] != nil || k.(doc)["kty"] != "OKP" || k.(doc)["crv"] != "Ed25519" || k.(doc)["kid"] == nil {
			t.Errorf("key %v", k)
		}
	}
}

var (
	style      = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	activePart = regexp.MustCompile(`(?i)<(script|link|img|iframe|object|embed|base|form)\b|\son\w+\s*=|\sstyle\s*=|\ssrc\s*=|javascript:|@import|url\(`)
	linkTarget = regexp.MustCompile(`href="([^"]*)"`)
)

// TestPagesLoadNothing: what people see has one style, which its policy names, and nothing else.
func TestPagesLoadNothing(t *testing.T) {
	l := open(t, nil)
	for _, path := range []string{"/", "/docs"} {
		a := l.do("GET", path, nil).is(200)
		page, policy := string(a.body), a.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || !strings.HasPrefix(policy, "default-src 'none'; ") ||
			strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "base-uri 'none'") {
			t.Errorf("%s: policy %q", path, policy)
		}
		styles := style.FindAllStringSubmatch(page, -1)
		if len(styles) != 1 {
			t.Fatalf("%s has %d styles", path, len(styles))
		}
		sum := sha256.Sum256([]byte(styles[0][1]))
		if !strings.Contains(policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
			t.Errorf("%s: the policy %q does not let its style through", path, policy)
		}
		if found := activePart.FindString(page); found != "" {
			t.Errorf("%s has %q", path, found)
		}
		for _, link := range linkTarget.FindAllStringSubmatch(page, -1) {
			l.do("GET", link[1], nil).is(200)
		}
	}
}

// withApp has an app of one page and one script.
func withApp(l *lab) {
	l.cfg.Pages = true
	l.cfg.App = web.Site(fstest.MapFS{
		"index.html":     {Data: []byte("<!doctype html>the app")},
		"assets/main.js": {Data: []byte("export {}")},
		"icon.svg":       {Data: []byte("<svg/>")},
	})
}

var toPage = with("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")

func TestNavigationsGetTheApp(t *testing.T) {
	l := open(t, withApp)
	for _, path := range []string{"/", "/login?next=/staff", "/staff/users/usr_1", "/authority", "/docsy"} {
		a := l.do("GET", path, nil, toPage).is(200)
		if string(a.body) != "<!doctype html>the app" || a.header.Get("Content-Security-Policy") == "" || a.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s with %v", a, a.header)
		}
		if a := l.do("HEAD", path, nil, toPage).is(200); len(a.body) != 0 {
			t.Errorf("HEAD %s", a)
		}
	}
	if a := l.do("GET", "/assets/main.js", nil).is(200); !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s with %v", a, a.header)
	}
	l.do("GET", "/icon.svg", nil).is(200)
}

// TestAppSwallowsNothing: what is not found in the API is a problem for browsers too, and so is what is no navigation.
func TestAppSwallowsNothing(t *testing.T) {
	l := open(t, withApp)
	for _, path := range []string{
		"/auth", "/auth/nowhere", "/auth/sessions/ses_1/x", "/admin", "/admin/nowhere", "/ws/x", "/events/x", "/metrics/x", "/docs/x",
		"/openapi.json/x", "/healthz/", "/readyz/x", "/.well-known/nowhere", "/auth%2Fnowhere",
	} {
		l.do("GET", path, nil, toPage).problem(404, "not_found")
	}
	l.do("GET", "/assets/gone.js", nil, toPage).is(404)
	l.do("GET", "/security", nil).problem(404, "not_found")
	l.do("GET", "/security", nil, with("Accept", "application/json")).problem(404, "not_found")
	l.do("POST", "/security", nil, toPage).problem(404, "not_found")
	l.do("GET", "/auth/login", nil, toPage).problem(405, "method_not_allowed")
}

func TestWithoutTheAppThereIsOnePage(t *testing.T) {
	l := open(t, nil)
	l.do("GET", "/", nil, toPage).is(200)
	for _, path := range []string{"/login", "/assets/main.js", "/icon.svg"} {
		l.do("GET", path, nil, toPage).problem(404, "not_found")
	}
}

func TestDocsShowEveryOperation(t *testing.T) {
	l := open(t, nil)
	page := string(l.do("GET", "/docs", nil).is(200).body)
	for path, item := range l.api.OpenAPI().Paths {
		for _, op := range operations(item) {
			if !strings.Contains(page, "<b>"+op.Method+"</b> "+path+"</code>") || !strings.Contains(page, html.EscapeString(op.Summary)) {
				t.Errorf("%s %s is not shown", op.Method, path)
			}
		}
	}
}
