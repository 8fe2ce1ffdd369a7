package gatehouse_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

// sink is an SMTP server that keeps what it gets.
type sink struct {
	t    testing.TB
	addr string

	mu      sync.Mutex // guards the following
	letters []rulestest.Mail
}

func openSink(t testing.TB) *sink {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &sink{t: t, addr: ln.Addr().String()}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return s, nil }))
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

func (*sink) Mail(string, *smtp.MailOptions) error { return nil }
func (*sink) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (*sink) Reset()                               {}
func (*sink) Logout() error                        { return nil }

func (s *sink) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := rulestest.ReadMail(raw)
	if err != nil {
		s.t.Errorf("%v in\n%s", err, raw)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letters = append(s.letters, m)
	return nil
}

// to waits for the nth letter of a subject to an address.
func (s *sink) to(address, subject string, nth int) (m rulestest.Mail) {
	s.t.Helper()
	eventually(s.t, subject+" to "+address, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		n := 0
		for _, m = range s.letters {
			if m.To == address && m.Subject == subject {
				if n++; n == nth {
					return true
				}
			}
		}
		return false
	})
	return m
}

// agent signs in from a program of another name.
func (l *lab) agent(email, password, agent string) *device {
	l.t.Helper()
	d := &device{lab: l}
	a := l.post("/auth/login", agent, object{"email": email, "password": password, "transport": "body"})
	if a.status != http.StatusOK {
		l.t.Fatalf("sign-in from %s: %v", agent, a)
	}
	var in signIn
	a.into(l.t, &in)
	d.take(in)
	return d
}

// TestAnAccountByMail is the life of an account as its owner sees it in his mailbox, over SMTP.
func TestAnAccountByMail(t *testing.T) {
	t.Parallel()
	s := openSink(t)
	l := openLab(t, "--smtp-url=smtp://"+s.addr)
	email := strings.ToLower(newEmail())
	l.want(http.StatusAccepted, "", "POST", "/auth/register", "", object{"email": email, "password": password, "name": "Ada"})
	l.want(http.StatusForbidden, "email_unverified", "POST", "/auth/login", "", object{"email": email, "password": password})
	verify := s.to(email, "Confirm your e-mail address", 1)
	if verify.Link != l.url+"/verify" {
		t.Errorf("the link is %s", verify.Link)
	}
	l.want(http.StatusNoContent, "", "POST", "/auth/email/verify", "", object{"token": verify.Token})
	s.to(email, "Welcome to 127.0.0.1", 1)

	desk := l.agent(email, password, "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0")
	stranger := l.agent(email, password, "curl/8.5.0")
	known, open := desk.connect(), stranger.connect()
	news := s.to(email, "A new device signed in", 1)
	l.want(http.StatusNoContent, "", "POST", "/auth/not-me", "", object{"token": news.Token})
	if last := open.closed(wire.CloseSessionRevoked); last.By.Kind != wire.ByUser {
		t.Errorf("told %s", last.raw)
	}
	stranger.over("session_revoked")
	known.works()

	l.want(http.StatusAccepted, "", "POST", "/auth/password/forgot", "", object{"email": email})
	reset := s.to(email, "Choose a new password", 1)
	const next = "grünkohl und absinth"
	l.want(http.StatusNoContent, "", "POST", "/auth/password/reset", "", object{"token": reset.Token, "new_password": next})
	known.closed(wire.CloseCredentialsChanged)
	desk.over("credentials_changed")
	s.to(email, "Your password was changed", 1)

	desk = l.agent(email, next, "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0")
	there := strings.ToLower(newEmail())
	desk.ok("POST", "/auth/email/change", object{"email": there})
	s.to(email, "Your e-mail address is to be changed", 1)
	l.want(http.StatusNoContent, "", "POST", "/auth/email/verify", "", object{"token": s.to(there, "Confirm your new e-mail address", 1).Token})
	s.to(email, "Your e-mail address was changed", 1)

	known = desk.connect()
	desk.ok("DELETE", "/auth/me", nil)
	if last := known.closed(wire.CloseAccountDisabled); last.By.Kind != wire.BySelf {
		t.Errorf("told %s", last.raw)
	}
	desk.over("account_disabled")
	l.want(http.StatusUnauthorized, "invalid_credentials", "POST", "/auth/login", "", object{"email": there, "password": next})
}

