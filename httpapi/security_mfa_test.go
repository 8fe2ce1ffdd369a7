package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

// atOnce sends n requests together, of which exactly one may be answered 200, the others 401 or 410.
func (p *protected) atOnce(n int, path string, body func(i int) doc) {
	p.t.Helper()
	before := p.Live(p.own.User.ID)
	answers := make([]*answer, n)
	for _, err := range rulestest.Race(n, func(i int) (err error) {
		answers[i], err = p.try("POST", path, body(i))
		return err
	}) {
		if err != nil {
			p.t.Fatal(err)
		}
	}
	in := 0
	for _, a := range answers {
		switch a.status {
		case 200:
			in++
		case 401, 410:
		default:
			p.t.Errorf("%s", a)
		}
	}
	if in != 1 || p.Live(p.own.User.ID) != before+1 {
		p.t.Errorf("%d of %d got in; %d sessions, there were %d", in, n, p.Live(p.own.User.ID), before)
	}
}

func TestThreat25_OneCodeLetsOneIn(t *testing.T) {
	p := protect(t, unlimited)
	const n = 32
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = p.challenge()
	}
	code := p.Code(p.secret)
	p.atOnce(n, "/auth/mfa/totp", func(i int) doc { return doc{"mfa_token": tokens[i], "code": code} })
	p.do("POST", "/auth/mfa/totp", doc{"mfa_token": p.challenge(), "code": code}).problem(401, "invalid_code")
	p.do("POST", "/auth/reauthenticate", doc{"code": code}, p.own.bearer()).problem(401, "invalid_code")
	p.Advance(rulestest.Step)
	one, code := p.challenge(), p.Code(p.secret)
	p.atOnce(n, "/auth/mfa/totp", func(int) doc { return doc{"mfa_token": one, "code": code} })
}

func TestThreat28_OneRecoveryCodeLetsOneIn(t *testing.T) {
	p := protect(t, unlimited)
	const n = 32
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = p.challenge()
	}
	p.atOnce(n, "/auth/mfa/recovery-code", func(i int) doc { return doc{"mfa_token": tokens[i], "code": p.recovery[0]} })
}

// TestThreat26_GuessesSpreadOverChallengesAndAddresses: whoever has the password gets ten guesses in a quarter of an
// hour, whatever he spreads them over.
func TestThreat26_GuessesSpreadOverChallengesAndAddresses(t *testing.T) {
	p := protect(t, proxied)
	guess := func(i int) *answer {
		token := p.challenge(client(i))
		switch i % 3 {
		case 0:
			return p.do("POST", "/auth/mfa/totp", doc{"mfa_token": token, "code": "00000x"}, client(100+i))
		case 1:
			return p.payWrong(token, client(100+i))
		}
		return p.do("POST", "/auth/mfa/passkey", doc{"mfa_token": token, "ceremony": "x", "credential": doc{}}, client(100+i))
	}
	i := 0
	p.until(ratelimit.MFAAccount.Burst, func() *answer { i++; return guess(i) }).limited()
	p.payTOTP(p.challenge(client(50)), client(51)).limited() // a right one too: he must not learn which it was
	p.Advance(ratelimit.MFAAccount.Refill())
	p.payTOTP(p.challenge(client(50)), client(51)).is(200)
	p.do("POST", "/auth/passkey", p.begin(p.key, "/auth/passkey/options", nil), client(52)).is(200)
	p.do("POST", "/auth/reauthenticate", doc{"code": p.recovery[0]}, p.own.bearer()).is(200) // nor does it lock him out where he is in
}

