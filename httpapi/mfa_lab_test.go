package httpapi_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

const ada = "ada@example.com"

// protected is a lab with a user who has a password, an authenticator app, recovery codes and a passkey, and the
// device from which he set them up.
type protected struct {
	*lab
	own      in
	secret   string
	recovery []string
	key      *rulestest.Passkey
}

func protect(t testing.TB, prepare func(*lab), flags ...string) *protected {
	t.Helper()
	p := &protected{lab: open(t, prepare, flags...)}
	x := p.Enter(p.AddUser(ada))
	p.own = of(x)
	p.secret, p.recovery = p.AddTOTP(x)
	p.key = p.AddPasskey(x)
	return p
}

// of is the device of a session.
func of(x session.Issued) in { return in{x.User, x.Session.ID, x.AccessToken, x.RefreshToken} }

// another is one more device of the user, from before he had a second factor.
func (p *protected) another() in { return p.again(p.Account(p.own.User.ID)) }

// challenge signs in by password as far as that goes: to a challenge, and nothing that lets anybody in.
func (l *lab) challenge(parts ...part) string {
	l.t.Helper()
	return l.challenged(l.do("POST", "/auth/login", login(ada, rulestest.Password), parts...).is(200))
}

func (l *lab) challenged(a *answer) string {
	l.t.Helper()
	body := a.object()
	token, _ := body["mfa_token"].(string)
	if body["status"] != "mfa_required" || token == "" || body["expires_in"] != 300.0 || len(body) != 4 || a.cookie() != nil {
		l.t.Fatalf("%s with cookie %v; want a challenge and nothing else", a, a.cookie())
	}
	return token
}

// begin asks for the options of a ceremony and shows the key. The body of the next request has both and more.
func (l *lab) begin(key *rulestest.Passkey, path string, more doc, parts ...part) doc {
	l.t.Helper()
	a := l.do("POST", path, more, parts...).is(200)
	var c struct {
		Ceremony string
		Options  json.RawMessage
	}
	a.into(&c)
	if strings.Contains(string(c.Options), `"publicKey":`) || !strings.Contains(string(c.Options), `"challenge":`) {
		l.t.Errorf("options %s: want them bare", c.Options)
	}
	body := doc{"ceremony": c.Ceremony}
	for k, v := range more {
		body[k] = v
	}
	show := key.Show
	if strings.Contains(path, "/factors/") {
		show = key.Register
	}
	body["credential"] = json.RawMessage(show(c.Options))
	return body
}

// payTOTP pays a challenge by the code of now.
func (p *protected) payTOTP(token string, parts ...part) *answer {
	p.t.Helper()
	return p.do("POST", "/auth/mfa/totp", doc{"mfa_token": token, "code": p.Code(p.secret)}, parts...)
}

func (l *lab) payWrong(token string, parts ...part) *answer {
	l.t.Helper()
	return l.do("POST", "/auth/mfa/recovery-code", doc{"mfa_token": token, "code": "aaaa-bbbb-cccc-dddd"}, parts...)
}

// holds demands that an answer signs in with such an assurance and such methods, in session and token.
func (l *lab) holds(a *answer, aal int, amr ...string) {
	l.t.Helper()
	a.is(200)
	raw, _ := a.member("access_token").(string)
	c, err := l.Keyset.Keys().Verify(raw, l.Time())
	if err != nil || c.AAL != aal || !slices.Equal(c.AMR, amr) {
		l.t.Errorf("%s: token of aal %d and %v, %v; want %d and %v", a.call, c.AAL, c.AMR, err, aal, amr)
	}
	var s struct {
		Session struct {
			AAL int
			AMR []string
		}
	}
	if a.into(&s); s.Session.AAL != aal || !slices.Equal(s.Session.AMR, amr) {
		l.t.Errorf("%s: session of aal %d and %v; want %d and %v", a.call, s.Session.AAL, s.Session.AMR, aal, amr)
	}
}

// methods demands a refusal that names the ways to step up.
func (a *answer) methods(want ...any) {
	a.t.Helper()
	if got, _ := a.problem(403, "step_up_required")["methods"].([]any); !slices.Equal(got, want) {
		a.t.Errorf("%s; want the methods %v", a, want)
	}
}
