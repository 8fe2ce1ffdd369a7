package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

func TestCookieFollowsThePublicURL(t *testing.T) {
	for url, want := range map[string]struct {
		name   string
		secure bool
	}{
		"https://gate.example.com": {"__Host-gatehouse_refresh", true},
		"http://localhost:8080":    {"gatehouse_refresh", false},
		"http://127.0.0.1:9000":    {"gatehouse_refresh", false},
	} {
		l := open(t, nil, "--public-url="+url)
		a := l.do("POST", "/auth/register", login("ada@example.com", rulestest.Password), with("Origin", url)).is(201)
		c := a.cookie()
		if c == nil || c.Name != want.name || c.Secure != want.secure {
			t.Fatalf("%s: cookie %v", url, c)
		}
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || !c.Expires.IsZero() {
			t.Errorf("%s: cookie %s", url, c.Raw)
		}
		if life := time.Duration(c.MaxAge) * time.Second; life != l.Config.RefreshTTL || float64(c.MaxAge) != a.member("refresh_expires_in") {
			t.Errorf("Max-Age %d, refresh_expires_in %v", c.MaxAge, a.member("refresh_expires_in"))
		}
		if a.object()["refresh_token"] != nil || strings.Contains(string(a.body), c.Value) {
			t.Error("a refresh token of the cookie stands in the JSON too")
		}
		refreshed := l.do("POST", "/auth/refresh", nil, with("Cookie", want.name+"="+c.Value), sameOrigin).is(200)
		if next := refreshed.cookie(); next == nil || next.Name != want.name || next.Value == c.Value {
			t.Errorf("%s: refreshed to %v", url, next)
		}
	}
}

func TestMaxAgeEndsWithTheSession(t *testing.T) {
	l := open(t, nil, "--refresh-ttl=2h", "--session-ttl=3h")
	d := l.browse(l.AddStranger())
	l.Advance(90 * time.Minute)
	a := l.do("POST", "/auth/refresh", nil, cookie(d.Refresh), sameOrigin).is(200)
	if c := a.cookie(); c.MaxAge != 5400 || a.member("refresh_expires_in") != 5400.0 {
		t.Errorf("Max-Age %d, refresh_expires_in %v; the session has 90 minutes", c.MaxAge, a.member("refresh_expires_in"))
	}
}

func TestTransportOfASignIn(t *testing.T) {
	l := open(t, unlimited)
	l.AddUser("ada@example.com")
	for _, c := range []struct {
		name, transport string
		parts           []part
		want            string // cookie, body or the code of a refusal
	}{
		{"native", "", nil, "body"},
		{"own page", "", []part{sameOrigin}, "cookie"},
		{"listed origin", "", []part{with("Origin", home)}, "cookie"},
		{"listed origin, other site", "", []part{with("Origin", home), with("Sec-Fetch-Site", "cross-site")}, "cookie"},
		{"page that wants the body", "body", []part{sameOrigin}, "body"},
		{"foreign page that wants the body", "body", []part{foreign}, "body"},
		{"native that wants a cookie", "cookie", nil, "origin_not_allowed"},
		{"foreign page", "", []part{foreign}, "origin_not_allowed"},
		{"foreign page that wants a cookie", "cookie", []part{foreign}, "origin_not_allowed"},
		{"opaque origin", "", []part{with("Origin", "null")}, "origin_not_allowed"},
		{"two origins", "cookie", []part{with("Origin", home), foreign}, "origin_not_allowed"},
		{"same site only", "", []part{with("Sec-Fetch-Site", "same-site")}, "origin_not_allowed"},
		{"typed address", "", []part{with("Sec-Fetch-Site", "none")}, "origin_not_allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := login("ada@example.com", rulestest.Password)
			if c.transport != "" {
				body["transport"] = c.transport
			}
			a := l.do("POST", "/auth/login", body, c.parts...)
			switch c.want {
			case "cookie":
				if a.is(200).cookie() == nil || a.object()["refresh_token"] != nil {
					t.Errorf("%s with %v", a, a.cookie())
				}
			case "body":
				if a.is(200).cookie() != nil || a.object()["refresh_token"] == nil {
					t.Errorf("%s with %v", a, a.cookie())
				}
			default:
				a.problem(403, c.want)
			}
		})
	}
}