// post is call from a program of a name.
func (l *lab) post(path, agent string, body object) answer {
	l.t.Helper()
	data, err := json.Marshal(body)
	must(l.t, err)
	req, err := http.NewRequest("POST", l.url+path, bytes.NewReader(data))
	must(l.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", agent)
	a, err := l.do(req)
	must(l.t, err)
	return a
}

// TestSignInIsAsFastWhileMailHangs compares sign-ins that each cause a letter: of a node whose mail goes, and of one
// whose mail server takes the connection and says nothing.
func TestSignInIsAsFastWhileMailHangs(t *testing.T) {
	t.Parallel()
	hanging, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { hanging.Close() })
	labs := []*lab{openLab(t, "--smtp-url=smtp://"+openSink(t).addr), openLab(t, "--smtp-url=smtp://"+hanging.Addr().String())}
	var users []string
	for _, l := range labs {
		email := strings.ToLower(newEmail())
		_, err := l.shell().Accounts.Create(t.Context(), account.New{Email: email, Password: password, Verified: true})
		must(t, err)
		users = append(users, email)
		l.agent(email, password, agents[0])
	}
	took := make([][]time.Duration, len(labs))
	for range 3 {
		for _, agent := range agents[1:] {
			for i, l := range labs {
				began := time.Now()
				d := l.agent(users[i], password, agent)
				took[i] = append(took[i], time.Since(began))
				d.ok("POST", "/auth/logout", nil)
			}
		}
	}
	for i := range took {
		slices.Sort(took[i])
	}
	n := len(took[0])
	for what, at := range map[string]int{"median": n / 2, "p99": n - 1} {
		if good, hung := took[0][at], took[1][at]; hung > 10*good {
			t.Errorf("%s: a sign-in takes %v while mail hangs, else %v", what, hung, good)
		}
	}
	t.Logf("median %v while mail goes, %v while it hangs; longest %v and %v", took[0][n/2], took[1][n/2], took[0][n-1], took[1][n-1])
	admin := labs[1].staff("admin")
	var page struct {
		Jobs []struct{ Kind, State string }
	}
	admin.ok("GET", "/admin/jobs?kind=mail", nil).into(t, &page)
	waiting := 0
	for _, j := range page.Jobs {
		if j.State == "running" || j.State == "queued" {
			waiting++
		}
	}
	if waiting < len(agents)-1 {
		t.Errorf("%d letters wait of %d: mail did not hang", waiting, len(agents)-1)
	}
}

// mails are what comes by mail, as files here: links that are used, used again, and used where they do not belong.
func (v *vault) mails(d *device) {
	v.t.Helper()
	letter := func(kind string) (m rulestest.Mail) {
		eventually(v.t, kind, func() bool {
			files, _ := filepath.Glob(filepath.Join(v.cfg.MailDir, "*-"+kind+".eml"))
			if len(files) == 0 {
				return false
			}
			raw, err := os.ReadFile(files[len(files)-1])
			must(v.t, err)
			m, err = rulestest.ReadMail(raw)
			must(v.t, err)
			return true
		})
		v.keep(m.Token)
		return m
	}
	v.agent(d.user.Email, "the next password of all", agents[0])
	v.want(http.StatusAccepted, "", "POST", "/auth/password/forgot", "", object{"email": d.user.Email})
	news, reset := letter("new_device"), letter("reset_password")
	const last = "the last password of all"
	v.keep(last)
	for _, token := range []string{news.Token, reset.Token, reset.Token} {
		body := object{"token": token, "new_password": last}
		for _, path := range []string{"/auth/email/verify", "/auth/password/reset"} {
			_, err := v.call("POST", path, "", body)
			must(v.t, err)
		}
	}
	v.want(http.StatusNoContent, "", "POST", "/auth/not-me", "", object{"token": news.Token})
	v.send("GET", "/reset?token="+reset.Token, "")
	v.send("GET", "/auth/not-me?token="+news.Token, "")
	*d = *v.keepOf(v.agent(d.user.Email, last, agents[0]))
}

// agents are programs of different kinds.
var agents = []string{
	"Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", "curl/8.5.0", "Wget/1.21", "HTTPie/3.2", "python-requests/2.31",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0", "Deno/2.0", "undici",
}
