package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

func TestThreat09_AccessTokenReplayedAfterSignOut(t *testing.T) {
	l := open(t, nil)
	u := l.AddStranger()
	for name, leave := range map[string]func(d in){
		"own":        func(d in) { l.do("POST", "/auth/logout", nil, d.bearer()).is(204) },
		"by another": func(d in) { l.do("DELETE", "/auth/sessions/"+d.ID, nil, l.again(u).bearer()).is(204) },
		"all":        func(d in) { l.do("POST", "/auth/logout/all", nil, l.again(u).bearer()).is(204) },
		"kicked":     func(d in) { l.kick(d) },
	} {
		d := l.again(u)
		leave(d)
		for _, call := range []string{"GET /auth/me", "GET /auth/session", "PATCH /auth/me", "POST /auth/ticket", "POST /auth/reauthenticate", "GET /admin/users"} {
			method, path, _ := strings.Cut(call, " ")
			if p := l.do(method, path, nil, d.bearer()).problem(401, "session_revoked"); p["reason"] == nil {
				t.Errorf("%s, %s: %v", name, call, p)
			}
		}
	}
}

func TestThreat10_SessionCookiePlantedBeforeLogin(t *testing.T) {
	l := open(t, nil)
	l.AddUser("victim@example.com")
	planted := l.browse(l.AddStranger()) // the attacker's own session, put into the victim's browser
	a := l.do("POST", "/auth/login", login("victim@example.com", rulestest.Password), cookie(planted.Refresh), sameOrigin).is(200)
	c := a.cookie()
	if c == nil || c.Value == planted.Refresh || a.member("session.id") == planted.ID {
		t.Fatalf("%s with cookie %v: the planted session is the victim's", a, c)
	}
	l.do("POST", "/auth/refresh", nil, cookie(planted.Refresh), sameOrigin).problem(401, "session_revoked")
	l.do("GET", "/auth/me", nil, planted.bearer()).problem(401, "session_revoked")
	refreshed := l.do("POST", "/auth/refresh", nil, cookie(c.Value), sameOrigin).is(200)
	if refreshed.member("user.email") != "victim@example.com" {
		t.Errorf("%s", refreshed)
	}
	// A made-up value is no better.
	made := l.do("POST", "/auth/login", login("victim@example.com", rulestest.Password), cookie("fixed"), sameOrigin).is(200).cookie()
	if made == nil || made.Value == "fixed" {
		t.Errorf("the cookie after a sign-in is %v", made)
	}
}

func TestThreat11_SessionOfAnotherUser(t *testing.T) {
	l := open(t, nil)
	mine, theirs := l.enter(), l.enter()
	unknown := l.do("DELETE", "/auth/sessions/ses_01M8ACW7RNQTN0YCD6KGWGMJ9M", nil, mine.bearer()).is(404)
	for _, a := range []*answer{
		l.do("DELETE", "/auth/sessions/"+theirs.ID, nil, mine.bearer()),
		l.do("PATCH", "/auth/sessions/"+theirs.ID, doc{"name": "mine now"}, mine.bearer()),
	} {
		if a.problem(404, "not_found"); string(a.body) != string(unknown.body) {
			t.Errorf("%s differs from that of an id that nobody has", a)
		}
	}
	if s := l.Record(theirs.ID); s.Ended() || s.Name != "Phone" {
		t.Errorf("the session is now %q, ended %t", s.Name, s.Ended())
	}
	l.do("DELETE", "/auth/me/sessions/"+theirs.ID, nil, mine.bearer()).is(404)
	l.do("DELETE", "/admin/sessions/"+theirs.ID, nil, mine.bearer()).problem(403, "forbidden")
}

