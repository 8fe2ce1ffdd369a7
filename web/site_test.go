package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatehouse-dev/gatehouse/web"
)

const script = "assets/main-a1b2c3d4.js"

var app = fstest.MapFS{
	"index.html": {Data: []byte(`<!doctype html><script src="/` + script + `"></script>`)},
	script:       {Data: []byte(strings.Repeat("export const a = 1;\n", 200))},
	"icon.svg":   {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)},
	".gitkeep":   {Data: nil},
}

func get(t *testing.T, h http.Handler, method, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAddressesOfTheAppGetItsPage(t *testing.T) {
	site := web.Site(app)
	for _, path := range []string{"/", "/login", "/staff/users/usr_1", "/index.html", "/.gitkeep", "/../index.html"} {
		res := get(t, site, "GET", path)
		if res.StatusCode != 200 || !strings.Contains(body(t, res.Body), script) || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d as %q", path, res.StatusCode, res.Header.Get("Content-Type"))
		}
		if got := res.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s is kept: %q", path, got)
		}
	}
	if res := get(t, site, "HEAD", "/login"); res.StatusCode != 200 || body(t, res.Body) != "" {
		t.Errorf("HEAD: %d with a body", res.StatusCode)
	}
}

func TestPolicyOfThePage(t *testing.T) {
	res := get(t, web.Site(app), "GET", "/security")
	csp := res.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("%q lacks %s", csp, part)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") || strings.Contains(csp, "*") {
		t.Errorf("%q lets others in", csp)
	}
	if res.Header.Get("Referrer-Policy") != "no-referrer" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", res.Header)
	}
}

func TestAssetsAreKeptForever(t *testing.T) {
	site := web.Site(app)
	res := get(t, site, "GET", "/"+script)
	if res.StatusCode != 200 || res.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || !strings.Contains(res.Header.Get("Content-Type"), "javascript") {
		t.Errorf("%d with %v", res.StatusCode, res.Header)
	}
	if res := get(t, site, "GET", "/icon.svg"); res.Header.Get("Cache-Control") != "public, max-age=86400" {
		t.Errorf("a name without a hash is kept: %q", res.Header.Get("Cache-Control"))
	}
	// An old page that asks for a script of yesterday must not get a page as a script.
	if res := get(t, site, "GET", "/assets/main-00000000.js", "Accept", "text/html"); res.StatusCode != 404 {
		t.Errorf("a missing asset: %d", res.StatusCode)
	}
}

func TestScriptsTravelPacked(t *testing.T) {
	site := web.Site(app)
	plain := get(t, site, "GET", "/"+script)
	packed := get(t, site, "GET", "/"+script, "Accept-Encoding", "br, gzip;q=0.8")
	if plain.Header.Get("Content-Encoding") != "" || packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("Vary") != "Accept-Encoding" {
		t.Fatalf("plain %v, packed %v", plain.Header, packed.Header)
	}
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body(t, z) != body(t, plain.Body) {
		t.Error("they differ")
	}
	if get(t, site, "GET", "/"+script, "Accept-Encoding", "gzip;q=0").Header.Get("Content-Encoding") != "" {
		t.Error("packed for somebody who can't unpack")
	}
	tag := packed.Header.Get("ETag")
	if tag == plain.Header.Get("ETag") {
		t.Error("one tag for two contents")
	}
	if res := get(t, site, "GET", "/"+script, "Accept-Encoding", "gzip", "If-None-Match", tag); res.StatusCode != 304 {
		t.Errorf("asked again: %d", res.StatusCode)
	}
}

var inline = regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>[^<]|<style|\sstyle=|\son\w+=|javascript:|(?:src|href)="(?:https?:)?//`)

// TestBuiltAppObeysThePolicy looks at the app that is in this binary, where it is.
func TestBuiltAppObeysThePolicy(t *testing.T) {
	if !web.Built() {
		t.Skip("the app is not built: make app")
	}
	page := body(t, get(t, web.Handler(), "GET", "/").Body)
	if found := inline.FindString(page); found != "" {
		t.Errorf("the page has %q", found)
	}
	names := regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(names) < 4 {
		t.Errorf("the page names only %v", names)
	}
	for _, name := range names {
		if res := get(t, web.Handler(), "GET", name[1]); res.StatusCode != 200 || strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d as %q", name[1], res.StatusCode, res.Header.Get("Content-Type"))
		}
	}
}

func TestFrontPageNeedsNoApp(t *testing.T) {
	res := get(t, web.Front(), "GET", "/")
	if res.StatusCode != 200 || !strings.Contains(body(t, res.Body), "gatehouse user create") {
		t.Errorf("%d", res.StatusCode)
	}
}
