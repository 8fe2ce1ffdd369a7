package httpapi_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/httpapi"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
)

// errorCase is one code of the contract, and a request that gets it.
type errorCase struct {
	status  int
	code    string
	header  string // that the answer must have
	value   string // of that header, "" for any
	prepare func(*lab)
	ask     func(l *lab) *answer
}

var errorCases = map[string]errorCase{
	"no JSON": {status: 400, code: "invalid_request", ask: func(l *lab) *answer {
		return l.do("POST", "/auth/login", `{"email":"`+marker)
	}},
	"a bad cursor": {status: 400, code: "invalid_request", ask: func(l *lab) *answer {
		return l.do("GET", "/admin/users?cursor="+marker, nil, l.enter(account.RoleAdmin).bearer())
	}},
	"no token": {status: 401, code: "unauthenticated", header: "WWW-Authenticate", value: "Bearer", ask: func(l *lab) *answer {
		return l.do("GET", "/auth/me", nil)
	}},
	"another scheme": {status: 401, code: "unauthenticated", header: "WWW-Authenticate", value: "Bearer", ask: func(l *lab) *answer {
		return l.do("GET", "/auth/me", nil, with("Authorization", "Basic "+marker))
	}},
	"a token that does not verify": {status: 401, code: "invalid_token", header: "WWW-Authenticate", value: "Bearer", ask: func(l *lab) *answer {
		return l.do("GET", "/auth/me", nil, with("Authorization", "Bearer "+marker))
	}},
	"an expired token": {status: 401, code: "token_expired", header: "WWW-Authenticate", value: "Bearer", ask: func(l *lab) *answer {
		d := l.enter()
		l.Advance(l.Config.AccessTTL)
		return l.do("GET", "/auth/me", nil, d.bearer())
	}},
	"a token of earlier claims": {status: 401, code: "token_stale", header: "WWW-Authenticate", value: "Bearer", ask: func(l *lab) *answer {
		d := l.enter()
		l.setRoles(d, account.RoleModerator)
		return l.do("GET", "/auth/me", nil, d.bearer())
	}},
	"a token of an ended session": {status: 401, code: "session_revoked", header: "WWW-Authenticate", value: "Bearer", ask: func(l *lab) *answer {
		d := l.enter()
		l.kick(d)
		return l.do("GET", "/auth/me", nil, d.bearer())
	}},
	"a wrong password": {status: 401, code: "invalid_credentials", ask: func(l *lab) *answer {
		return l.do("POST", "/auth/login", login("nobody@example.com", marker))
	}},
	"a role that is missing": {status: 403, code: "forbidden", ask: func(l *lab) *answer {
		return l.do("GET", "/admin/users", nil, l.enter().bearer())
	}},
	"closed registration": {status: 403, code: "forbidden", prepare: func(l *lab) { l.SignIn.Closed = true }, ask: func(l *lab) *answer {
		return l.do("POST", "/auth/register", login("ada@example.com", marker))
	}},
	"a sign-in of long ago": {status: 403, code: "step_up_required", ask: func(l *lab) *answer {
		d := l.enter()
		l.Advance(l.Config.StepUpAge)
		return l.do("POST", "/auth/password", doc{"new_password": marker}, d.bearer())
	}},
	"a foreign page": {status: 403, code: "origin_not_allowed", ask: func(l *lab) *answer {
		return l.do("POST", "/auth/refresh", nil, cookie(marker), with("Origin", "https://"+marker+".example"))
	}},
	"an unknown path": {status: 404, code: "not_found", ask: func(l *lab) *answer {
		return l.do("GET", "/auth/"+marker, nil)
	}},
	"an unknown session": {status: 404, code: "not_found", ask: func(l *lab) *answer {
		return l.do("PATCH", "/auth/sessions/"+marker, doc{"name": "x"}, l.enter().bearer())
	}},
	"another method": {status: 405, code: "method_not_allowed", header: "Allow", value: "GET, PATCH, DELETE, HEAD", ask: func(l *lab) *answer {
		return l.do("PUT", "/auth/me", doc{marker: marker})
	}},
	"an address that is taken": {status: 409, code: "email_taken", ask: func(l *lab) *answer {
		l.AddUser(marker + "@example.com")
		return l.do("POST", "/auth/register", login(marker+"@example.com", rulestest.Password))
	}},
	"the last admin's role": {status: 409, code: "last_admin", ask: func(l *lab) *answer {
		d := l.enter(account.RoleAdmin)
		return l.do("PUT", "/admin/users/"+d.User.ID+"/roles", doc{"roles": []string{"user"}, "reason": marker}, d.bearer())
	}},
	"a spent link": {status: 410, code: "grant_expired", ask: func(l *lab) *answer {
		return l.do("POST", "/auth/setup", login("ada@example.com", rulestest.Password, "token", marker))
	}},
	"a large body": {status: 413, code: "too_large", ask: func(l *lab) *answer {
		return l.do("POST", "/auth/login", login("ada@example.com", strings.Repeat(marker, 6000)))
	}},
	"a large message": {status: 413, code: "too_large", ask: func(l *lab) *answer {
		d := l.enter(account.RoleAdmin)
		return l.do("POST", "/admin/users/"+d.User.ID+"/messages", doc{"name": "x", "data": strings.Repeat(marker, 400)}, d.bearer())
	}},
	"a form": {status: 415, code: "unsupported_media_type", ask: func(l *lab) *answer {
		return l.do("POST", "/auth/login", "email="+marker, with("Content-Type", "x"), form)
	}},
	"a wrong type": {status: 422, code: "validation_failed", ask: func(l *lab) *answer {
		return l.do("POST", "/auth/login", doc{"email": doc{marker: marker}, "password": "x"})
	}},
	"a common password": {status: 422, code: "weak_password", ask: func(l *lab) *answer {
		return l.do("POST", "/auth/register", login("ada@example.com", "password"))
	}},
	"too many requests": {status: 429, code: "rate_limited", header: "Retry-After", ask: func(l *lab) *answer {
		return l.until(100, func() *answer { return l.do("GET", "/auth/options", nil) })
	}},
	"trouble within": {status: 500, code: "internal", prepare: func(l *lab) {
		l.cfg.Nodes = func(context.Context) ([]httpapi.Node, error) { return nil, errBroken }
	}, ask: func(l *lab) *answer {
		return l.do("GET", "/admin/stats", nil, l.enter(account.RoleAdmin).bearer())
	}},
	"a panic": {status: 500, code: "internal", prepare: func(l *lab) {
		l.cfg.Nodes = func(context.Context) ([]httpapi.Node, error) { panic(errBroken) }
	}, ask: func(l *lab) *answer {
		return l.do("GET", "/admin/stats", nil, l.enter(account.RoleAdmin).bearer())
	}},
	"a node that is cut off": {status: 503, code: "unavailable", header: "Retry-After", prepare: fenced, ask: func(l *lab) *answer {
		return l.do("GET", "/auth/me", nil)
	}},
	"a node that is not ready": {status: 503, code: "unavailable", header: "Retry-After", prepare: func(l *lab) {
		l.cfg.Ready = func(context.Context) error { return errBroken }
	}, ask: func(l *lab) *answer { return l.do("GET", "/readyz", nil) }},
	"a store that is away": {status: 503, code: "unavailable", header: "Retry-After", ask: func(l *lab) *answer {
		d := l.enter()
		_ = l.Store.Close()
		return l.do("POST", "/auth/refresh", doc{"refresh_token": d.Refresh})
	}},
}

