package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
)

// nextWord is a password that nobody has yet.
const nextWord = "grünkohl und absinth"

// verified is a user whose address is.
func (l *lab) verified(email string, roles ...string) account.User {
	l.t.Helper()
	u, err := l.Accounts.Create(l.t.Context(), account.New{Email: email, Name: "Ada", Password: rulestest.Password, Roles: roles, Verified: true})
	if err != nil {
		l.t.Fatal(err)
	}
	return u
}

func TestRegistrationByMail(t *testing.T) {
	l := open(t, nil, "--email-verification=required")
	if a := l.do("GET", "/auth/options", nil).is(200); a.member("email_verification") != true {
		t.Errorf("%s", a)
	}
	a := l.do("POST", "/auth/register", login("Ada@example.com", nextWord, "name", "Ada"), sameOrigin).is(202)
	if string(a.body) != `{"status":"verification_sent"}`+"\n" || a.cookie() != nil {
		t.Errorf("%s with cookie %v", a, a.cookie())
	}
	l.do("POST", "/auth/login", login(ada, nextWord)).problem(403, "email_unverified")
	l.do("POST", "/auth/login", login(ada, "wrong but long enough")).problem(401, "invalid_credentials")
	l.One(mail.VerifyEmail, ada)
	l.do("POST", "/auth/email/resend", doc{"email": " ADA@example.com"}).is(202)
	m := l.One(mail.VerifyEmail, ada)
	l.do("POST", "/auth/email/verify", doc{"token": m.Token}).is(204)
	l.do("POST", "/auth/email/verify", doc{"token": m.Token}).problem(410, "grant_expired")
	in := l.do("POST", "/auth/login", login(ada, nextWord)).is(200)
	if in.member("user.email_verified") != true || in.member("user.name") != "Ada" {
		t.Errorf("%s", in)
	}
	for body, member := range map[string]string{
		`{"email":"nobody","password":"long enough"}`:                              "email",
		`{"email":"b@example.com","password":"short"}`:                             "password",
		`{"email":"b@example.com","password":"long enough","device_name":"a\nb"}`:  "device_name",
		`{"email":"b@example.com","password":"long enough","transport":"carrier"}`: "transport",
	} {
		l.do("POST", "/auth/register", body).invalid(member)
	}
}

func TestClosedSignup(t *testing.T) {
	for _, mode := range []string{"off", "required"} {
		l := open(t, nil, "--signup=closed", "--email-verification="+mode)
		l.do("POST", "/auth/register", login(ada, rulestest.Password)).problem(403, "forbidden")
		root := l.again(l.verified("root@example.com", account.RoleAdmin))
		l.do("POST", "/admin/users", doc{"email": ada}, root.bearer()).is(201)
		l.do("POST", "/auth/password/reset", doc{"token": l.One(mail.Invitation, ada).Token, "new_password": nextWord}).is(204)
		l.do("POST", "/auth/login", login(ada, nextWord)).is(200)
	}
}

func TestPasswordResetByMail(t *testing.T) {
	l := open(t, nil)
	u := l.AddUser(ada)
	d, tab := l.again(u), l.browse(u)
	l.do("POST", "/auth/password/forgot", doc{"email": "Ada@Example.com "}).is(202)
	m := l.One(mail.ResetPassword, ada)
	reset := func(password string) *answer {
		return l.do("POST", "/auth/password/reset", doc{"token": m.Token, "new_password": password})
	}
	reset("short").invalid("new_password")
	reset("password").problem(422, "weak_password")
	if a := reset(nextWord).is(204); a.cookie() != nil || len(a.body) > 0 {
		t.Errorf("%s with cookie %v", a, a.cookie())
	}
	reset("one more password").problem(410, "grant_expired")
	for _, refused := range []*answer{
		l.do("POST", "/auth/refresh", doc{"refresh_token": d.Refresh}), l.do("POST", "/auth/refresh", nil, cookie(tab.Refresh), sameOrigin),
	} {
		if p := refused.problem(401, "session_revoked"); p["reason"] != "credentials_changed" || p["by"].(doc)["kind"] != "user" {
			t.Errorf("%v", p)
		}
	}
	l.do("POST", "/auth/login", login(ada, rulestest.Password)).problem(401, "invalid_credentials")
	l.do("POST", "/auth/login", login(ada, nextWord)).is(200)
}

