package gatehouse_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// TestThreat15_NoCredentialInAnyLogLine uses every kind of credential, good and bad, where it belongs and where people
// put it by mistake, while all goes well and while the store is gone. Then it looks for each of them, and for any part
// of one, in everything that was logged at the lowest level.
func TestThreat15_NoCredentialInAnyLogLine(t *testing.T) {
	var log transcript
	l := openLoggedLab(t, slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	v := &vault{lab: l}
	admin := v.setUp()
	d, browser := v.account(admin), v.browser()
	v.mails(d)
	v.sockets(d, browser)
	v.mistakes(d)
	v.crowd(d.user.Email)
	v.trouble(admin, d, browser)
	l.drain()

	text := log.String()
	for _, line := range []string{"request failed", "too many sign-ins", "the store is closed", "draining"} {
		if !strings.Contains(text, line) {
			t.Errorf("nothing was logged with %q: the run was not busy enough", line)
		}
	}
	for _, secret := range append(v.secrets, "ghr_", "eyJhbGciOi", "gatehouse_refresh=") {
		for _, shape := range []string{secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
			if at := strings.Index(text, shape); at >= 0 {
				begin := strings.LastIndexByte(text[:at], '\n') + 1
				t.Errorf("a secret is in the log: …%s…", text[begin:at])
			}
		}
	}
	t.Logf("%d secrets, %d lines of log", len(v.secrets), strings.Count(text, "\n"))
}

// transcript is a log kept in memory.
type transcript struct {
	mu   sync.Mutex // guards the following
	text bytes.Buffer
}

func (l *transcript) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// vault runs requests and remembers every secret in them.
type vault struct {
	*lab
	secrets []string
}

// keep remembers secrets, and those of their parts that would give them away.
func (v *vault) keep(secrets ...string) {
	for _, s := range secrets {
		if s == "" {
			v.t.Fatal("there is no secret to keep")
		}
		v.secrets = append(v.secrets, s)
		if parts := strings.Split(s, "."); len(parts) == 3 {
			v.secrets = append(v.secrets, parts[1], parts[2])
		}
		if len(s) > 40 {
			v.secrets = append(v.secrets, s[len(s)-20:])
		}
	}
}

func (v *vault) keepOf(d *device) *device {
	v.keep(d.access, d.refreshToken)
	return d
}

// send makes a request that may be answered by anything.
func (v *vault) send(method, path, body string, headers ...string) answer {
	v.t.Helper()
	req, err := http.NewRequest(method, v.url+path, strings.NewReader(body))
	must(v.t, err)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	a, err := v.do(req)
	must(v.t, err)
	return a
}

func (v *vault) setUp() *device {
	v.t.Helper()
	link, err := v.node.SetupLink(v.t.Context())
	must(v.t, err)
	_, secret, _ := strings.Cut(link, "#token=")
	v.keep(secret, "the password of the head")
	body := object{"token": secret, "email": newEmail(), "password": "the password of the head", "transport": "body"}
	admin := v.keepOf(v.enter(http.StatusCreated, "/auth/setup", body))
	v.want(http.StatusGone, "grant_expired", "POST", "/auth/setup", "", body)
	return admin
}

// account is the life of an account, with what is refused in it.
func (v *vault) account(admin *device) *device {
	v.t.Helper()
	const wrong, next = "a wrong guess of a password", "the next password of all"
	v.keep(password, wrong, next, "qwertyuiop")
	d := v.keepOf(v.register("Phone"))
	for _, guess := range []object{{"password": wrong}, {"password": "qwertyuiop"}, {"password": wrong, "transport": wrong}} {
		guess["email"] = d.user.Email
		for _, path := range []string{"/auth/login", "/auth/register"} {
			_, err := v.call("POST", path, "", guess)
			must(v.t, err)
		}
	}
	d.want(http.StatusUnauthorized, "invalid_credentials", "POST", "/auth/reauthenticate", d.access, object{"password": wrong})
	d.ok("POST", "/auth/reauthenticate", object{"password": password})
	d.want(http.StatusUnauthorized, "invalid_credentials", "POST", "/auth/password", d.access, object{"current_password": wrong, "new_password": next})
	thief := *v.keepOf(d.other("Stolen"))
	victim := thief
	for range 2 {
		victim.refresh()
		v.keepOf(&victim)
	}
	thief.over("token_reuse")
	d.ok("POST", "/auth/password", object{"current_password": password, "new_password": next})
	admin.ok("PUT", "/admin/users/"+d.user.ID+"/roles", object{"roles": []string{"moderator"}})
	d.refused("token_stale")
	d.refresh()
	return v.keepOf(d)
}

// browser signs in by cookie, and refreshes it.
func (v *vault) browser() (cookie string) {
	v.t.Helper()
	body := `{"email":"` + newEmail() + `","password":"` + password + `"}`
	for _, path := range []string{"/auth/register", "/auth/refresh"} {
		a := v.send("POST", path, body, "Origin", v.url, "Cookie", cookie)
		if a.status > 201 {
			v.t.Fatalf("%s: %v", path, a)
		}
		cookie, _, _ = strings.Cut(a.header.Get("Set-Cookie"), ";")
		v.keep(strings.TrimPrefix(cookie, "gatehouse_refresh="))
		body = ""
	}
	v.send("POST", "/auth/refresh", "", "Cookie", cookie)                                   // without proof
	v.send("POST", "/auth/refresh", "", "Cookie", cookie, "Origin", "https://evil.example") // with a foreign one
	return cookie
}

// sockets opens one by each kind of credential, and by each again when it is no good.
func (v *vault) sockets(d *device, cookie string) {
	v.t.Helper()
	ticket := func() string {
		var out struct{ Ticket string }
		d.ok("POST", "/auth/ticket", nil).into(v.t, &out)
		v.keep(out.Ticket)
		return out.Ticket
	}
	bad := d.access[:len(d.access)-8] + "AAAAAAAA"
	v.keep(bad)
	used := ticket()
	d.connect().works()
	v.dial(wire.BearerPrefix+bad, nil).closed(wire.CloseUnauthenticated)
	v.dial(wire.TicketPrefix+used, nil).works()
	v.dial(wire.TicketPrefix+used, nil).closed(wire.CloseUnauthenticated)
	v.dial("", http.Header{"Authorization": {"Bearer " + d.access}}).works()
	v.dial("", http.Header{"Cookie": {cookie}, "Origin": {v.url}}).works()
	v.dial("", http.Header{"Cookie": {cookie + "x"}, "Origin": {v.url}}).expect(wire.TypeError)
	for _, auth := range []object{{"token": d.access}, {"ticket": ticket()}, {"token": bad}, {"ticket": used}, {"token": 1, "ticket": used}} {
		s := v.dial("", nil)
		auth["type"] = wire.TypeAuth
		s.blurt(auth)
		s.find("an answer", func(frames []frame) int { return len(frames) - 1 })
	}
	v.tryDial(wire.BearerPrefix+d.access, http.Header{"Origin": {"https://evil.example"}})
}

// mistakes are credentials where they do not belong, and bodies that do not decode.
func (v *vault) mistakes(d *device) {
	v.t.Helper()
	bearer := "Bearer " + d.access
	v.send("GET", "/auth/me?access_token="+d.access, "")
	v.send("GET", "/ws?token="+d.access, "")
	v.send("GET", "/auth/me", "", "Authorization", "bearer  "+d.access)
	v.send("GET", "/auth/me", "", "Authorization", "Basic "+d.access)
	v.send("GET", "/auth/me", "", "Authorization", bearer+d.refreshToken)
	v.send("PATCH", "/auth/sessions/"+d.refreshToken, `{"name":"x"}`, "Authorization", bearer)
	v.send("POST", "/auth/login", `{"email":"a@example.com","password":"`+password+`"`)
	v.send("POST", "/auth/login", `{"email":{"password":"`+password+`"},"password":["`+password+`"]}`)
	v.send("POST", "/auth/login", `{"password":"`+strings.Repeat(password, 4000)+`"}`)
	v.send("POST", "/auth/login", `password=`+url.QueryEscape(password), "Content-Type", "application/x-www-form-urlencoded")
	v.send("POST", "/auth/refresh", `{"refresh_token":"`+d.refreshToken[:len(d.refreshToken)-4]+`AAAA"}`)
	v.send("GET", "/metrics", "", "Authorization", bearer)
}

// crowd is more sign-ins at once than are let in. When the first is refused, all go away.
func (v *vault) crowd(email string) {
	v.t.Helper()
	ctx, leave := context.WithCancel(v.t.Context())
	defer leave()
	body := `{"email":"` + email + `","password":"` + password + `","transport":"body"}`
	var refused atomic.Int32
	var all sync.WaitGroup
	for range 200 {
		req, err := http.NewRequestWithContext(ctx, "POST", v.url+"/auth/login", strings.NewReader(body))
		must(v.t, err)
		req.Header.Set("Content-Type", "application/json")
		all.Go(func() {
			if a, _ := v.do(req); a.status == http.StatusServiceUnavailable {
				refused.Add(1)
				leave()
			}
		})
	}
	all.Wait()
	if refused.Load() == 0 {
		v.t.Error("all of a crowd were let in")
	}
}

// trouble is everything once more on a node whose store is gone.
func (v *vault) trouble(admin, d *device, cookie string) {
	v.t.Helper()
	must(v.t, v.node.Close())
	for _, who := range []*device{admin, d} {
		for _, path := range []string{"/auth/me", "/auth/sessions", "/admin/users"} {
			v.send("GET", path, "", "Authorization", "Bearer "+who.access)
		}
		v.send("GET", "/auth/me?access_token="+who.access, "", "Authorization", "Bearer "+who.access)
		v.send("POST", "/auth/refresh", `{"refresh_token":"`+who.refreshToken+`"}`)
		v.send("POST", "/auth/logout", `{"refresh_token":"`+who.refreshToken+`"}`)
		v.send("POST", "/auth/login", `{"email":"`+who.user.Email+`","password":"`+password+`"}`)
		v.tryDial(wire.BearerPrefix+who.access, nil)
	}
	v.send("POST", "/auth/refresh", "", "Cookie", cookie, "Origin", v.url)
	v.tryDial("", http.Header{"Cookie": {cookie}, "Origin": {v.url}})
}
