package doctor

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/config"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

func settings(t *testing.T, flags ...string) config.Config {
	t.Helper()
	cfg, err := config.Load(append([]string{"--listen=127.0.0.1:0", "--store=sqlite:" + t.TempDir() + "/gatehouse.db"}, flags...), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// of is the finding of a check.
func (r Report) of(t *testing.T, check string) Finding {
	t.Helper()
	for _, f := range r {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("nothing is said of %s: %v", check, r)
	return Finding{}
}

func TestRedis(t *testing.T) {
	s := servertest.StartRedis(t)
	cfg := settings(t)
	cfg.RedisURL = s.URL()
	look := func() Report {
		x := &examination{cfg: cfg}
		x.redis(t.Context())
		return x.report
	}
	for _, check := range []string{"redis", "redis bus", "redis clock"} {
		if f := look().of(t, check); f.Verdict != OK {
			t.Errorf("%v", f)
		}
	}
	s.Kill()
	s.Start("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	if f := look().of(t, "redis"); f.Verdict != Problem || !strings.Contains(f.Do, "noeviction") {
		t.Errorf("%v", f)
	}
	s.Kill()
	if f := look().of(t, "redis"); f.Verdict != Problem || !strings.Contains(f.Do, "GATEHOUSE_REDIS_URL") {
		t.Errorf("%v", f)
	}
}

func TestAnotherProgramOnThePort(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	cfg := settings(t)
	cfg.Listen = other.Listener.Addr().String()
	if f := Examine(t.Context(), cfg).of(t, "server"); f.Verdict != Problem || !strings.Contains(f.Do, "GATEHOUSE_LISTEN") {
		t.Errorf("%v", f)
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mute.Close()
	cfg.Listen = mute.Addr().String()
	if f := Examine(t.Context(), cfg).of(t, "server"); f.Verdict != OK {
		t.Errorf("%v", f)
	}
}

func TestProxies(t *testing.T) {
	for name, c := range map[string]struct {
		flags []string
		want  Verdict
	}{
		"none, directly":            {nil, OK},
		"none, behind https":        {[]string{"--public-url=https://gate.example.com"}, Warning},
		"everybody":                 {[]string{"--trusted-proxies=0.0.0.0/0"}, Problem},
		"everybody of IPv6":         {[]string{"--trusted-proxies=::/0"}, Problem},
		"half of the world":         {[]string{"--trusted-proxies=128.0.0.0/1"}, Problem},
		"a private network":         {[]string{"--listen=:8080", "--trusted-proxies=10.0.0.0/8,fd00::/8"}, OK},
		"others than this machine":  {[]string{"--listen=127.0.0.1:8080", "--trusted-proxies=10.0.0.0/8"}, Warning},
		"this machine":              {[]string{"--listen=127.0.0.1:8080", "--trusted-proxies=127.0.0.1/32"}, OK},
		"a network of a provider's": {[]string{"--listen=:8080", "--trusted-proxies=173.245.48.0/20,2400:cb00::/32"}, OK},
	} {
		t.Run(name, func(t *testing.T) {
			x := &examination{cfg: settings(t, c.flags...)}
			x.proxies()
			if f := x.report.of(t, "proxies"); f.Verdict != c.want || (f.Do == "") != (c.want == OK) {
				t.Errorf("%v, want %s", f, c.want)
			}
		})
	}
}

func TestIssuers(t *testing.T) {
	var issuer *httptest.Server
	issuer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.well-known/openid-configuration" {
			_, _ = w.Write([]byte(`{"issuer":"` + issuer.URL + `"}`))
		}
	}))
	defer issuer.Close()
	look := func(url string) Finding {
		cfg := settings(t, "--oauth-google-client-id=us", "--oauth-google-client-secret=x", "--oauth-google-issuer="+url)
		return Examine(t.Context(), cfg).of(t, "google")
	}
	if f := look(issuer.URL); f.Verdict != OK {
		t.Errorf("%v", f)
	}
	strange := httptest.NewServer(http.NotFoundHandler())
	defer strange.Close()
	if f := look(strange.URL); f.Verdict != Warning {
		t.Errorf("%v", f)
	}
}

func TestReportsAreOneLineEachOrJSON(t *testing.T) {
	r := Report{{OK, "a", "all\nis well", ""}, {Problem, "b", "it is broken", "mend it"}}
	var text, data bytes.Buffer
	if err := r.Print(&text); err != nil || text.String() != "ok       a              all is well\nproblem  b              it is broken → mend it\n" {
		t.Errorf("%v\n%s", err, text.String())
	}
	var back struct{ Checks Report }
	if err := r.JSON(&data); err != nil || json.Unmarshal(data.Bytes(), &back) != nil || len(back.Checks) != 2 || back.Checks[1] != r[1] {
		t.Errorf("%v\n%s", err, data.String())
	}
	if r.Healthy() || !r[:1].Healthy() {
		t.Error("healthy with a problem, or not without")
	}
}