func TestAddressChangeByMail(t *testing.T) {
	l := open(t, nil)
	d := l.again(l.verified(ada))
	const there = "countess@example.com"
	l.do("POST", "/auth/email/change", doc{"email": "nobody"}, d.bearer()).invalid("email")
	l.do("POST", "/auth/email/change", doc{"email": there}, d.bearer()).is(202)
	var token string
	for _, m := range l.Deliver() {
		if m.Kind == mail.ChangeEmail && m.To == there {
			token = m.Token
		} else if m.Kind != mail.ChangeAsked || m.To != ada {
			t.Errorf("letter %+v", m)
		}
	}
	l.do("POST", "/auth/email/verify", doc{"token": token}).is(204)
	l.One(mail.EmailChanged, ada)
	if a := l.do("GET", "/auth/me", nil, d.bearer()).is(200); a.member("email") != there {
		t.Errorf("%s", a)
	}
	l.Advance(l.Config.StepUpAge)
	l.do("POST", "/auth/email/change", doc{"email": ada}, l.again(l.Account(d.User.ID)).bearer()).is(202)
	l.do("POST", "/auth/email/change", doc{"email": ada}, d.bearer()).problem(403, "step_up_required")
	l.do("POST", "/auth/email/change", doc{"email": ada}).problem(401, "unauthenticated")
}

func TestNotMe(t *testing.T) {
	l := open(t, proxied)
	l.AddUser(ada)
	l.do("POST", "/auth/login", login(ada, rulestest.Password), from("192.0.2.1")).is(200)
	in := l.do("POST", "/auth/login", login(ada, rulestest.Password), from("198.51.100.1")).is(200)
	m := l.One(mail.NewDevice, ada)
	l.do("POST", "/auth/not-me", doc{"token": m.Token}).is(204)
	p := l.do("POST", "/auth/refresh", doc{"refresh_token": in.member("refresh_token")}).problem(401, "session_revoked")
	if p["reason"] != "session_revoked" || p["by"].(doc)["kind"] != "user" {
		t.Errorf("%v", p)
	}
	l.do("POST", "/auth/not-me", doc{"token": m.Token}).problem(410, "grant_expired")
}

func TestInvitation(t *testing.T) {
	l := open(t, nil)
	root, moderator := l.again(l.AddStranger(account.RoleAdmin)), l.enter(account.RoleModerator)
	invite := doc{"email": "Ada@example.com", "name": "Ada", "roles": []string{"moderator"}}
	l.do("POST", "/admin/users", invite, moderator.bearer()).problem(403, "forbidden")
	a := l.do("POST", "/admin/users", invite, root.bearer()).is(201)
	m := l.One(mail.Invitation, ada)
	if a.member("email") != ada || a.member("email_verified") != false || a.member("invite_url") != m.Link+"#token="+m.Token ||
		!slices.Equal(a.member("roles").([]any), []any{"user", "moderator"}) {
		t.Errorf("%s", a)
	}
	l.do("POST", "/admin/users", invite, root.bearer()).problem(409, "email_taken")
	l.do("POST", "/admin/users", doc{"email": "b@example.com", "roles": []string{"king"}}, root.bearer()).invalid("roles")
	l.do("POST", "/admin/users", doc{"email": "nobody"}, root.bearer()).invalid("email")
	l.do("POST", "/auth/password/reset", doc{"token": m.Token, "new_password": nextWord}).is(204)
	l.do("POST", "/auth/login", login(ada, nextWord)).is(200)
	l.Advance(l.Config.StepUpAge)
	l.do("POST", "/admin/users", invite, root.bearer()).problem(403, "step_up_required")

	l = open(t, nil, "--smtp-url=smtp://127.0.0.1:1")
	root = l.again(l.verified("root@example.com", account.RoleAdmin))
	if a := l.do("POST", "/admin/users", doc{"email": ada}, root.bearer()).is(201); a.object()["invite_url"] != nil {
		t.Errorf("%s, although mail goes out", a)
	}
}

