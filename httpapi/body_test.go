package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-dev/gatehouse/internal/account"
)

// padded is a PATCH of a name in exactly n bytes.
func padded(n int) string {
	const text = `{"name":"Ada"}`
	return text[:1] + strings.Repeat(" ", n-len(text)) + text[1:]
}

func TestABodyMayHave64KiB(t *testing.T) {
	l := open(t, nil)
	d := l.enter()
	for _, how := range []part{func(*http.Request) {}, chunked} {
		l.do("PATCH", "/auth/me", padded(64<<10), d.bearer(), how).is(200)
		l.do("PATCH", "/auth/me", padded(64<<10+1), d.bearer(), how).problem(413, "too_large")
		l.do("PATCH", "/auth/me", padded(1<<20), d.bearer(), how).problem(413, "too_large")
	}
}

func TestABodyIsJSON(t *testing.T) {
	l := open(t, nil)
	d := l.enter()
	const good = `{"name":"Ada"}`
	kind := func(v string) part { return func(r *http.Request) { r.Header.Set("Content-Type", v) } }
	for _, v := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON ; charset=x"} {
		l.do("PATCH", "/auth/me", good, d.bearer(), kind(v)).is(200)
	}
	for _, v := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", "application/jsonp", "application/json, text/plain", "json", ";"} {
		l.do("PATCH", "/auth/me", good, d.bearer(), kind(v)).problem(415, "unsupported_media_type")
		l.do("POST", "/auth/logout", "{}", kind(v)).problem(415, "unsupported_media_type")
	}
	deep := strings.Repeat(`{"name":`, 8000)
	for _, body := range []string{
		"", " ", "{", `{"name":"` + marker, `{"name":"` + marker + `"} {}`, `{name:"Ada"}`, `{"name":'Ada'}`, `{"name":"Ada",}`, "\ufeff" + good,
		"{\"name\":\"\xff\"}", "{\"name\":\"a\nb\"}", `{"name":NaN}`, deep, strings.Repeat("[", 60_000), strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000),
	} {
		l.do("PATCH", "/auth/me", body, d.bearer()).problem(400, "invalid_request")
	}
	for _, accept := range []string{"text/html", "*/*", "application/xml;q=1", "x;,y", "json", ""} {
		a := l.do("GET", "/auth/me", nil, d.bearer(), with("Accept", accept)).is(200)
		if a.header.Get("Content-Type") != "application/json" {
			t.Errorf("Accept %q gets %q", accept, a.header.Get("Content-Type"))
		}
	}
}

