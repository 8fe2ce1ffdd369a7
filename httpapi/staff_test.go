package httpapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

func TestKick(t *testing.T) {
	l := open(t, nil)
	mod, u := l.enter(account.RoleModerator), l.AddStranger()
	for name, ask := range map[string]func(d in) *answer{
		"with a body": func(d in) *answer {
			return l.do("DELETE", "/admin/sessions/"+d.ID, doc{"reason": "note", "message": "bye"}, mod.bearer())
		},
		"with a query": func(d in) *answer {
			return l.do("DELETE", "/admin/sessions/"+d.ID+"?reason=note&message=bye", nil, mod.bearer())
		},
	} {
		d := l.again(u)
		ask(d).is(204)
		s := l.Record(d.ID)
		if s.EndReason != "kicked" || s.EndMessage != "bye" || s.EndedBy.Kind != "admin" {
			t.Errorf("%s: ended with %q, %q by %q", name, s.EndReason, s.EndMessage, s.EndedBy.Kind)
		}
		if rows := l.Events(audit.Query{Target: d.ID, Action: audit.SessionEnded}); len(rows) != 1 || rows[0].Reason != "note" || rows[0].Actor.ID != mod.User.ID {
			t.Errorf("%s: audit rows %+v", name, rows)
		}
		ask(d).is(204)
	}
	l.do("DELETE", "/admin/sessions/ses_x", nil, mod.bearer()).problem(404, "not_found")
	first, second := l.again(u), l.again(u)
	if n := l.do("DELETE", "/admin/users/"+u.ID+"/sessions", nil, mod.bearer()).is(200).member("ended"); n != 2.0 {
		t.Errorf("ended %v", n)
	}
	for _, d := range []in{first, second} {
		l.do("GET", "/auth/me", nil, d.bearer()).problem(401, "session_revoked")
	}
	l.do("DELETE", "/admin/users/usr_x/sessions", nil, mod.bearer()).problem(404, "not_found")
}

func TestRolesAreASet(t *testing.T) {
	l := open(t, nil)
	root, d := l.enter(account.RoleAdmin), l.enter()
	a := l.do("PUT", "/admin/users/"+d.User.ID+"/roles", doc{"roles": []string{"moderator", "moderator"}, "reason": "note"}, root.bearer()).is(200)
	if roles := fmt.Sprint(a.member("roles")); roles != "[user moderator]" {
		t.Errorf("roles %s", roles)
	}
	l.do("GET", "/auth/me", nil, d.bearer()).problem(401, "token_stale")
	d.Access = l.do("POST", "/auth/refresh", doc{"refresh_token": d.Refresh}).is(200).member("access_token").(string)
	l.do("GET", "/admin/users", nil, d.bearer()).is(200)
	l.do("PUT", "/admin/users/"+d.User.ID+"/roles", doc{"roles": []string{"user", "moderator"}}, root.bearer()).is(200)
	l.do("GET", "/admin/users", nil, d.bearer()).is(200) // the same set makes nothing stale
	l.do("PUT", "/admin/users/usr_x/roles", doc{"roles": []string{"user"}}, root.bearer()).problem(404, "not_found")
}

func TestDisableAndEnable(t *testing.T) {
	l := open(t, nil)
	root, d := l.enter(account.RoleAdmin), l.enter()
	path := "/admin/users/" + d.User.ID
	if a := l.do("POST", path+"/disable", doc{"reason": "note", "message": "bye"}, root.bearer()).is(200); a.member("disabled") != true {
		t.Errorf("%s", a)
	}
	if s := l.Record(d.ID); s.EndReason != "account_disabled" || s.EndMessage != "bye" {
		t.Errorf("session ended with %q, %q", s.EndReason, s.EndMessage)
	}
	p := l.do("POST", "/auth/refresh", doc{"refresh_token": d.Refresh}).problem(401, "session_revoked")
	if p["reason"] != "account_disabled" {
		t.Errorf("%v", p)
	}
	if a := l.do("GET", path, nil, root.bearer()).is(200); a.member("disabled") != true {
		t.Errorf("%s", a)
	}
	if a := l.do("POST", path+"/enable", nil, root.bearer()).is(200); a.member("disabled") != false {
		t.Errorf("%s", a)
	}
}