// form makes a request what a form on a foreign page can send.
func form(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }

func fenced(l *lab) { l.Guard.Fresh = func() time.Duration { return l.Guard.Fence + 1 } }

// until asks n times what must be answered well, or at least without a limit, and then once more.
func (l *lab) until(n int, ask func() *answer) *answer {
	l.t.Helper()
	for i := range n {
		if a := ask(); a.status == http.StatusTooManyRequests {
			l.t.Fatalf("request %d of %d: %s", i+1, n, a)
		}
	}
	return ask()
}

func (l *lab) kick(d in) {
	l.t.Helper()
	if err := l.Staff.EndSession(l.t.Context(), staff.Shell, d.ID, staff.Why{Reason: "note", Message: "call me"}); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) setRoles(d in, roles ...string) {
	l.t.Helper()
	if _, err := l.Staff.SetRoles(l.t.Context(), staff.Shell, d.User.ID, roles, staff.Why{}); err != nil {
		l.t.Fatal(err)
	}
}

func TestEveryCode(t *testing.T) {
	for name, c := range errorCases {
		t.Run(name, func(t *testing.T) {
			l := open(t, c.prepare)
			a := c.ask(l)
			p := a.problem(c.status, c.code)
			if value := a.header.Get(c.header); c.header != "" && (value == "" || c.value != "" && value != c.value) {
				t.Errorf("%s with %s: %q", a, c.header, value)
			}
			if c.status == 500 && p["detail"] != nil {
				t.Errorf("%s tells of the inside", a)
			}
			for _, h := range []string{"WWW-Authenticate", "Retry-After", "Allow"} {
				if h != c.header && a.header.Get(h) != "" {
					t.Errorf("%s with %s", a, h)
				}
			}
		})
	}
}

func TestStepUpNamesItsMethods(t *testing.T) {
	l := open(t, nil)
	with, without := l.again(l.AddUser("ada@example.com")), l.enter()
	l.Advance(l.Config.StepUpAge)
	for _, c := range []struct {
		who  in
		want []any
	}{{with, []any{"password"}}, {without, []any{}}} {
		p := l.do("POST", "/auth/logout/others", nil, c.who.bearer()).problem(403, "step_up_required")
		if got, ok := p["methods"].([]any); !ok || !slices.Equal(got, c.want) {
			t.Errorf("methods %v, want %v", p["methods"], c.want)
		}
	}
}

func TestRefusedRefreshTellsHowTheSessionEnded(t *testing.T) {
	l := open(t, nil)
	d := l.enter()
	l.kick(d)
	p := l.do("POST", "/auth/refresh", doc{"refresh_token": d.Refresh}).problem(401, "session_revoked")
	by, _ := p["by"].(doc)
	if p["reason"] != "kicked" || by["kind"] != "admin" || p["message"] != "call me" || p["at"] != "2026-01-02T03:04:05.678Z" {
		t.Errorf("refused with %v", p)
	}
}