func TestMembersAreValidated(t *testing.T) {
	l := open(t, nil)
	d, root := l.enter(), l.enter(account.RoleAdmin)
	long := func(n int) string { return strings.Repeat("ü", n) }
	for _, c := range []struct {
		method, path, body, member string
	}{
		{"PATCH", "/auth/me", `null`, "body"},
		{"PATCH", "/auth/me", `["` + marker + `"]`, "body"},
		{"PATCH", "/auth/me", `"` + marker + `"`, "body"},
		{"PATCH", "/auth/me", `{}`, "name"},
		{"PATCH", "/auth/me", `{"name":null}`, "name"},
		{"PATCH", "/auth/me", `{"name":7}`, "name"},
		{"PATCH", "/auth/me", `{"name":true}`, "name"},
		{"PATCH", "/auth/me", `{"name":{"` + marker + `":"` + marker + `"}}`, "name"},
		{"PATCH", "/auth/me", `{"name":"` + marker + long(90) + `"}`, "name"},
		{"PATCH", "/auth/me", `{"name":"` + marker + `\u0000"}`, "name"},
		{"PATCH", "/auth/sessions/" + d.ID, `{"name":""}`, "name"},
		{"PATCH", "/auth/sessions/" + d.ID, `{"name":"` + marker + long(53) + `"}`, "name"},
		{"PATCH", "/auth/sessions/" + d.ID, `{"name":"a\nb"}`, "name"},
		{"POST", "/auth/register", `{"password":"` + marker + `"}`, "email"},
		{"POST", "/auth/register", `{"email":"` + marker + `","password":"long enough"}`, "email"},
		{"POST", "/auth/register", `{"email":"` + marker + `@a@b","password":"long enough"}`, "email"},
		{"POST", "/auth/register", `{"email":"` + marker + `@` + strings.Repeat("a", 250) + `","password":"long enough"}`, "email"},
		{"POST", "/auth/register", `{"email":"a@example.com"}`, "password"},
		{"POST", "/auth/register", `{"email":"a@example.com","password":""}`, "password"},
		{"POST", "/auth/register", `{"email":"a@example.com","password":"` + marker[:7] + `"}`, "password"},
		{"POST", "/auth/register", `{"email":"a@example.com","password":"` + long(257) + `"}`, "password"},
		{"POST", "/auth/login", `{"email":"b@example.com","password":"x","transport":"` + marker + `"}`, "transport"},
		{"POST", "/auth/login", `{"email":"b@example.com","password":"x","transport":"Body"}`, "transport"},
		{"POST", "/auth/login", `{"email":"b@example.com","password":"x","transport":"body","TRANSPORT":"` + marker + `"}`, "transport"},
		{"POST", "/auth/login", `{"email":"b@example.com","password":"x","device_name":"` + long(65) + `"}`, "device_name"},
		{"POST", "/auth/login", `{"email":"b@example.com","password":["` + marker + `"]}`, "password"},
		{"POST", "/auth/refresh", `{"refresh_token":7}`, "refresh_token"},
		{"POST", "/auth/password", `{"new_password":"short"}`, "new_password"},
		{"PUT", "/admin/users/" + d.User.ID + "/roles", `{}`, "roles"},
		{"PUT", "/admin/users/" + d.User.ID + "/roles", `{"roles":null}`, "roles"},
		{"PUT", "/admin/users/" + d.User.ID + "/roles", `{"roles":[]}`, "roles"},
		{"PUT", "/admin/users/" + d.User.ID + "/roles", `{"roles":["user","` + marker + `"]}`, "roles"},
		{"PUT", "/admin/users/" + d.User.ID + "/roles", `{"roles":["user",7]}`, "roles[1]"},
		{"PUT", "/admin/users/" + d.User.ID + "/roles", `{"roles":["user"],"reason":"` + long(201) + `"}`, "reason"},
		{"POST", "/admin/users/" + d.User.ID + "/disable", `{"message":"` + long(201) + `"}`, "message"},
		{"DELETE", "/admin/sessions/" + d.ID + "?reason=" + strings.Repeat("x", 201), ``, "reason"},
		{"POST", "/admin/users/" + d.User.ID + "/messages", `{"name":""}`, "name"},
	} {
		who := d
		if strings.HasPrefix(c.path, "/admin/") {
			who = root
		}
		l.do(c.method, c.path, c.body, who.bearer()).invalid(c.member)
	}
}

func TestUnknownMembersAreIgnoredAndOfDuplicatesTheLastCounts(t *testing.T) {
	l := open(t, nil)
	d := l.enter()
	a := l.do("PATCH", "/auth/me", `{"name":"Ada","name":"Bea","roles":["admin"],"email":7,"disabled":true,"x":{"y":[null]}}`, d.bearer()).is(200)
	if u := a.object(); u["name"] != "Bea" || u["disabled"] != false || u["email"] != d.User.Email || len(u["roles"].([]any)) != 1 {
		t.Errorf("%s", a)
	}
}

// TestNoRefusalRepeatsWhatWasSent puts the marker into every member and parameter of every operation, in every shape;
// do looks for it in the answers.
func TestNoRefusalRepeatsWhatWasSent(t *testing.T) {
	l := open(t, unlimited)
	root := l.AddStranger(account.RoleAdmin)
	refused := 0
	for path, item := range l.api.OpenAPI().Paths {
		path = parameter.ReplaceAllString(path, marker)
		for _, op := range operations(item) {
			for _, value := range []any{marker, doc{marker: marker}, []any{marker, 1}, true, 1e300, nil} {
				body := doc{marker: marker}
				for name := range members(l, op) {
					body[name] = value
				}
				query := url.Values{}
				for _, p := range op.Parameters {
					if p.In == "query" {
						query.Set(p.Name, fmt.Sprint(value))
					}
				}
				a := l.do(op.Method, path+"?"+query.Encode(), body, l.again(l.Account(root.ID)).bearer(), with("X-Forwarded-For", marker), cookie(marker))
				if a.status >= 500 {
					t.Errorf("%s with %v", a, value)
				}
				if a.status >= 400 {
					refused++
				}
			}
		}
	}
	if refused < 100 {
		t.Errorf("only %d requests were refused", refused)
	}
}

var parameter = regexp.MustCompile(`\{\w+\}`)

// members are those of an operation's body, if that is JSON.
func members(l *lab, op *huma.Operation) map[string]*huma.Schema {
	if op.RequestBody == nil || op.RequestBody.Content["application/json"] == nil {
		return nil
	}
	return l.api.OpenAPI().Components.Schemas.SchemaFromRef(op.RequestBody.Content["application/json"].Schema.Ref).Properties
}
