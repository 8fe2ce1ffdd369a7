package gatehouse_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
)

// app is an authenticator app. It shows no code twice, as the server takes none twice.
type app struct {
	t      testing.TB
	secret string
	shown  int // steps
	codes  []string
}

// code is the next code: at once the one of now, and then those that drift still allows.
func (a *app) code() string {
	a.t.Helper()
	text, err := totp.GenerateCode(a.secret, time.Now().Add(time.Duration(a.shown)*30*time.Second))
	must(a.t, err)
	a.shown++
	return text
}

// recovery is an unused recovery code.
func (a *app) recovery() string {
	code := a.codes[0]
	a.codes = a.codes[1:]
	return code
}

// enrol sets up an authenticator app from this device.
func (d *device) enrol() *app {
	d.t.Helper()
	var begun struct{ Secret string }
	d.ok("POST", "/auth/factors/totp", nil).into(d.t, &begun)
	a := &app{t: d.t, secret: begun.Secret}
	var confirmed struct {
		Codes []string `json:"recovery_codes"`
	}
	d.ok("POST", "/auth/factors/totp/confirm", object{"code": a.code()}).into(d.t, &confirmed)
	a.codes = confirmed.Codes
	return a
}

// owes demands that the device may do nothing over HTTP but pay.
func (d *device) owes() {
	d.t.Helper()
	d.want(http.StatusForbidden, "step_up_required", "GET", "/auth/sessions", d.access, nil)
	d.want(http.StatusOK, "", "GET", "/auth/me", d.access, nil)
}

func pays(code string) object { return object{"type": wire.TypeMFA, "code": code} }

// TestEnrolmentLimitsTheOpenSocketsOfOtherDevices sets up an app on one device. The other one's open socket owes it at
// once, pays by a code of that app, and has its feed back.
func TestEnrolmentLimitsTheOpenSocketsOfOtherDevices(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	laptop := l.register("Laptop")
	phone := laptop.other("Phone")
	desk, pocket, tab := laptop.watch(), phone.watch(), phone.connect()
	began := time.Now()
	a := laptop.enrol()

	for _, s := range []*socket{pocket, tab} {
		f := s.expect(wire.TypeMFARequired)
		if !slices.Equal(f.Methods, []string{"totp", "recovery_code"}) || f.ExpiresIn != 300 || f.at.Sub(began) > time.Second {
			t.Errorf("after %v came %s", f.at.Sub(began), f.raw)
		}
	}
	if f := desk.expect(wire.TypeAuthOK); f.AAL != 2 {
		t.Errorf("the device that enrolled heard %s", f.raw)
	}
	desk.works()
	if n := desk.count(func(f frame) bool { return f.Type == wire.TypeMFARequired || f.Type == wire.TypeAuthOK }); n != 1 {
		t.Errorf("the device that enrolled heard too much: %s", desk.story())
	}
	phone.owes()
	if f := pocket.ask(object{"type": wire.TypeMessage, "to": "devices", "name": "x"}); f.Code != "step_up_required" {
		t.Errorf("it can still send: %s", f.raw)
	}

	if f := pocket.ask(pays(a.code())); f.Type != wire.TypeAck {
		t.Fatalf("paying: %s", f.raw)
	}
	for _, s := range []*socket{pocket, tab} {
		if f := s.expect(wire.TypeAuthOK); f.AAL != 2 || f.ExpiresIn < 890 {
			t.Errorf("released with %s", f.raw)
		}
		s.works()
	}
	pocket.expect(wire.TypeDevicesSnapshot)
	laptop.ok("PATCH", "/auth/sessions/"+laptop.session.ID, object{"name": "Desk"})
	pocket.next("the new name", func(f frame) bool { // news of the enrolment may come before it
		return f.Type == wire.TypeDevicesChanged && f.Device.ID == laptop.session.ID && f.Device.Name == "Desk"
	})
	if list := pocket.replay(); list[phone.session.ID].AAL != 2 {
		t.Errorf("the feed says %+v", list)
	}
	phone.ok("GET", "/auth/sessions", nil) // with the token that it had
	phone.refresh()
	phone.connect().works()
}

// TestDebtIsPaidOverHTTP releases the open sockets.
func TestDebtIsPaidOverHTTP(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	laptop := l.register("Laptop")
	phone, bystander := laptop.other("Phone"), laptop.other("TV")
	pocket, other := phone.watch(), bystander.connect()
	a := laptop.enrol()
	pocket.expect(wire.TypeMFARequired)
	other.expect(wire.TypeMFARequired)
	phone.ok("POST", "/auth/reauthenticate", object{"password": password}) // renews what it has, and pays nothing
	pocket.expect(wire.TypeAuthOK)
	pocket.expect(wire.TypeMFARequired)
	phone.owes()

	phone.ok("POST", "/auth/reauthenticate", object{"code": a.recovery()})
	if f := pocket.expect(wire.TypeAuthOK); f.AAL != 2 {
		t.Errorf("released with %s", f.raw)
	}
	pocket.expect(wire.TypeDevicesSnapshot)
	pocket.works()
	if f := other.ask(object{"type": wire.TypeSubscribe, "feed": wire.FeedDevices}); f.Code != "step_up_required" {
		t.Errorf("another session is free too: %s", f.raw)
	}
}