func TestThreat20_UnknownPasswordlessDisabledAndWrongAreTheSame(t *testing.T) {
	l := open(t, unlimited)
	l.AddUser("wrong@example.com")
	if _, _, err := l.Accounts.SetDisabled(t.Context(), l.AddUser("disabled@example.com").ID, true); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accounts.Create(t.Context(), account.New{Email: "passwordless@example.com"}); err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, c := range []doc{
		login("unknown@example.com", rulestest.Password), login("passwordless@example.com", ""), login("passwordless@example.com", rulestest.Password),
		login("disabled@example.com", rulestest.Password), login("disabled@example.com", "wrong"), login("wrong@example.com", "wrong"), login("wrong@example.com", ""),
	} {
		before, _ := l.Accounts.Hasher.Counts()
		a := l.do("POST", "/auth/login", c)
		a.problem(401, "invalid_credentials")
		a.header.Del("Date")
		a.header.Del("X-Request-Id") // new for each
		got := string(a.body) + headerText(a.header)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%s is answered\n%s\nothers\n%s", c["email"], got, want)
		}
		if after, _ := l.Accounts.Hasher.Counts(); after-before != 1 {
			t.Errorf("%s costs %d hashes", c["email"], after-before)
		}
	}
}

func TestThreat22_RotatingForwardedForFromAnUntrustedPeer(t *testing.T) {
	l := open(t, nil)
	i := 0
	l.until(20, func() *answer {
		i++
		return l.do("POST", "/auth/login", login("nobody", "x"), client(i), with("X-Real-IP", fmt.Sprintf("198.51.100.%d", i)), with("Forwarded", fmt.Sprintf("for=203.0.113.%d", i)))
	}).limited()
}

func TestThreat22_RotatingForwardedForThroughAProxyThatAppends(t *testing.T) {
	l := open(t, proxied)
	i := 0
	l.until(20, func() *answer {
		i++
		return l.do("POST", "/auth/login", login("nobody", "x"), from(fmt.Sprintf("198.51.100.%d, 192.0.2.1", i)))
	}).limited()
}

func TestThreat22_OneIPv6NetworkIsOneBucket(t *testing.T) {
	l := open(t, proxied)
	i := 0
	l.until(20, func() *answer {
		i++
		return l.do("POST", "/auth/login", login("nobody", "x"), from(fmt.Sprintf("2001:db8:1:2:%x::%x", i, 7*i)))
	}).limited()
	l.do("POST", "/auth/login", login("nobody", "x"), from("2001:db8:1:3::1")).invalid("email")
}

