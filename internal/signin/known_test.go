package signin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
)

// cafe is a visit from where nobody was before.
var cafe = session.Visit{
	IP: "198.51.100.9", UserAgent: "agent/2", Device: wire.Device{Browser: "Safari", OS: "iOS", Kind: "phone"},
	Location: &wire.Location{City: "Graz", Country: "Austria"},
}

// visit signs in by password from somewhere.
func visit(t *testing.T, h *rulestest.House, v session.Visit) session.Issued {
	t.Helper()
	x, err := h.SignIn.Login(t.Context(), email, rulestest.Password, signin.Entry{Transport: session.Body, Visit: v})
	if err != nil {
		t.Fatal(err)
	}
	return x.Issued
}

func TestNewDeviceIsToldWithTheLinkThatSignsItOut(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddUser(email)
	login(t, h)
	h.None("of the first sign-in")
	login(t, h)
	h.None("of a device that is known")

	x := visit(t, h, cafe)
	m := h.One(mail.NewDevice, email)
	for _, said := range []string{"Safari on iOS", "Graz, Austria", "2 January 2026 at 03:04 UTC", cafe.IP} {
		if !strings.Contains(m.Text, said) {
			t.Errorf("%q is not in\n%s", said, m.Text)
		}
	}
	if m.Link != "http://localhost:8080/not-me" {
		t.Errorf("the link is %s", m.Link)
	}
	visit(t, h, cafe)
	h.None("of it again")

	if err := h.SignIn.NotMe(t.Context(), m.Token, "203.0.113.1"); err != nil {
		t.Fatal(err)
	}
	ended(t, h, x.Session.ID, "session_revoked", wire.ByUser)
	if row := h.Events(audit.Query{Target: x.Session.ID, Action: audit.SessionEnded})[0]; row.Actor.ID != u.ID || row.IP != "203.0.113.1" {
		t.Errorf("row %+v", row)
	}
	refused(t, "the link", h.SignIn.NotMe(t.Context(), m.Token, ""), "grant_expired")
	visit(t, h, cafe)
	h.One(mail.NewDevice, email) // it is news again
}

func TestNotMeOfASessionThatHasEnded(t *testing.T) {
	for name, kept := range map[string]bool{"recorded": true, "forgotten": false} {
		h := rulestest.Open(t)
		h.AddUser(email)
		login(t, h)
		x := visit(t, h, cafe)
		m := h.One(mail.NewDevice, email)
		if err := h.SignIn.Logout(t.Context(), x.Session, ""); err != nil {
			t.Fatal(err)
		}
		if !kept {
			h.Advance(48 * time.Hour)
			if err := h.Store.Purge(t.Context(), h.Time()); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.SignIn.NotMe(t.Context(), m.Token, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if kept {
			ended(t, h, x.Session.ID, "signed_out", wire.BySelf)
		}
	}
}

func TestNotMeLinkEndsWithTheWeek(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	login(t, h)
	visit(t, h, cafe)
	m := h.One(mail.NewDevice, email)
	h.Advance(signin.NotMeLife)
	refused(t, "the link", h.SignIn.NotMe(t.Context(), m.Token, ""), "grant_expired")
	refused(t, "the link", h.SignIn.NotMe(t.Context(), "gho_none", ""), "grant_expired")
}

// TestNotMeLinkOutlivesAPasswordChange: it takes away, and gives nothing.
func TestNotMeLinkOutlivesAPasswordChange(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	own := login(t, h)
	visit(t, h, cafe)
	m := h.One(mail.NewDevice, email)
	if err := h.SignIn.ChangePassword(t.Context(), actor(own), rulestest.Password, next); err != nil {
		t.Fatal(err)
	}
	if err := h.SignIn.NotMe(t.Context(), m.Token, ""); err != nil {
		t.Error(err)
	}
}

func TestWhatMakesADeviceNew(t *testing.T) {
	other := func(edit func(*session.Visit)) session.Visit {
		v := rulestest.Visit
		edit(&v)
		return v
	}
	for name, tt := range map[string]struct {
		v   session.Visit
		new bool
	}{
		"another browser":  {other(func(v *session.Visit) { v.Device.Browser = "Chrome" }), true},
		"another system":   {other(func(v *session.Visit) { v.Device.OS = "Windows" }), true},
		"another address":  {other(func(v *session.Visit) { v.IP = "192.0.2.8" }), true},
		"a newer version":  {other(func(v *session.Visit) { v.UserAgent = "agent/3" }), false},
		"no address there": {other(func(v *session.Visit) { v.IP = "" }), true},
	} {
		h := rulestest.Open(t)
		h.AddUser(email)
		login(t, h)
		visit(t, h, tt.v)
		if letters := h.Deliver(); (len(letters) == 1) != tt.new {
			t.Errorf("%s: letters %+v", name, letters)
		}
	}
}

// TestOneIPv6SubscriberIsOneAddress: his addresses change by the day.
func TestOneIPv6SubscriberIsOneAddress(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	v := rulestest.Visit
	for i, ip := range []string{"2001:db8:1:2::1", "2001:db8:1:2:aaaa::5", "2001:db8:1:3::1"} {
		v.IP = ip
		visit(t, h, v)
		if n := len(h.Deliver()); (n == 1) != (i == 2) {
			t.Errorf("from %s: %d letters", ip, n)
		}
	}
}

func TestDevicesAreForgottenWhenUnseen(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddUser(email)
	login(t, h)
	h.Advance(60 * 24 * time.Hour)
	login(t, h)
	h.Advance(60 * 24 * time.Hour)
	login(t, h)
	h.None("seen within 90 days")
	h.Advance(90 * 24 * time.Hour)
	login(t, h)
	h.One(mail.NewDevice, email)
	if known := h.Account(u.ID).KnownDevices; len(known) != 1 {
		t.Errorf("known %+v", known)
	}
}

func TestAtMost64DevicesAreKnown(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddStranger()
	u, err := h.Accounts.Change(t.Context(), u.ID, false, func(u *account.User) error {
		for i := range 64 {
			u.KnownDevices = append(u.KnownDevices, account.KnownDevice{Hash: fmt.Sprint(i), SeenAt: h.Time()})
		}
		u.Email, u.PasswordHash = email, h.Account(h.AddUser("hash@example.com").ID).PasswordHash
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	login(t, h)
	known := h.Account(u.ID).KnownDevices
	if len(known) != 64 || known[0].Hash != "1" || !known[63].SeenAt.Equal(h.Time()) {
		t.Errorf("%d known, from %+v to %+v", len(known), known[0], known[len(known)-1])
	}
	for _, d := range known {
		if strings.Contains(d.Hash, "192.0.2") || strings.Contains(d.Hash, "Firefox") {
			t.Errorf("%s is no hash", d.Hash)
		}
	}
}

func TestSignInThatIsRefusedIsNoNews(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddUser(email)
	login(t, h)
	stale := h.Account(u.ID)
	if _, err := h.Accounts.SetPassword(t.Context(), stale, next); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SignIn.Login(t.Context(), email, rulestest.Password, signin.Entry{Transport: session.Body, Visit: cafe}); !errors.Is(err, account.ErrInvalidCredentials) {
		t.Fatal(err)
	}
	h.None("a wrong password")
	if n := len(h.Account(u.ID).KnownDevices); n != 1 {
		t.Errorf("%d devices known", n)
	}
}
