package httpapi_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

func TestRegisterAndLogin(t *testing.T) {
	l := open(t, nil)
	agent := with("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0")
	for _, a := range []*answer{
		l.do("POST", "/auth/register", login(" Ada@Example.com ", rulestest.Password, "name", " Ada "), agent).is(201),
		l.do("POST", "/auth/login", login("ADA@example.com", rulestest.Password), agent).is(200),
	} {
		for path, want := range map[string]any{
			"status": "signed_in", "token_type": "Bearer", "expires_in": 900.0, "refresh_expires_in": 604800.0,
			"user.email": "ada@example.com", "user.name": "Ada", "user.email_verified": false, "user.disabled": false,
			"session.current": true, "session.device.browser": "Firefox", "session.device.kind": "desktop", "session.ip": here,
			"session.aal": 1.0, "session.location": nil, "session.created_at": "2026-01-02T03:04:05.678Z",
		} {
			if got := a.member(path); got != want {
				t.Errorf("%s: %s is %v, want %v", a.call, path, got, want)
			}
		}
	}
	a := l.do("POST", "/auth/login", login("ada@example.com", rulestest.Password, "device_name", "Kitchen")).is(200)
	if a.member("session.name") != "Kitchen" {
		t.Errorf("%s", a)
	}
}

func TestOwnSessions(t *testing.T) {
	l := open(t, nil)
	u := l.AddStranger()
	first := l.again(u)
	l.Advance(time.Minute)
	second, third, mine := l.again(u), l.again(u), l.again(u)
	l.enter()
	l.cluster.Report(u.ID, first.ID, 1)
	l.Advance(time.Minute)
	l.do("GET", "/auth/me", nil, second.bearer()).is(200) // seen last
	a := l.do("GET", "/auth/sessions", nil, mine.bearer())
	if got, want := a.ids("sessions"), []string{mine.ID, first.ID, second.ID, third.ID}; !slices.Equal(got, want) {
		t.Errorf("sessions %v; want mine, the one online, the one seen last, the other: %v", got, want)
	}
	one := l.do("GET", "/auth/session", nil, first.bearer()).is(200)
	if one.member("id") != first.ID || one.member("online") != true || one.member("connections") != 1.0 || one.member("current") != true {
		t.Errorf("%s", one)
	}
	renamed := l.do("PATCH", "/auth/sessions/"+third.ID, doc{"name": "Küche"}, mine.bearer()).is(200)
	if renamed.member("name") != "Küche" || renamed.member("current") != false {
		t.Errorf("%s", renamed)
	}
	l.do("DELETE", "/auth/sessions/"+third.ID, nil, mine.bearer()).is(204)
	if s := l.Record(third.ID); s.EndReason != "session_revoked" || s.EndedBy.Kind != "user" {
		t.Errorf("ended with %q by %q", s.EndReason, s.EndedBy.Kind)
	}
	l.do("DELETE", "/auth/sessions/"+third.ID, nil, mine.bearer()).is(204) // recorded still
	l.do("PATCH", "/auth/sessions/"+third.ID, doc{"name": "x"}, mine.bearer()).problem(404, "not_found")
	if n := len(l.do("GET", "/auth/sessions", nil, mine.bearer()).ids("sessions")); n != 3 {
		t.Errorf("%d sessions, one of four has ended", n)
	}
}

func TestPasswordChange(t *testing.T) {
	l := open(t, nil)
	u := l.AddUser("ada@example.com")
	d, other := l.again(u), l.again(u)
	change := func(current, next string) *answer {
		return l.do("POST", "/auth/password", doc{"current_password": current, "new_password": next}, d.bearer())
	}
	change("wrong", "quite another one").problem(401, "invalid_credentials")
	change(rulestest.Password, "password1").problem(422, "weak_password")
	change(rulestest.Password, "short").invalid("new_password")
	l.do("POST", "/auth/password", doc{"new_password": "quite another one"}, d.bearer()).problem(401, "invalid_credentials")
	l.generation(other, 1)
	change(rulestest.Password, "quite another one").is(204)
	l.do("GET", "/auth/me", nil, d.bearer()).is(200)
	if p := l.do("POST", "/auth/refresh", doc{"refresh_token": other.Refresh}).problem(401, "session_revoked"); p["reason"] != "credentials_changed" {
		t.Errorf("%v", p)
	}
	l.do("POST", "/auth/login", login("ada@example.com", "quite another one")).is(200)
}

func TestTicketIsGoodForOneHandshake(t *testing.T) {
	l := open(t, nil)
	d := l.enter()
	a := l.do("POST", "/auth/ticket", nil, d.bearer()).is(200)
	if a.member("expires_in") != 30.0 {
		t.Errorf("%s", a)
	}
	ticket := a.member("ticket").(string)
	sess, _, err := l.SignIn.RedeemTicket(t.Context(), ticket)
	if err != nil || sess.ID != d.ID {
		t.Errorf("redeemed for %q, %v", sess.ID, err)
	}
	if _, _, err := l.SignIn.RedeemTicket(t.Context(), ticket); err == nil {
		t.Error("redeemed twice")
	}
}

func TestSetupLinkMakesTheFirstAdminOnce(t *testing.T) {
	l := open(t, nil)
	link, err := l.SignIn.SetupLink(t.Context())
	if err != nil || link == "" {
		t.Fatal(link, err)
	}
	l.do("POST", "/auth/setup", login("root@example.com", "short", "token", link)).invalid("password")
	a := l.do("POST", "/auth/setup", login("root@example.com", rulestest.Password, "token", link, "name", "Root"), sameOrigin).is(201)
	if a.cookie() == nil || a.member("user.email_verified") != true {
		t.Errorf("%s with cookie %v", a, a.cookie())
	}
	if u, err := l.Store.UserByEmail(t.Context(), "root@example.com"); err != nil || !u.Has(account.RoleAdmin) {
		t.Errorf("user %+v, %v", u, err)
	}
	l.do("POST", "/auth/setup", login("evil@example.com", rulestest.Password, "token", link)).problem(410, "grant_expired")
}

func TestOptions(t *testing.T) {
	for flag, is := range map[string]bool{"--signup=open": true, "--signup=closed": false} {
		l := open(t, nil, flag)
		a := l.do("GET", "/auth/options", nil).is(200)
		if a.member("signup") != is || len(a.member("providers").([]any)) != 0 || a.member("email_verification") != false {
			t.Errorf("%s: %s", flag, a)
		}
	}
}