func TestAccountIsDeletedByItsOwner(t *testing.T) {
	l := open(t, nil)
	u := l.AddUser(ada)
	d := l.browse(u)
	other := l.again(u)
	a := l.do("DELETE", "/auth/me", nil, d.bearer(), cookie(d.Refresh), sameOrigin).is(204)
	if c := a.cookie(); c == nil || c.MaxAge >= 0 || c.Value != "" {
		t.Errorf("the cookie is %v", c)
	}
	for _, x := range []in{d, other} {
		if p := l.do("GET", "/auth/me", nil, x.bearer()).problem(401, "session_revoked"); p["reason"] != "account_disabled" {
			t.Errorf("%v", p)
		}
	}
	l.do("POST", "/auth/login", login(ada, rulestest.Password)).problem(401, "invalid_credentials")
	l.do("POST", "/auth/register", login(ada, nextWord)).is(201)
}

func TestAccountIsDeletedByStaff(t *testing.T) {
	l := open(t, nil)
	root, u := l.enter(account.RoleAdmin), l.enter()
	path := "/admin/users/" + u.User.ID
	l.do("DELETE", path, nil, l.enter(account.RoleModerator).bearer()).problem(403, "forbidden")
	l.do("DELETE", path+"?reason=asked", nil, root.bearer()).is(204)
	l.do("GET", path, nil, root.bearer()).problem(404, "not_found")
	l.do("DELETE", path, nil, root.bearer()).problem(404, "not_found")
	if ids := l.do("GET", "/admin/users?q="+u.User.ID, nil, root.bearer()).is(200).ids("users"); len(ids) != 0 {
		t.Errorf("listed %v", ids)
	}
	rows := l.do("GET", "/admin/audit?action=user.deleted", nil, root.bearer()).is(200)
	if events := rows.member("events").([]any); len(events) != 1 || events[0].(doc)["reason"] != "asked" || events[0].(doc)["target"].(doc)["id"] != u.User.ID {
		t.Errorf("%s", rows)
	}
	l.do("DELETE", "/admin/users/"+root.User.ID, nil, root.bearer()).problem(409, "last_admin")
	l.do("DELETE", "/auth/me", nil, root.bearer()).problem(409, "last_admin")
	l.Advance(l.Config.StepUpAge)
	l.do("DELETE", path, nil, root.bearer()).problem(403, "step_up_required")
	l.do("DELETE", "/auth/me", nil, root.bearer()).problem(403, "step_up_required")
}

// TestThreat12_NothingOfOldOutlivesAReset is what a thief holds when the owner chooses a new password by mail.
func TestThreat12_NothingOfOldOutlivesAReset(t *testing.T) {
	l := open(t, nil)
	u := l.verified(ada)
	thief := l.again(u)
	ticket := l.do("POST", "/auth/ticket", nil, thief.bearer()).is(200).member("ticket").(string)
	l.AddTOTP(session.Issued{User: u, Session: l.Record(thief.ID)})
	l.Deliver()
	half := l.do("POST", "/auth/login", login(ada, rulestest.Password)).is(200)
	for range 2 {
		l.do("POST", "/auth/password/forgot", doc{"email": ada}).is(202)
	}
	links := l.Deliver()
	l.do("POST", "/auth/password/reset", doc{"token": links[0].Token, "new_password": nextWord}).is(204)

	l.do("POST", "/auth/password/reset", doc{"token": links[1].Token, "new_password": "password of mallory"}).problem(410, "grant_expired")
	l.do("POST", "/auth/mfa/totp", doc{"mfa_token": half.member("mfa_token"), "code": "123456"}).problem(410, "grant_expired")
	l.do("GET", "/auth/me", nil, thief.bearer()).problem(401, "session_revoked")
	l.do("POST", "/auth/refresh", doc{"refresh_token": thief.Refresh}).problem(401, "session_revoked")
	if _, _, err := l.SignIn.RedeemTicket(t.Context(), ticket); err == nil {
		t.Error("a ticket is good")
	}
	if a := l.do("POST", "/auth/login", login(ada, nextWord)).is(200); a.member("status") != "mfa_required" {
		t.Errorf("%s", a)
	}
}