func TestCookieIsNoCredentialElsewhere(t *testing.T) {
	l := open(t, nil)
	d := l.browse(l.AddStranger())
	for _, call := range []string{"GET /auth/me", "GET /auth/sessions", "POST /auth/ticket", "POST /auth/logout/all", "DELETE /auth/sessions/" + d.ID} {
		method, path, _ := strings.Cut(call, " ")
		l.do(method, path, nil, cookie(d.Refresh), sameOrigin).problem(401, "unauthenticated")
	}
}

func TestOnlySignOutClearsTheCookie(t *testing.T) {
	l := open(t, nil)
	u := l.AddStranger()
	for name, leave := range map[string]func(d in) *answer{
		"logout by cookie": func(d in) *answer { return l.do("POST", "/auth/logout", nil, cookie(d.Refresh), sameOrigin) },
		"logout by token": func(d in) *answer {
			return l.do("POST", "/auth/logout", nil, d.bearer(), cookie(d.Refresh), sameOrigin)
		},
		"logout/all": func(d in) *answer {
			return l.do("POST", "/auth/logout/all", nil, d.bearer(), cookie(d.Refresh), sameOrigin)
		},
		"ending this session": func(d in) *answer {
			return l.do("DELETE", "/auth/sessions/"+d.ID, nil, d.bearer(), cookie(d.Refresh), sameOrigin)
		},
	} {
		a := leave(l.browse(u)).is(204)
		if c := a.cookie(); c == nil || c.Name != "gatehouse_refresh" || c.Value != "" || c.MaxAge != -1 || c.Path != "/" || !c.HttpOnly {
			t.Errorf("%s answers with the cookie %v", name, c)
		}
	}
	d, other := l.browse(u), l.browse(u)
	for name, a := range map[string]*answer{
		"ending another session": l.do("DELETE", "/auth/sessions/"+other.ID, nil, d.bearer(), cookie(d.Refresh), sameOrigin).is(204),
		"logout/others":          l.do("POST", "/auth/logout/others", nil, d.bearer(), cookie(d.Refresh), sameOrigin).is(204),
		"a refused refresh":      l.do("POST", "/auth/refresh", nil, cookie(other.Refresh), sameOrigin).is(401),
		"a refused logout":       l.do("POST", "/auth/logout", nil, cookie("ghr_x"), sameOrigin).is(401),
		"a foreign page":         l.do("POST", "/auth/logout", nil, d.bearer(), cookie(d.Refresh), foreign).is(204),
	} {
		if a.cookie() != nil {
			t.Errorf("%s sets the cookie %v", name, a.cookie())
		}
	}
}

// TestSignInEndsTheSessionWhoseCookieItReplaces (C6).
func TestSignInEndsTheSessionWhoseCookieItReplaces(t *testing.T) {
	l := open(t, nil)
	l.AddUser("ada@example.com")
	old, bystander := l.browse(l.AddStranger()), l.enter()
	l.do("POST", "/auth/login", login("ada@example.com", "wrong"), cookie(old.Refresh), sameOrigin).problem(401, "invalid_credentials")
	l.do("POST", "/auth/login", login("ada@example.com", rulestest.Password, "transport", "body"), cookie(old.Refresh), sameOrigin).is(200)
	if l.Record(old.ID).Ended() {
		t.Fatal("a sign-in that set no cookie ended the session of the one that is there")
	}
	l.do("POST", "/auth/login", login("ada@example.com", rulestest.Password), cookie(bystander.Refresh), sameOrigin).is(200)
	if l.Record(bystander.ID).Ended() {
		t.Error("a token of body transport in the cookie ended its session")
	}
	l.do("POST", "/auth/login", login("ada@example.com", rulestest.Password), cookie(old.Refresh), sameOrigin).is(200)
	if s := l.Record(old.ID); s.EndReason != "signed_out" || s.EndedBy.Kind != "self" {
		t.Errorf("the old session ended with %q by %q", s.EndReason, s.EndedBy.Kind)
	}
	if frame, ok := l.Memory.Ended(old.ID); !ok || frame.Reason != "signed_out" {
		t.Error("its sockets were not told")
	}
}
