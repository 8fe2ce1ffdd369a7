package httpapi_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// crowd inserts n users without sessions, and returns their ids, newest first.
func (l *lab) crowd(n int) []string {
	l.t.Helper()
	var users []account.User
	var ids []string
	for i := range n {
		u := account.User{
			ID: id.New(id.User), Email: fmt.Sprintf("guest%d@example.com", i), Name: "Guest", Roles: []string{"user"},
			CreatedAt: rulestest.Epoch.Add(-time.Duration(i) * time.Second),
		}
		users, ids = append(users, u), append(ids, u.ID)
	}
	if err := l.Store.InsertBulk(l.t.Context(), users, nil); err != nil {
		l.t.Fatal(err)
	}
	return ids
}

// ids are those of a list in an answer.
func (a *answer) ids(list string) (ids []string) {
	a.t.Helper()
	rows, ok := a.is(200).object()[list].([]any)
	if !ok {
		a.t.Fatalf("%s has no list of %s", a, list)
	}
	for _, row := range rows {
		ids = append(ids, row.(doc)["id"].(string))
	}
	return ids
}

func TestPagesShowEachOnceNewestFirst(t *testing.T) {
	l := open(t, nil)
	root := l.enter(account.RoleAdmin)
	want := l.crowd(25)
	var got []string
	cursor, pages := "", 0
	for {
		a := l.do("GET", "/admin/users?q=guest&limit=10&unknown=x&cursor="+cursor, nil, root.bearer())
		got = append(got, a.ids("users")...)
		if a.member("total") != 25.0 {
			t.Errorf("total %v", a.member("total"))
		}
		pages++
		next, more := a.object()["next_cursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	if pages != 3 || !slices.Equal(got, want) {
		t.Errorf("%d pages:\n%v\nwant\n%v", pages, got, want)
	}
}

func TestLimitIs50ByDefaultAndAtMost200(t *testing.T) {
	l := open(t, nil)
	root := l.enter(account.RoleAdmin)
	l.crowd(210)
	for query, want := range map[string]int{"": 50, "?limit=": 50, "?limit=1": 1, "?limit=200": 200, "?limit=201": 200, "?limit=1000000": 200} {
		if got := len(l.do("GET", "/admin/users"+query, nil, root.bearer()).ids("users")); got != want {
			t.Errorf("%q gives %d, want %d", query, got, want)
		}
	}
}

func TestMalformedParametersAreRefused(t *testing.T) {
	l := open(t, nil)
	root := l.enter(account.RoleAdmin)
	for _, list := range []string{"/admin/users", "/admin/sessions", "/admin/audit", "/auth/activity"} {
		for _, limit := range []string{"0", "-1", "x", "1.5", "1e3", "%20", marker} {
			l.do("GET", list+"?limit="+limit, nil, root.bearer()).invalid("limit")
		}
		for _, cursor := range []string{marker, "%ff%fe", "AAAA", "eA", "MS4", "%00"} {
			l.do("GET", list+"?cursor="+cursor, nil, root.bearer()).problem(400, "invalid_request")
		}
	}
	for _, value := range []string{"yes", "TRUE", "1", "0", "t", marker} {
		l.do("GET", "/admin/users?online="+value, nil, root.bearer()).invalid("online")
		l.do("GET", "/admin/sessions?online="+value, nil, root.bearer()).invalid("online")
	}
	l.do("GET", "/admin/users?role="+marker, nil, root.bearer()).invalid("role")
	for _, value := range []string{"yesterday", "2026-01-02", "1767323045", marker} {
		l.do("GET", "/admin/audit?since="+value, nil, root.bearer()).invalid("since")
		l.do("GET", "/admin/audit?until="+value, nil, root.bearer()).invalid("until")
	}
}

func TestOnlineIsTrueOrFalse(t *testing.T) {
	l := open(t, nil)
	root, here := l.enter(account.RoleAdmin), l.enter()
	l.cluster.Report(here.User.ID, here.ID, 2)
	l.Traces.Add(session.Trace{SessionID: here.ID, Online: true, OnlineSeq: 1})
	l.Flush()
	for query, want := range map[string][]string{"?online=true": {here.ID}, "?online=false": {root.ID}, "?online=": {here.ID, root.ID}, "?user_id=" + here.User.ID: {here.ID}, "?q=" + root.ID: {root.ID}} {
		a := l.do("GET", "/admin/sessions"+query, nil, root.bearer())
		if got := a.ids("sessions"); !slices.Equal(got, want) {
			t.Errorf("%q gives %v, want %v", query, got, want)
		}
		for _, row := range a.object()["sessions"].([]any) {
			s := row.(doc)
			if online := s["id"] == here.ID; s["online"] != online || s["connections"] != map[bool]float64{true: 2}[online] || s["current"] != (s["id"] == root.ID) || s["user"].(doc)["id"] != s["user_id"] {
				t.Errorf("%q shows %v", query, s)
			}
		}
	}
	for query, want := range map[string][]string{"?online=true": {here.User.ID}, "?online=false": {root.User.ID}, "?role=admin": {root.User.ID}} {
		if got := l.do("GET", "/admin/users"+query, nil, root.bearer()).ids("users"); !slices.Equal(got, want) {
			t.Errorf("%q gives %v, want %v", query, got, want)
		}
	}
}

// TestActivityHidesStaff: what they did is told, not from where and for which reason.
func TestActivityHidesStaff(t *testing.T) {
	l := open(t, nil)
	root := l.enter(account.RoleAdmin)
	if _, err := l.Accounts.Rename(t.Context(), root.User.ID, "Grace"); err != nil {
		t.Fatal(err)
	}
	u := l.AddStranger()
	d, kicked := l.again(u), l.again(u)
	l.do("POST", "/auth/logout", doc{"refresh_token": l.again(u).Refresh}).is(204)
	l.do("DELETE", "/admin/sessions/"+kicked.ID, doc{"reason": "smells", "message": "call me"}, root.bearer()).is(204)
	l.do("POST", "/admin/users/"+u.ID+"/messages", doc{"name": "hello"}, root.bearer()).is(202)

	ofStaff, own := 0, 0
	for _, row := range l.do("GET", "/auth/activity", nil, d.bearer()).is(200).object()["events"].([]any) {
		e := row.(doc)
		actor := e["actor"].(doc)
		if e["reason"] != nil {
			t.Errorf("a reason is shown: %v", e)
		}
		if actor["id"] == u.ID {
			if own++; e["ip"] == "" {
				t.Errorf("of the user's own act the address is hidden: %v", e)
			}
			continue
		}
		if ofStaff++; e["ip"] != "" || actor["id"] != nil || actor["name"] != "Grace" {
			t.Errorf("of staff too much or too little is shown: %v", e)
		}
	}
	if ofStaff != 2 || own == 0 {
		t.Errorf("%d acts of staff, %d of the user's own", ofStaff, own)
	}
	a := l.do("GET", "/admin/audit?action=session.ended&target="+kicked.ID, nil, root.bearer()).is(200)
	events := a.object()["events"].([]any)
	if len(events) != 1 {
		t.Fatalf("%s", a)
	}
	e := events[0].(doc)
	if actor := e["actor"].(doc); e["reason"] != "smells" || e["ip"] != here || actor["id"] != root.User.ID || actor["name"] != "Grace" || e["at"] != "2026-01-02T03:04:05.678Z" {
		t.Errorf("the audit says %v", e)
	}
}

func TestAuditFilters(t *testing.T) {
	l := open(t, nil)
	root := l.enter(account.RoleModerator)
	d := l.enter()
	l.kick(d)
	other := l.enter()
	for query, want := range map[string]int{
		"": 1, "?target=" + d.ID: 1, "?target=" + other.ID: 0, "?actor=" + root.User.ID: 0, "?action=session.ended": 1, "?action=x": 0,
		"?since=2026-01-02T03:30:00Z": 0, "?until=2026-01-02T03:30:00Z": 1, "?since=2026-01-02T03:04:05Z&until=2026-01-02T04:04:05.679%2B01:00": 1,
		"?until=2026-01-02T03:04:05.678Z": 0, "?since=2026-01-02T03:04:05.678Z": 1,
	} {
		if got := len(l.do("GET", "/admin/audit"+query, nil, root.bearer()).is(200).object()["events"].([]any)); got != want {
			t.Errorf("%q gives %d, want %d", query, got, want)
		}
	}
}