// TestThreat21_AnswersDoNotTellWhoIsHere compares whole answers, and when limits set in.
func TestThreat21_AnswersDoNotTellWhoIsHere(t *testing.T) {
	for path, body := range map[string]func(email string) doc{
		"/auth/register":        func(email string) doc { return login(email, nextWord) },
		"/auth/password/forgot": func(email string) doc { return doc{"email": email} },
		"/auth/email/resend":    func(email string) doc { return doc{"email": email} },
	} {
		l := open(t, nil, "--email-verification=required")
		l.verified(ada)
		var answers []string
		for _, email := range []string{ada, "nobody@example.com"} {
			var got []string
			for range ratelimit.MailAccount.Burst + 1 {
				a := l.do("POST", path, body(email))
				a.header.Del("Date")
				a.header.Del("X-Request-Id")
				a.header.Del("RateLimit-Policy")
				a.header.Del("RateLimit")
				a.header.Del("Ratelimit-Remaining")
				a.header.Del("Ratelimit-Reset")
				got = append(got, http.StatusText(a.status)+headerText(a.header)+string(a.body))
			}
			if !strings.HasPrefix(got[4], "Accepted") || !strings.HasPrefix(got[5], "Too Many Requests") {
				t.Errorf("%s: %q", path, got)
			}
			answers = append(answers, strings.Join(got, "\n"))
		}
		if answers[0] != answers[1] {
			t.Errorf("%s: a known address gets\n%s\nan unknown one\n%s", path, answers[0], answers[1])
		}
	}
}

func TestMailIsLimitedByAddressOfTheCaller(t *testing.T) {
	l := open(t, nil)
	for i := range ratelimit.MailAddress.Burst {
		path := []string{"/auth/password/forgot", "/auth/email/resend"}[i%2]
		l.do("POST", path, doc{"email": strings.Repeat("a", i+1) + "@example.com"}).is(202)
	}
	l.do("POST", "/auth/password/forgot", doc{"email": ada}).limited()
	l.do("POST", "/auth/email/resend", doc{"email": ada}).limited()
	l.do("POST", "/auth/register", login(ada, nextWord)).limited()
	l.do("POST", "/auth/email/change", doc{"email": "b@example.com"}, l.again(l.verified(ada)).bearer()).limited()
}

// TestThreat33_SpoofedHostsAndPrefetchedLinks: links lead to the configured URL, whatever a request says; and whoever
// follows one without pressing anything, as programs that scan mails do, changes nothing.
func TestThreat33_SpoofedHostsAndPrefetchedLinks(t *testing.T) {
	l := open(t, nil, "--email-verification=required")
	u := l.verified("owner@example.com")
	spoofed := []part{
		func(r *http.Request) { r.Host = "evil.example" }, with("X-Forwarded-Host", "evil.example"), with("X-Forwarded-Proto", "https"),
		with("Forwarded", "host=evil.example"), with("X-Original-Host", "evil.example"),
	}
	l.do("POST", "/auth/register", login(ada, nextWord), spoofed...).is(202)
	l.do("POST", "/auth/password/forgot", doc{"email": u.Email}, spoofed...).is(202)
	l.SignIn.Login(t.Context(), u.Email, rulestest.Password, rulestest.Entry)
	l.SignIn.Login(t.Context(), u.Email, rulestest.Password, signin.Entry{Transport: session.Body, Visit: session.Visit{IP: "203.0.113.1"}})
	links := map[string]rulestest.Mail{}
	for _, m := range l.Deliver() {
		links[m.Kind] = m
		if !strings.HasPrefix(m.Link, home+"/") || strings.Contains(m.Text, "evil") {
			t.Errorf("%s says\n%s", m.Kind, m.Text)
		}
	}
	posts := map[string]doc{
		"/auth/email/verify": {"token": links[mail.VerifyEmail].Token}, "/auth/not-me": {"token": links[mail.NewDevice].Token},
		"/auth/password/reset": {"token": links[mail.ResetPassword].Token, "new_password": nextWord},
	}
	live := l.Live(u.ID)
	for _, m := range links {
		page := strings.TrimPrefix(m.Link, home)
		for _, method := range []string{"GET", "HEAD"} {
			l.do(method, page+"?token="+m.Token, nil, with("Accept", "text/html"))
		}
	}
	for path, body := range posts {
		for _, method := range []string{"GET", "HEAD"} {
			if a := l.do(method, path+"?token="+body["token"].(string), nil); a.status != 405 {
				t.Errorf("%s", a)
			}
		}
	}
	if n := l.Live(u.ID); n != live || live != 2 {
		t.Errorf("%d sessions live, %d before", n, live)
	}
	for path, body := range posts {
		l.do("POST", path, body).is(204) // none was spent
	}
}
