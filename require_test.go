package gatehouse_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse"
)

// beside mounts guarded routes beside the lab's node, and makes the lab's requests go there.
func (l *lab) beside(routes map[string]gatehouse.Need) {
	l.t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", l.node.Handler())
	for pattern, need := range routes {
		mux.Handle(pattern, l.node.Require(need, func(w http.ResponseWriter, r *http.Request, p gatehouse.Principal) {
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, p.UserID+" "+p.SessionID+" "+strings.Join(p.Roles, ",")+" "+string(body))
		}))
	}
	server := httptest.NewServer(mux)
	l.t.Cleanup(server.Close)
	l.url = server.URL
}

func TestRequireGuardsRoutesOfTheProgram(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	d, admin := l.register("Phone"), l.staff("admin")
	l.beside(map[string]gatehouse.Need{
		"POST /open":  {},
		"GET /staff":  {Roles: []string{"admin", "moderator"}},
		"GET /proven": {AAL2: true},
		"GET /fresh":  {Fresh: time.Hour},
		"GET /stale":  {Fresh: time.Nanosecond},
		"GET /secret": {Roles: []string{"admin"}, AAL2: true, Fresh: time.Nanosecond},
	})
	ask := func(status int, code, pattern, token string) answer {
		t.Helper()
		method, path, _ := strings.Cut(pattern, " ")
		return l.want(status, code, method, path, token, nil)
	}

	if a := l.want(http.StatusOK, "", "POST", "/open", d.access, object{"any": "body"}); string(a.body) != d.user.ID+" "+d.session.ID+` user {"any":"body"}` {
		t.Errorf("answered %s", a.body)
	}
	if a := ask(http.StatusUnauthorized, "unauthenticated", "POST /open", ""); a.header.Get("WWW-Authenticate") != "Bearer" || a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("refused with %v", a.header)
	}
	ask(http.StatusUnauthorized, "invalid_token", "POST /open", d.access+"x")
	ask(http.StatusForbidden, "forbidden", "GET /staff", d.access)
	ask(http.StatusOK, "", "GET /staff", admin.access)
	ask(http.StatusOK, "", "GET /fresh", d.access)
	ask(http.StatusForbidden, "forbidden", "GET /secret", d.access) // what he may not at all comes first

	methods := func(pattern string) string {
		t.Helper()
		var refused struct{ Methods []string }
		ask(http.StatusForbidden, "step_up_required", pattern, d.access).into(t, &refused)
		return strings.Join(refused.Methods, " ")
	}
	if got := methods("GET /proven") + "; " + methods("GET /stale"); got != "; password" {
		t.Errorf("without a factor he may show: %s", got)
	}
	other := d.other("Laptop")
	other.enrol()
	if got := methods("POST /open"); got != "totp recovery_code" { // the session owes it now
		t.Errorf("he owes: %s", got)
	}
	ask(http.StatusOK, "", "GET /proven", other.access)
	ask(http.StatusForbidden, "step_up_required", "GET /stale", other.access)

	other.ok("DELETE", "/auth/sessions/"+d.session.ID, nil)
	ask(http.StatusUnauthorized, "session_revoked", "POST /open", d.access)
	other.connect().works() // the sockets are beside them
}

// TestRequireCountsRequests has those of the program's routes count with those of the API.
func TestRequireCountsRequests(t *testing.T) {
	t.Parallel()
	l := openLab(t, "--rate-limits=on")
	l.beside(map[string]gatehouse.Need{"GET /mine": {}})
	for n := 0; ; n++ {
		a, err := l.call("GET", "/mine", "", nil)
		must(t, err)
		if a.status == http.StatusTooManyRequests && a.Code == "rate_limited" && a.header.Get("Retry-After") != "" {
			break
		}
		if a.Code != "unauthenticated" || n > 200 {
			t.Fatalf("request %d: %v", n, a)
		}
	}
	l.want(http.StatusTooManyRequests, "rate_limited", "GET", "/auth/me", "", nil)
}

func TestOpenRefusesAHandlerThatCannotAnswer(t *testing.T) {
	l := openLab(t)
	for name, h := range map[string]gatehouse.Handler{"silent": {}, "": {Handle: (&poll{}).vote}} {
		if _, err := gatehouse.Open(t.Context(), l.cfg, gatehouse.Options{Handlers: map[string]gatehouse.Handler{name: h}}); err == nil {
			t.Errorf("opened with a handler %q", name)
		}
	}
}