// TestThreat16_SessionThatOwesAFactorOpensNoDoor tries every credential that such a session has.
func TestThreat16_SessionThatOwesAFactorOpensNoDoor(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	laptop := l.register("Laptop")
	phone := laptop.other("Phone")
	var ticket struct{ Ticket string }
	phone.ok("POST", "/auth/ticket", nil).into(t, &ticket)
	laptop.enrol()
	phone.want(http.StatusForbidden, "step_up_required", "POST", "/auth/ticket", phone.access, nil)
	old := phone.access
	phone.refresh()
	first := l.dial("", nil)
	first.send(object{"type": wire.TypeAuth, "token": phone.access})
	for name, s := range map[string]*socket{
		"a token from before": l.dial(wire.BearerPrefix+old, nil),
		"a token from after":  l.dial(wire.BearerPrefix+phone.access, nil),
		"a ticket":            l.dial(wire.TicketPrefix+ticket.Ticket, nil),
		"a first frame":       first,
	} {
		if f := s.expect(wire.TypeWelcome); f.AAL != 1 {
			t.Errorf("%s: %s", name, f.raw)
		}
		s.expect(wire.TypeMFARequired)
		for _, request := range []object{
			{"type": wire.TypeSubscribe, "feed": wire.FeedDevices}, {"type": wire.TypeMessage, "to": "devices", "name": "x"},
		} {
			if f := s.ask(request); f.Code != "step_up_required" || !slices.Contains(f.Methods, "totp") {
				t.Errorf("%s: %s", name, f.raw)
			}
		}
	}
}

// TestWrongCodesOnSocketsAndOverHTTPCountTogether guesses on one socket after the other: another connection is no new
// guess.
func TestWrongCodesOnSocketsAndOverHTTPCountTogether(t *testing.T) {
	t.Parallel()
	l := openLab(t, "--rate-limits=on")
	laptop := l.register("Laptop")
	phone := laptop.other("Phone")
	a := laptop.enrol()
	const wrong = "aaaa-aaaa-aaaa-aaaa"
	for range 3 {
		s := phone.connect()
		for range 2 {
			if f := s.ask(pays(wrong)); f.Code != "invalid_code" {
				t.Fatalf("guessed: %s", f.raw)
			}
		}
		if f := s.ask(pays(wrong)); f.Code != "mfa_failed" {
			t.Errorf("guessed for the third time: %s", f.raw)
		}
		s.closed(wire.CloseMFAFailed)
	}
	phone.want(http.StatusUnauthorized, "invalid_code", "POST", "/auth/reauthenticate", phone.access, object{"code": wrong})
	s := phone.connect()
	for range 4 { // what is refused is no guess
		if f := s.ask(pays(a.code())); f.Code != "rate_limited" || f.RetryAfter < 1 || f.RetryAfter > 90 {
			t.Fatalf("the eleventh try: %s", f.raw)
		}
	}
	phone.want(http.StatusTooManyRequests, "rate_limited", "POST", "/auth/reauthenticate", phone.access, object{"code": a.recovery()})
	phone.refresh() // the session stays
	s.ack(object{"type": wire.TypePong})
}

func TestMFAFrameWithoutAFactor(t *testing.T) {
	t.Parallel()
	s := openLab(t).register("Phone").connect()
	if f := s.ask(pays("123456")); f.Code != "conflict" {
		t.Errorf("answered %s", f.raw)
	}
	s.works()
}

// TestRoleThatAsksForAFactorEndsTheSocket gives a role that its user must not have without a second factor.
func TestRoleThatAsksForAFactorEndsTheSocket(t *testing.T) {
	t.Parallel()
	l := openLab(t, "--require-mfa=staff")
	shell := l.shell()
	plain, armed := l.register("Phone"), l.register("Laptop")
	armed.enrol()
	out, in := plain.connect(), armed.connect()
	promote := func(d *device) {
		t.Helper()
		_, err := shell.Staff.SetRoles(t.Context(), staff.Shell, d.user.ID, []string{"moderator"}, staff.Why{})
		must(t, err)
	}
	promote(plain)
	promote(armed)
	if last := out.closed(wire.CloseUnauthenticated); last.Code != "mfa_setup_required" {
		t.Errorf("before the close came %s", last.raw)
	}
	out.expect(wire.TypeAuthChanged)
	in.expect(wire.TypeAuthChanged)
	in.works()

	plain.refresh()
	plain.want(http.StatusForbidden, "mfa_setup_required", "GET", "/admin/users", plain.access, nil)
	if last := l.dial(wire.BearerPrefix+plain.access, nil).closed(wire.CloseUnauthenticated); last.Code != "mfa_setup_required" {
		t.Errorf("a new socket heard %s", last.raw)
	}
	plain.enrol()
	plain.connect().works() // with the token that it has
}

// TestRaiseByAnotherProcessReachesTheSocket enrols and pays in a process that shares nothing but the file, so that no
// hint tells of it.
func TestRaiseByAnotherProcessReachesTheSocket(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	shell := l.shell()
	phone := l.register("Phone")
	laptop := phone.other("Laptop")
	pocket, desk := phone.watch(), laptop.watch()
	actor := signin.Actor{UserID: phone.user.ID, SessionID: phone.session.ID}
	begun, err := shell.Factors.BeginTOTP(t.Context(), phone.user.ID)
	must(t, err)
	a := &app{t: t, secret: begun.Secret}
	_, err = shell.SignIn.ConfirmTOTP(t.Context(), actor, a.code())
	must(t, err)
	desk.expect(wire.TypeMFARequired)
	if f := pocket.expect(wire.TypeAuthOK); f.AAL != 2 {
		t.Errorf("the device that enrolled heard %s", f.raw)
	}
	actor.SessionID = laptop.session.ID
	_, err = shell.SignIn.ReauthenticateByCode(t.Context(), actor, a.code())
	must(t, err)
	if f := desk.expect(wire.TypeAuthOK); f.AAL != 2 || !slices.Equal(f.Roles, []string{"user"}) {
		t.Errorf("released with %s", f.raw)
	}
	desk.expect(wire.TypeDevicesSnapshot)
	desk.works()
	pocket.works()
}