// TestThreat27_StepOneAloneOpensNothing shows the token of a challenge wherever a credential is taken.
func TestThreat27_StepOneAloneOpensNothing(t *testing.T) {
	p := protect(t, unlimited)
	token := p.challenge()
	bearer := with("Authorization", "Bearer "+token)
	for _, call := range []string{"GET /auth/me", "GET /auth/session", "POST /auth/reauthenticate", "POST /auth/ticket", "GET /auth/factors", "DELETE /auth/factors/totp"} {
		method, path, _ := strings.Cut(call, " ")
		p.do(method, path, nil, bearer).problem(401, "invalid_token")
	}
	p.do("POST", "/auth/refresh", doc{"refresh_token": token}).problem(401, "invalid_token")
	p.do("POST", "/auth/refresh", nil, cookie(token), sameOrigin).problem(401, "invalid_token")
	p.do("POST", "/auth/logout", doc{"refresh_token": token}).problem(401, "invalid_token")
	p.do("POST", "/auth/setup", login("x@example.com", rulestest.Password, "token", token)).problem(410, "grant_expired")
	p.do("POST", "/auth/passkey", doc{"ceremony": token, "credential": doc{}}).problem(410, "grant_expired")
	if _, _, err := p.SignIn.RedeemTicket(t.Context(), token); err == nil {
		t.Error("it is a ticket for a socket")
	}
	for _, other := range []string{p.begin(p.key, "/auth/passkey/options", nil)["ceremony"].(string), p.own.Access, p.own.Refresh, ""} {
		p.do("POST", "/auth/mfa/totp", doc{"mfa_token": other, "code": p.Code(p.secret)}).problem(410, "grant_expired")
	}
	if n := p.Live(p.own.User.ID); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// TestThreat29_SensitiveChangesWithStaleAuthentication asks every operation; those of the list want a fresh sign-in.
func TestThreat29_SensitiveChangesWithStaleAuthentication(t *testing.T) {
	sensitive := map[string]bool{}
	for _, call := range []string{
		"POST /auth/password", "POST /auth/logout/others", "POST /auth/factors/totp", "POST /auth/factors/totp/confirm", "DELETE /auth/factors/totp",
		"POST /auth/factors/recovery-codes", "POST /auth/factors/passkeys/options", "POST /auth/factors/passkeys", "PATCH /auth/factors/passkeys/{id}",
		"DELETE /auth/factors/passkeys/{id}", "DELETE /auth/identities/{provider}", "POST /auth/oauth/{provider}/link", "PUT /admin/users/{id}/roles",
		"POST /admin/users/{id}/disable", "POST /admin/users/{id}/factors/reset",
	} {
		sensitive[call] = true
	}
	l := open(t, unlimited)
	u := l.AddStranger(account.RoleAdmin)
	for path, item := range l.api.OpenAPI().Paths {
		for _, op := range operations(item) {
			if !sensitive[op.Method+" "+path] {
				continue
			}
			delete(sensitive, op.Method+" "+path)
			d := l.again(l.Account(u.ID))
			l.Advance(l.Config.StepUpAge - time.Second)
			target := parameter.ReplaceAllString(path, "x")
			if a := l.do(op.Method, target, doc{}, d.bearer()); a.status == 403 {
				t.Errorf("in time: %s", a)
			}
			d = l.again(l.Account(u.ID))
			l.Advance(l.Config.StepUpAge)
			l.do(op.Method, target, doc{}, d.bearer()).problem(403, "step_up_required")
		}
	}
	if len(sensitive) > 0 {
		t.Errorf("there is no %v", sensitive)
	}
}

func TestThreat30_ForeignAndReplayedAssertions(t *testing.T) {
	for name, spoil := range map[string]func(p *protected){
		"wrong origin":   func(p *protected) { p.key.RP.Origin = "https://evil.example" },
		"other port":     func(p *protected) { p.key.RP.Origin = "http://localhost:8081" },
		"wrong RP id":    func(p *protected) { p.key.RP.ID = "evil.example" },
		"foreign handle": func(p *protected) { p.key.Auth.Options.UserHandle = []byte(p.enter().User.ID) },
		"nobody's":       func(p *protected) { p.key.Auth.Options.UserHandle = []byte("usr_01M8ACW7RNQTN0YCD6KGWGMJ9M") },
		"no handle":      func(p *protected) { p.key.Auth.Options.UserHandle = nil },
		"counter back":   func(p *protected) { p.key.Cred.Counter = 0 },
		"another key":    func(p *protected) { p.key.Cred.Key = p.NewPasskey(p.own.User).Cred.Key },
	} {
		p := protect(t, unlimited)
		p.do("POST", "/auth/passkey", p.begin(p.key, "/auth/passkey/options", nil)).is(200)
		before := p.Live(p.own.User.ID)
		spoil(p)
		p.do("POST", "/auth/passkey", p.begin(p.key, "/auth/passkey/options", nil)).problem(401, "invalid_credentials")
		if name == "counter back" {
			p.key.Cred.Counter = 0
			if rows := p.Events(audit.Query{Action: audit.PasskeyCloned}); len(rows) != 1 || rows[0].UserID != p.own.User.ID {
				t.Errorf("rows %+v", rows)
			}
		}
		if name == "no handle" {
			continue // where it is known who it is, a handle may be missing
		}
		token := p.challenge()
		p.do("POST", "/auth/mfa/passkey", p.begin(p.key, "/auth/mfa/passkey/options", doc{"mfa_token": token})).problem(401, "invalid_code")
		if name == "counter back" {
			p.key.Cred.Counter = 0
		}
		p.do("POST", "/auth/reauthenticate", p.begin(p.key, "/auth/reauthenticate/options", nil, p.own.bearer()), p.own.bearer()).problem(401, "invalid_code")
		if n := p.Live(p.own.User.ID); n != before {
			t.Errorf("%s: %d sessions, there were %d", name, n, before)
		}
	}
	p := protect(t, unlimited)
	body := p.begin(p.key, "/auth/passkey/options", nil)
	p.atOnce(16, "/auth/passkey", func(int) doc { return body })
	again := p.begin(p.key, "/auth/passkey/options", nil)
	again["credential"] = body["credential"]
	p.do("POST", "/auth/passkey", again).problem(401, "invalid_credentials")
	token := p.challenge()
	asserted := p.begin(p.key, "/auth/mfa/passkey/options", doc{"mfa_token": token})
	asserted["ceremony"] = p.begin(p.key, "/auth/passkey/options", nil)["ceremony"]
	p.do("POST", "/auth/mfa/passkey", asserted).problem(410, "grant_expired") // a ceremony of another kind
}

// TestThreat24_GuessesAtAVictimsFactorsDoNotDisturbHim, who signs in by passkey and goes on where he is in.
func TestThreat24_GuessesAtAVictimsFactorsDoNotDisturbHim(t *testing.T) {
	p := protect(t, proxied)
	for i := range 30 {
		p.payWrong(fmt.Sprintf("no challenge %d", i), client(i))
		p.do("POST", "/auth/passkey", doc{"ceremony": "x", "credential": doc{}}, client(i))
	}
	p.do("POST", "/auth/passkey", p.begin(p.key, "/auth/passkey/options", nil, client(99)), client(99)).is(200)
	p.do("POST", "/auth/reauthenticate", doc{"code": p.Code(p.secret)}, p.own.bearer()).is(200)
}

// TestThreat29_ASessionThatEndsWhileItsBodyIsOnTheWay: whoever is let in and takes his time is looked at again.
func TestThreat29_ASessionThatEndsWhileItsBodyIsOnTheWay(t *testing.T) {
	l := open(t, nil)
	d := l.enter()
	admitted, used := make(chan bool, 1), l.Guard.Used
	l.Guard.Used = func(sessionID string, generation int) {
		used(sessionID, generation)
		admitted <- true
	}
	body, sent := io.Pipe()
	answered := make(chan *answer)
	go func() {
		a, err := l.try("PATCH", "/auth/me", "", d.bearer(), chunked, func(r *http.Request) { r.Body = body })
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	_, _ = io.WriteString(sent, `{"name":"`)
	<-admitted
	l.kick(d)
	_, _ = io.WriteString(sent, `Mallory"}`)
	_ = sent.Close()
	if a := <-answered; a != nil {
		a.problem(401, "session_revoked")
	}
	if name := l.Account(d.User.ID).Name; name != d.User.Name {
		t.Errorf("he is called %s now", name)
	}
}
