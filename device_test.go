package gatehouse_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// password is that of everybody.
const password = "rosenkohl und wermut"

// device is a signed-in device that hides nothing: it keeps tokens, and does nothing by itself.
type device struct {
	*lab
	access, refreshToken string
	user                 wire.User
	session              wire.Session
}

// signIn is the answer to every way of signing in.
type signIn struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
	User         wire.User
	Session      wire.Session
}

func (d *device) take(in signIn) {
	d.access, d.user, d.session = in.AccessToken, in.User, in.Session
	if in.RefreshToken != "" {
		d.refreshToken = in.RefreshToken
	}
}

// register makes an account and its first device.
func (l *lab) register(name string) *device {
	l.t.Helper()
	return l.enter(http.StatusCreated, "/auth/register", object{"email": newEmail(), "password": password, "transport": "body", "device_name": name})
}

// login is one more device of an account.
func (l *lab) login(email, name string) *device {
	l.t.Helper()
	return l.enter(http.StatusOK, "/auth/login", object{"email": email, "password": password, "transport": "body", "device_name": name})
}

func (l *lab) enter(status int, path string, body object) *device {
	l.t.Helper()
	d := &device{lab: l}
	var in signIn
	l.want(status, "", "POST", path, "", body).into(l.t, &in)
	d.take(in)
	return d
}

// other is one more device of the same user.
func (d *device) other(name string) *device {
	d.t.Helper()
	return d.login(d.user.Email, name)
}

// seed makes users with sessions as fast as the store takes them: without passwords, from another process.
func (l *lab) seed(users, each int) []*device {
	l.t.Helper()
	r := l.shell()
	var records []account.User
	var sessions []session.Session
	var devices []*device
	for range users {
		u := account.User{ID: id.New(id.User), Email: newEmail(), Roles: []string{account.RoleUser}, CreatedAt: r.Now()}
		records = append(records, u)
		for range each {
			x, err := r.Sessions.Make(session.Start{User: u, Transport: session.Body, Name: "Seed", AMR: []string{"pwd"}, AAL: 1})
			must(l.t, err)
			sessions = append(sessions, x.Session)
			d := &device{lab: l, access: x.AccessToken, refreshToken: x.RefreshToken, session: x.Session.Wire()}
			d.user.ID, d.user.Email = u.ID, u.Email
			devices = append(devices, d)
		}
	}
	must(l.t, r.Store.InsertBulk(l.t.Context(), records, sessions))
	return devices
}

// ok makes a request that must succeed.
func (d *device) ok(method, path string, body any) answer {
	d.t.Helper()
	a, err := d.call(method, path, d.access, body)
	if err != nil || a.status >= 300 {
		d.t.Fatalf("%s %s: %v %v", method, path, a, err)
	}
	return a
}

// refused makes a request that must be answered 401 with the code.
func (d *device) refused(code string) {
	d.t.Helper()
	d.want(http.StatusUnauthorized, code, "GET", "/auth/me", d.access, nil)
}

// refresh trades the refresh token and keeps what comes.
func (d *device) refresh() {
	d.t.Helper()
	var in signIn
	d.want(http.StatusOK, "", "POST", "/auth/refresh", "", object{"refresh_token": d.refreshToken}).into(d.t, &in)
	d.take(in)
}

// over makes a refresh that must be refused because the session ended so.
func (d *device) over(reason string) {
	d.t.Helper()
	a := d.want(http.StatusUnauthorized, "session_revoked", "POST", "/auth/refresh", "", object{"refresh_token": d.refreshToken})
	if a.Reason != reason {
		d.t.Errorf("the refresh tells %q, want %q", a.Reason, reason)
	}
}

// devices are the user's devices as HTTP lists them, by id.
func (d *device) devices() map[string]wire.Session {
	d.t.Helper()
	var list struct{ Sessions []wire.Session }
	d.ok("GET", "/auth/sessions", nil).into(d.t, &list)
	out := map[string]wire.Session{}
	for _, s := range list.Sessions {
		out[s.ID] = s
	}
	return out
}

// keeper is the same user on one more device, by the Go client, which refreshes and reconnects by itself.
func (d *device) keeper(name string) (*client.Client, wire.Session) {
	d.t.Helper()
	c := client.New(client.Config{BaseURL: d.url, DeviceName: name})
	_, session, err := c.Login(d.t.Context(), d.user.Email, password)
	must(d.t, err)
	return c, session
}

// hear is the next thing a handler told.
func hear[T any](t testing.TB, what string, told <-chan T) T {
	t.Helper()
	select {
	case v := <-told:
		return v
	case <-time.After(patience):
		t.Fatalf("not heard in time: %s", what)
		panic("unreachable")
	}
}
