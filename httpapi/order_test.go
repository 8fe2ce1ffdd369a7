package httpapi_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

var (
	tooMuch  = strings.Repeat(" ", 64<<10) + "{}"
	foreign  = with("Origin", "https://evil.example")
	badToken = with("Authorization", "Bearer a.b.c")
)

// exhaust takes all places of a bucket.
func (l *lab) exhaust(limit ratelimit.Limit, key string) {
	l.t.Helper()
	for range limit.Burst {
		if level, err := l.limits.Take(l.t.Context(), limit, key); level.Wait != 0 || err != nil {
			l.t.Fatal(level, err)
		}
	}
}

const here = "127.0.0.1"

// TestTheFirstTroubleAnswers sends requests with several troubles at once, in the order in which refusals count.
func TestTheFirstTroubleAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		code    string
		prepare func(*lab)
		ask     func(l *lab) *answer
	}{
		"too large before cut off": {413, "too_large", fenced, func(l *lab) *answer {
			return l.do("PATCH", "/auth/me", tooMuch, badToken)
		}},
		"cut off before limited": {503, "unavailable", fenced, func(l *lab) *answer {
			l.exhaust(ratelimit.Anonymous, here)
			return l.do("GET", "/auth/me", nil, badToken)
		}},
		"limited before a foreign origin": {429, "rate_limited", nil, func(l *lab) *answer {
			l.exhaust(ratelimit.Anonymous, here)
			return l.do("POST", "/auth/refresh", nil, cookie("x"), foreign)
		}},
		"limited before a bad token": {429, "rate_limited", nil, func(l *lab) *answer {
			l.exhaust(ratelimit.Anonymous, here)
			return l.do("GET", "/admin/users", nil, badToken)
		}},
		"a limited account before a foreign origin": {429, "rate_limited", nil, func(l *lab) *answer {
			l.exhaust(ratelimit.LoginAccount, "ada@example.com")
			return l.do("POST", "/auth/login", login("Ada@example.com", "x", "transport", "cookie"), foreign)
		}},
		"a limited address before a body that is no JSON": {429, "rate_limited", nil, func(l *lab) *answer {
			l.exhaust(ratelimit.LoginAddress, here)
			return l.do("POST", "/auth/login", "{")
		}},
		"a foreign origin before a bad cookie": {403, "origin_not_allowed", nil, func(l *lab) *answer {
			return l.do("POST", "/auth/refresh", nil, cookie("x"), foreign)
		}},
		"a foreign origin before a bad address": {403, "origin_not_allowed", nil, func(l *lab) *answer {
			return l.do("POST", "/auth/login", login("nobody", "x", "transport", "cookie"), foreign)
		}},
		"a bad token before a missing role": {401, "invalid_token", nil, func(l *lab) *answer {
			return l.do("PUT", "/admin/users/x/roles", "{", badToken)
		}},
		"a bad token before a large body in chunks": {401, "invalid_token", nil, func(l *lab) *answer {
			return l.do("PATCH", "/auth/me", tooMuch, badToken, chunked)
		}},
		"a revoked session before an expired token": {401, "session_revoked", nil, func(l *lab) *answer {
			d := l.enter()
			l.kick(d)
			l.Advance(l.Config.AccessTTL)
			return l.do("GET", "/auth/me", nil, d.bearer())
		}},
		"an expired token before a stale one": {401, "token_expired", nil, func(l *lab) *answer {
			d := l.enter()
			l.setRoles(d, account.RoleModerator)
			l.Advance(l.Config.AccessTTL)
			return l.do("GET", "/auth/me", nil, d.bearer())
		}},
		"a missing role before step-up": {403, "forbidden", nil, func(l *lab) *answer {
			d := l.enter(account.RoleModerator)
			l.Advance(l.Config.StepUpAge)
			return l.do("PUT", "/admin/users/x/roles", "{", d.bearer())
		}},
		"step-up before a body that is no JSON": {403, "step_up_required", nil, func(l *lab) *answer {
			d := l.enter(account.RoleAdmin)
			l.Advance(l.Config.StepUpAge)
			return l.do("PUT", "/admin/users/x/roles", "{", d.bearer())
		}},
		"no JSON before an unknown user": {400, "invalid_request", nil, func(l *lab) *answer {
			return l.do("PUT", "/admin/users/x/roles", "{", l.enter(account.RoleAdmin).bearer())
		}},
		"a wrong member before an unknown user": {422, "validation_failed", nil, func(l *lab) *answer {
			return l.do("PUT", "/admin/users/x/roles", doc{"roles": []string{"root"}}, l.enter(account.RoleAdmin).bearer())
		}},
		"a spent link before an address that is taken": {410, "grant_expired", nil, func(l *lab) *answer {
			l.AddUser("ada@example.com")
			return l.do("POST", "/auth/setup", login("ada@example.com", rulestest.Password, "token", "spent"))
		}},
		"a weak password before an address that is taken": {422, "weak_password", nil, func(l *lab) *answer {
			l.AddUser("ada@example.com")
			return l.do("POST", "/auth/register", login("ada@example.com", "password"))
		}},
		"an unknown path whatever else": {404, "not_found", fenced, func(l *lab) *answer {
			l.exhaust(ratelimit.Anonymous, here)
			return l.do("POST", "/auth/nowhere", tooMuch, badToken, foreign)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, c.prepare)
			c.ask(l).problem(c.status, c.code)
		})
	}
}

func TestUnknownPathsAreNotFoundWithAndWithoutCredentials(t *testing.T) {
	l := open(t, nil)
	root := l.enter(account.RoleAdmin)
	for _, path := range []string{"/nowhere", "/auth", "/auth/", "/auth/me/", "/admin", "/admin/nothing", "/auth/sessions/a/b", "//auth/me", "/docs/", "/healthz/"} {
		for _, method := range []string{"GET", "POST", "BREW"} {
			l.do(method, path, nil).problem(404, "not_found")
			l.do(method, path, nil, root.bearer()).problem(404, "not_found")
		}
	}
}

func TestOtherMethodsAreToldWhichThereAre(t *testing.T) {
	l := open(t, nil)
	for call, allow := range map[string]string{
		"POST /auth/me":                "GET, PATCH, DELETE, HEAD",
		"GET /auth/login":              "POST",
		"HEAD /auth/login":             "POST",
		"OPTIONS /auth/login":          "POST",
		"PUT /auth/sessions/x":         "PATCH, DELETE",
		"PUT /auth/sessions/a%2Fb":     "PATCH, DELETE",
		"BREW /admin/sessions/x":       "DELETE",
		"DELETE /healthz":              "GET, HEAD",
		"POST /ws":                     "GET, HEAD",
		"GET /admin/users/x/roles":     "PUT",
		"PATCH /.well-known/jwks.json": "GET, HEAD",
	} {
		method, path, _ := strings.Cut(call, " ")
		a := l.do(method, path, nil).is(405)
		if method != "HEAD" {
			a.problem(405, "method_not_allowed")
		}
		if got := a.header.Get("Allow"); got != allow || len(a.header["Allow"]) != 1 {
			t.Errorf("%s: Allow %q, want %q", call, a.header["Allow"], allow)
		}
	}
}