func TestMessageIsSentCompact(t *testing.T) {
	l := open(t, nil)
	root, d := l.enter(account.RoleAdmin), l.enter()
	path := "/admin/users/" + d.User.ID + "/messages"
	for _, c := range []struct{ body, data string }{
		{`{"name":"hello","data":{"a": [1, "<ü>"]}}`, `{"a":[1,"<ü>"]}`},
		{`{"name":"hello"}`, `null`},
		{`{"name":"` + strings.Repeat("ü", 64) + `","data":null}`, `null`},
		{`{"name":"hello","data":` + strings.Repeat(" ", 5000) + `"` + strings.Repeat("x", 4094) + `"}`, `"` + strings.Repeat("x", 4094) + `"`},
	} {
		if n := l.do("POST", path, c.body, root.bearer()).is(202).member("delivered"); n != 3.0 {
			t.Errorf("delivered %v", n)
		}
		m := l.pushed[len(l.pushed)-1]
		if string(m.Data) != c.data || m.From.UserID != root.User.ID || m.From.SessionID != "" || !m.At.Std().Equal(l.Time()) {
			t.Errorf("sent %+v", m)
		}
		if _, err := json.Marshal(m); err != nil {
			t.Error(err)
		}
	}
	sent := len(l.pushed)
	for _, body := range []string{`{"name":"` + strings.Repeat("ü", 65) + `"}`, `{"name":"x","data":"` + strings.Repeat("x", 4095) + `"}`} {
		l.do("POST", path, body, root.bearer()).problem(413, "too_large")
	}
	l.do("POST", "/admin/users/usr_x/messages", doc{"name": "x"}, root.bearer()).problem(404, "not_found")
	if len(l.pushed) != sent {
		t.Error("what was refused was sent")
	}
}

// Whoever has a socket is there; only where nobody heard it, it is asked whether there is somebody.
func TestMessageToNobody(t *testing.T) {
	l := open(t, func(l *lab) { l.sockets = 0 })
	root, d := l.enter(account.RoleAdmin), l.enter()
	if n := l.do("POST", "/admin/users/"+d.User.ID+"/messages", doc{"name": "x"}, root.bearer()).is(202).member("delivered"); n != 0.0 {
		t.Errorf("delivered %v", n)
	}
	stranger := id.New(id.User)
	l.do("POST", "/admin/users/"+stranger+"/messages", doc{"name": "x"}, root.bearer()).problem(404, "not_found")
	if rows := l.Events(audit.Query{UserID: stranger}); len(rows) != 0 {
		t.Errorf("audit rows %+v", rows)
	}
}

func TestStats(t *testing.T) {
	l := open(t, nil)
	root, u := l.enter(account.RoleAdmin), l.AddStranger()
	l.cluster.Report(u.ID, l.again(u).ID, 2)
	l.cluster.Report(u.ID, l.again(u).ID, 1)
	l.cluster.Report(root.User.ID, root.ID, 1)
	a := l.do("GET", "/admin/stats", nil, root.bearer()).is(200)
	for name, want := range map[string]float64{"users_online": 2, "sessions_online": 3, "connections": 4} {
		if a.member(name) != want {
			t.Errorf("%s is %v, want %v", name, a.member(name), want)
		}
	}
	if nodes := a.member("nodes").([]any); len(nodes) != 1 || nodes[0].(doc)["id"] != "nod_1" {
		t.Errorf("nodes %v", nodes)
	}
}

func TestWhoMayCallWhat(t *testing.T) {
	l := open(t, unlimited)
	callers := map[string]in{"user": l.enter(), "moderator": l.enter(account.RoleModerator), "admin": l.enter(account.RoleAdmin)}
	for path, item := range l.api.OpenAPI().Paths {
		if !strings.HasPrefix(path, "/admin/") {
			continue
		}
		for _, op := range operations(item) {
			roles := op.Security[0]["bearer"]
			if !slices.Contains(roles, "admin") || slices.Contains(roles, "user") {
				t.Errorf("%s %s is for %v", op.Method, path, roles)
			}
			for role, d := range callers {
				// An id that nobody has: those who may call get anything but forbidden.
				a := l.do(op.Method, strings.ReplaceAll(path, "{id}", "x"), nil, d.bearer())
				if forbidden := a.status == 403; forbidden == slices.Contains(roles, role) {
					t.Errorf("%s, for %v: %s", role, roles, a)
				}
			}
		}
	}
}