// TestThreat23_ManyLongPasswordsAtOnce lets 500 sign-ins come together. Few are hashed at once, some wait, the rest is
// sent away, and the node goes on to answer.
func TestThreat23_ManyLongPasswordsAtOnce(t *testing.T) {
	const callers, ceiling = 500, 512 << 20
	l := open(t, unlimited)
	long := strings.Repeat("ж", account.MaxPassword)
	done, cancel := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	var peak uint64
	watch.Go(func() {
		for again := true; again; again = wait(done, 50*time.Millisecond) {
			began := time.Now()
			if a, err := l.try("GET", "/healthz", nil); err != nil || a.status != 200 {
				t.Errorf("healthz: %v %v", a, err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("healthz took %s", took)
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
	})
	counts := map[int]int{}
	var mu sync.Mutex
	errs := rulestest.Race(callers, func(i int) error {
		a, err := l.try("POST", "/auth/login", login(fmt.Sprintf("u%d@example.com", i), long))
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if counts[a.status]++; a.status == http.StatusServiceUnavailable && (a.header.Get("Retry-After") == "" || a.object()["code"] != "unavailable") {
			t.Errorf("%s with %v", a, a.header)
		}
		return nil
	})
	cancel()
	watch.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	hashes, refused := l.Accounts.Hasher.Counts()
	if counts[401] == 0 || counts[503] == 0 || counts[401]+counts[503] != callers || int64(counts[401]) != hashes || int64(counts[503]) != refused {
		t.Errorf("answers %v; %d hashed, %d refused", counts, hashes, refused)
	}
	if peak > ceiling {
		t.Errorf("the heap grew to %d MiB", peak>>20)
	}
	t.Logf("answers %v, heap at most %d MiB", counts, peak>>20)
}

// wait lets time pass, and tells whether there is more of it.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func TestThreat24_FailingSignInsDoNotDisturbTheVictimsSessions(t *testing.T) {
	l := open(t, proxied)
	victim := l.again(l.AddUser("victim@example.com"))
	for i := range 40 {
		l.do("POST", "/auth/login", login("victim@example.com", "guess"), client(i))
	}
	l.do("POST", "/auth/login", login("victim@example.com", rulestest.Password), client(99)).limited()
	l.do("GET", "/auth/me", nil, victim.bearer()).is(200)
	l.do("POST", "/auth/refresh", doc{"refresh_token": victim.Refresh}).is(200)
	l.do("POST", "/auth/reauthenticate", doc{"password": rulestest.Password}, victim.bearer()).is(200)
	l.do("POST", "/auth/ticket", nil, victim.bearer()).is(200)
	if _, err := l.SignIn.Ticket(t.Context(), victim.User.ID, victim.ID); err != nil {
		t.Error(err)
	}
}

func TestThreat34_ModeratorAgainstAdminAndLastAdminAgainstHimself(t *testing.T) {
	l := open(t, nil)
	root, mod, other := l.enter(account.RoleAdmin), l.enter(account.RoleModerator), l.enter(account.RoleModerator)
	for _, target := range []in{root, other, mod} {
		id := target.User.ID
		for _, call := range []string{"DELETE /admin/sessions/" + target.ID, "DELETE /admin/users/" + id + "/sessions", "POST /admin/users/" + id + "/disable",
			"POST /admin/users/" + id + "/enable"} {
			method, path, _ := strings.Cut(call, " ")
			l.do(method, path, nil, mod.bearer()).problem(403, "forbidden")
		}
		l.do("PUT", "/admin/users/"+id+"/roles", doc{"roles": []string{"admin"}}, mod.bearer()).problem(403, "forbidden")
		l.do("POST", "/admin/users/"+id+"/messages", doc{"name": "x"}, mod.bearer()).problem(403, "forbidden")
		l.generation(target, 1)
	}
	l.do("PUT", "/admin/users/"+root.User.ID+"/roles", doc{"roles": []string{"user", "moderator"}}, root.bearer()).problem(409, "last_admin")
	l.do("POST", "/admin/users/"+root.User.ID+"/disable", nil, root.bearer()).problem(409, "last_admin")
	l.generation(root, 1)
	if u := l.Account(root.User.ID); !u.Has(account.RoleAdmin) || u.Disabled {
		t.Errorf("the last admin is now %v, disabled %t", u.Roles, u.Disabled)
	}
}

func TestThreat35_FormPostAndCrossSiteFetch(t *testing.T) {
	l := open(t, unlimited)
	l.AddUser("ada@example.com")
	d := l.browse(l.AddStranger())
	attacks := map[string][]part{
		"form":              {form, with("Sec-Fetch-Site", "cross-site"), with("Origin", "https://evil.example")},
		"form, old browser": {form},
		"text":              {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, foreign},
		"fetch":             {foreign, with("Sec-Fetch-Site", "cross-site")},
		"no headers":        {},
		"sibling":           {with("Origin", "http://localhost:3000"), with("Sec-Fetch-Site", "same-site")},
		"sandboxed":         {with("Origin", "null"), with("Sec-Fetch-Site", "cross-site")},
		"look-alike":        {with("Origin", home+".evil.example")},
		"another scheme":    {with("Origin", "https://localhost:8080")},
	}
	for name, parts := range attacks {
		for path, body := range map[string]doc{
			"/auth/refresh": {}, "/auth/logout": {}, "/auth/login": login("ada@example.com", rulestest.Password, "transport", "cookie"),
		} {
			a := l.do("POST", path, body, append(parts, cookie(d.Refresh))...)
			if a.status != 403 && a.status != 415 || a.cookie() != nil {
				t.Errorf("%s: %s, cookie %v", name, a, a.cookie())
			}
		}
	}
	l.generation(d, 1)
}
