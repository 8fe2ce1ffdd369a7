package gatehouse_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/client/verify"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// service is another service: it serves reports to admins with a fresh sign-in, and greetings to everybody.
type service struct {
	t   *testing.T
	v   *verify.Verifier
	url string
	cut *servertest.Proxy
}

// openService gives it a key and starts it. Its way to Gatehouse can be cut.
func (l *lab) openService(t *testing.T, admin *device) *service {
	t.Helper()
	var key struct{ Key string }
	admin.want(http.StatusCreated, "", "POST", "/admin/service-keys", admin.access, object{"name": "reports"}).into(t, &key)
	way := servertest.StartProxy(t, l.door.Addr().String())
	s := &service{t: t, cut: way, v: verify.New(verify.Config{Issuer: l.url, URL: "http://" + way.Addr(), Key: key.Key})}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- s.v.Run(ctx) }()
	mux := http.NewServeMux()
	greet := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := verify.From(r.Context())
		_ = json.NewEncoder(w).Encode(p)
	})
	mux.Handle("/greeting", s.v.Require(verify.Need{})(greet))
	mux.Handle("/reports", s.v.Require(verify.Need{Roles: []string{"admin"}, Fresh: time.Hour})(greet))
	mux.Handle("/vault", s.v.Require(verify.Need{AAL: 2})(greet))
	server := httptest.NewServer(mux)
	s.url = server.URL
	t.Cleanup(func() {
		server.Close()
		stop()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
	servertest.Eventually(t, "the service is ready", s.v.Ready)
	return s
}

// get is the code that the service answers with, "" for a good answer.
func (s *service) get(path, token string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	must(s.t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	must(s.t, err)
	defer resp.Body.Close()
	var no struct{ Code string }
	must(s.t, json.NewDecoder(resp.Body).Decode(&no))
	return no.Code
}

func TestAnotherServiceTakesTokensAndHearsOfEnds(t *testing.T) {
	l := openLab(t)
	admin := l.staff("admin")
	s := l.openService(t, admin)
	d := l.register("Laptop")
	for _, c := range []struct{ path, token, want string }{
		{"/greeting", d.access, ""}, {"/greeting", "", "unauthenticated"}, {"/greeting", d.access + "x", "invalid_token"}, {"/greeting", d.refreshToken, "invalid_token"},
		{"/reports", d.access, "forbidden"}, {"/reports", admin.access, ""}, {"/vault", admin.access, "step_up_required"},
	} {
		if got := s.get(c.path, c.token); got != c.want {
			t.Errorf("%s by %.12s…: %q, want %q", c.path, c.token, got, c.want)
		}
	}
	admin.want(http.StatusNoContent, "", "DELETE", "/admin/sessions/"+d.session.ID, admin.access, nil)
	took := servertest.Within(t, time.Second, "a kicked session is refused", func() bool { return s.get("/greeting", d.access) == "session_revoked" })
	t.Logf("refused %s after the kick", took)

	e := l.register("Phone")
	admin.want(http.StatusOK, "", "PUT", "/admin/users/"+e.user.ID+"/roles", admin.access, object{"roles": []string{"moderator"}})
	servertest.Within(t, time.Second, "claims from before are stale", func() bool { return s.get("/greeting", e.access) == "token_stale" })
}

func TestAnotherServiceMissesNothingWhileItWasAway(t *testing.T) {
	l := openLab(t)
	admin := l.staff("admin")
	s := l.openService(t, admin)
	before, during, lives := l.register("One"), l.register("Two"), l.register("Three")
	kick := func(d *device) {
		admin.want(http.StatusNoContent, "", "DELETE", "/admin/sessions/"+d.session.ID, admin.access, nil)
	}
	kick(before)
	servertest.Eventually(t, "the first is refused", func() bool { return s.get("/greeting", before.access) == "session_revoked" })
	s.cut.Sever(true)
	kick(during)
	s.cut.Sever(false)
	servertest.Eventually(t, "the one ended meanwhile is refused", func() bool { return s.get("/greeting", during.access) == "session_revoked" })
	if got := s.get("/greeting", lives.access); got != "" {
		t.Errorf("the one that lives: %q", got)
	}

	// A service that starts now learns of the past too.
	fresh := l.openService(t, admin)
	for _, d := range []*device{before, during} {
		if got := fresh.get("/greeting", d.access); got != "session_revoked" {
			t.Errorf("a new service: %q", got)
		}
	}
}

func TestAServiceThatCannotKnowLetsNobodyIn(t *testing.T) {
	l := openLab(t)
	v := verify.New(verify.Config{Issuer: l.url, Key: "ghk_none"})
	d := l.register("Laptop")
	if _, err := v.Check(t.Context(), d.access); err == nil || !strings.Contains(err.Error(), "unavailable") {
		t.Errorf("before it knows anything: %v", err)
	}
}

func TestServiceKeysOpenAndCloseStreams(t *testing.T) {
	l := openLab(t)
	admin := l.staff("admin")
	var key struct{ ID, Key string }
	admin.want(http.StatusCreated, "", "POST", "/admin/service-keys", admin.access, object{"name": "log"}).into(t, &key)
	for token, want := range map[string]string{"": "unauthenticated", "ghk_x": "invalid_token", admin.access: "invalid_token"} {
		l.want(http.StatusUnauthorized, want, "GET", "/events", token, nil)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.url+"/events", nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+key.Key)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 1<<10)
		for {
			if _, err := resp.Body.Read(buf); err != nil {
				return
			}
		}
	}()
	admin.want(http.StatusNoContent, "", "DELETE", "/admin/service-keys/"+key.ID, admin.access, nil)
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the stream of a deleted key goes on")
	}
}

func TestIntrospectionTellsServicesWhatATokenIsGoodFor(t *testing.T) {
	l := openLab(t)
	admin := l.staff("admin")
	var key struct{ Key string }
	admin.want(http.StatusCreated, "", "POST", "/admin/service-keys", admin.access, object{"name": "php"}).into(t, &key)
	ask := func(token string) map[string]any {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.url+"/auth/introspect", strings.NewReader(url.Values{"token": {token}}.Encode()))
		must(t, err)
		req.Header.Set("Authorization", "Bearer "+key.Key)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		defer resp.Body.Close()
		var out map[string]any
		must(t, json.NewDecoder(resp.Body).Decode(&out))
		return out
	}
	d := l.register("Laptop")
	if got := ask(d.access); got["active"] != true || got["sub"] != d.user.ID || got["sid"] != d.session.ID || got["aal"] != 1.0 {
		t.Errorf("a good token: %v", got)
	}
	d.want(http.StatusNoContent, "", "POST", "/auth/logout", d.access, nil)
	for name, token := range map[string]string{"ended": d.access, "refresh token": d.refreshToken, "nonsense": "x", "none": ""} {
		if got := ask(token); len(got) != 1 || got["active"] != false {
			t.Errorf("%s: %v", name, got)
		}
	}
}
