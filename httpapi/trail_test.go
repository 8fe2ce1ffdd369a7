package httpapi_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

// lines are what was logged, one object each.
type lines struct {
	mu   sync.Mutex // guards the following
	text bytes.Buffer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// of are the lines with the id of a request, once there are some: they come after the answer.
func (l *lines) of(t *testing.T, request string) (found []doc) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); len(found) == 0; {
		if time.Now().After(end) {
			t.Fatalf("nothing is logged of %s", request)
		}
		l.mu.Lock()
		text := l.text.String()
		l.mu.Unlock()
		for line := range strings.Lines(text) {
			var d doc
			if err := json.Unmarshal([]byte(line), &d); err != nil {
				t.Fatal(err)
			}
			if d["request"] == request {
				found = append(found, d)
			}
		}
	}
	return found
}

// logged has everything logged.
func logged(out *lines) func(*lab) {
	return func(l *lab) {
		l.cfg.Log = slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

func TestEveryRequestHasAnIDAndOneLine(t *testing.T) {
	var log lines
	l := open(t, logged(&log))
	d := l.enter()
	for _, c := range []struct{ method, path, route string }{
		{"GET", "/auth/me", "/auth/me"}, {"DELETE", "/auth/sessions/" + marker, "/auth/sessions/{id}"},
		{"GET", "/auth/" + marker, "none"}, {"GET", "/healthz", "/healthz"}, {marker, "/auth/me", "none"},
	} {
		a := l.do(c.method, c.path+"?q="+marker, nil, d.bearer())
		request := a.header.Get("X-Request-Id")
		if !id.Is(id.Request, request) {
			t.Errorf("%s %s: the id is %q", c.method, c.path, request)
		}
		got := log.of(t, request)
		if len(got) != 1 || got[0]["route"] != c.route || got[0]["status"] != float64(a.status) || got[0]["level"] != "DEBUG" {
			t.Errorf("%s %s: %v, want one line of %s", c.method, c.path, got, c.route)
		}
	}
	if strings.Contains(log.text.String(), marker) {
		t.Error("what was sent is in the log")
	}
	a := l.do("GET", "/auth/me", nil, d.bearer()).is(200)
	if got := log.of(t, a.header.Get("X-Request-Id")); got[0]["session"] != d.ID || got[0]["client"] != here {
		t.Errorf("the line does not say whose request it was: %v", got)
	}
}

func TestOurFailuresAreWarnings(t *testing.T) {
	var log lines
	l := open(t, func(l *lab) { broken(l); logged(&log)(l) })
	a := l.do("GET", "/auth/me", nil, l.enter().bearer())
	if a.status < 500 {
		t.Fatalf("status %d", a.status)
	}
	got := log.of(t, a.header.Get("X-Request-Id"))
	if len(got) != 1 || got[0]["level"] != "WARN" || got[0]["error"] == nil {
		t.Errorf("%v, want one warning with the cause", got)
	}
}

// broken has the API's presence fail with an error that must not be shown.
func broken(l *lab) {
	l.cfg.Guard.Fence, l.cfg.Guard.Fresh = time.Second, func() time.Duration { return time.Hour }
}

func TestOnlyTrustedProxiesNameRequests(t *testing.T) {
	l := open(t, nil)
	if a := l.do("GET", "/healthz", nil, with("X-Request-Id", "mine")); a.header.Get("X-Request-Id") == "mine" {
		t.Error("a stranger chose the id")
	}
	l = open(t, proxied)
	for given, taken := range map[string]bool{
		"4bf92f35-77b3.4da6_A": true, strings.Repeat("x", 64): true,
		strings.Repeat("x", 65): false, "a b": false, "a\tb": false, "ä": false, "{}": false, "": false,
	} {
		a := l.do("GET", "/healthz", nil, with("X-Request-Id", given))
		if got := a.header.Get("X-Request-Id"); (got == given) != taken || got == "" {
			t.Errorf("%q became %q", given, got)
		}
	}
}

func TestServedHearsPatternsOnly(t *testing.T) {
	var mu sync.Mutex
	heard := map[string]int{}
	l := open(t, func(l *lab) {
		l.cfg.Served = func(method, route string, status int, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			heard[method+" "+route] = status
		}
	})
	d := l.enter()
	l.do("DELETE", "/auth/sessions/"+marker, nil, d.bearer()).is(404)
	l.do("GET", "/"+marker, nil).is(404)
	l.do(marker, "/"+marker, nil).is(404)
	l.do("HEAD", "/auth/me", nil, d.bearer()).is(200)
	l.http.CloseIdleConnections()
	mu.Lock()
	defer mu.Unlock()
	for what, status := range map[string]int{
		"DELETE /auth/sessions/{id}": 404, "GET none": 404, "OTHER none": 404, "HEAD /auth/me": 200,
	} {
		if heard[what] != status {
			t.Errorf("%s: %d, heard %v", what, heard[what], heard)
		}
	}
}

func TestCountedAnswersSayWhatIsLeft(t *testing.T) {
	l := open(t, nil)
	l.AddUser("ada@example.com")
	d := l.enter()
	shows := func(a *answer, limit, left, reset, policy string) {
		t.Helper()
		for name, want := range map[string]string{
			"RateLimit-Limit": limit, "RateLimit-Remaining": left, "RateLimit-Reset": reset, "RateLimit-Policy": policy,
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", a.call, name, got, want)
			}
		}
	}
	shows(l.do("GET", "/auth/me", nil, d.bearer()).is(200), "600", "599", "1", "600;w=60")
	shows(l.do("GET", "/auth/me", nil, d.bearer()).is(200), "600", "598", "1", "600;w=60")
	shows(l.do("GET", "/auth/options", nil).is(200), "100", "99", "9", "100;w=900")
	// Of two limits, the one that leaves less; a good sign-in gives its place back.
	shows(l.do("POST", "/auth/login", login("ada@example.com", "wrong")).is(401), "5", "4", "60", "5;w=300")
	shows(l.do("POST", "/auth/login", login("ada@example.com", rulestest.Password)).is(200), "5", "4", "60", "5;w=300")
	l.exhaust(ratelimit.Limit{Name: ratelimit.LoginAccount.Name, Burst: 4, Per: ratelimit.LoginAccount.Per}, "ada@example.com")
	refused := l.do("POST", "/auth/login", login("ada@example.com", rulestest.Password))
	refused.limited()
	shows(refused, "5", "0", "300", "5;w=300")
	for _, path := range []string{"/healthz", "/.well-known/jwks.json", "/"} {
		if a := l.do("GET", path, nil); a.header.Get("RateLimit-Limit") != "" {
			t.Errorf("%s is not counted, and says %v", path, a.header)
		}
	}
}

func TestWithoutLimitsNothingIsSaidOfThem(t *testing.T) {
	l := open(t, unlimited)
	if a := l.do("GET", "/auth/options", nil).is(200); a.header.Get("RateLimit-Limit") != "" {
		t.Errorf("%v", a.header)
	}
}

func TestPagesOfOtherOriginsMayReadTheLimits(t *testing.T) {
	l := open(t, nil, "--allowed-origins="+app)
	exposed := l.do("GET", "/auth/options", nil, with("Origin", app)).is(200).header.Get("Access-Control-Expose-Headers")
	for _, name := range []string{"RateLimit-Remaining", "Retry-After", "X-Request-Id"} {
		if !strings.Contains(exposed, name) {
			t.Errorf("%s is not in %q", name, exposed)
		}
	}
}

func TestAProxyThatNobodyDeclaredIsNoticed(t *testing.T) {
	var log lines
	l := open(t, func(l *lab) { logged(&log)(l); unlimited(l) })
	said := func() int {
		log.mu.Lock()
		defer log.mu.Unlock()
		return strings.Count(log.text.String(), "GATEHOUSE_TRUSTED_PROXIES")
	}
	for range 30 {
		l.do("GET", "/auth/options", nil)
	}
	if said() != 0 || l.api.BehindUndeclaredProxy() {
		t.Error("direct requests look like a proxy")
	}
	for i := range 30 {
		l.do("GET", "/auth/options", nil, client(i))
	}
	if said() != 1 || !l.api.BehindUndeclaredProxy() {
		t.Errorf("said %d times", said())
	}
	l.Advance(61 * time.Minute)
	if l.api.BehindUndeclaredProxy() {
		t.Error("it is not forgotten")
	}
	l.do("GET", "/auth/options", nil, client(1))
	if said() != 2 {
		t.Errorf("said %d times after an hour", said())
	}
	declared := open(t, func(l *lab) { proxied(l); logged(&log)(l); unlimited(l) })
	for i := range 30 {
		declared.do("GET", "/auth/options", nil, client(i))
	}
	if said() != 2 || declared.api.BehindUndeclaredProxy() {
		t.Error("a declared proxy is complained about")
	}
}
