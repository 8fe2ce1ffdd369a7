package signin_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

func link(t *testing.T, h *rulestest.House) string {
	t.Helper()
	secret, err := h.SignIn.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

var first = account.New{Email: "root@example.com", Name: "Root", Password: rulestest.Password}

// setUp uses a link, and checks the answer.
func setUp(t *testing.T, h *rulestest.House, secret string, n account.New, want string) {
	t.Helper()
	x, err := h.SignIn.Setup(t.Context(), secret, n, rulestest.Entry)
	if fault.CodeOf(err) != want {
		t.Errorf("set-up: %v, want %q", err, want)
	}
	if err == nil && (!x.User.Has(account.RoleAdmin) || x.User.EmailVerifiedAt.IsZero() || x.RefreshToken == "") {
		t.Errorf("set up %+v", x.User)
	}
}

func TestSetUpLinkMakesTheFirstAdminOnce(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	secret := link(t, h)
	setUp(t, h, token.NewSecret(), first, "grant_expired")
	setUp(t, h, secret, first, "")
	second := first
	second.Email = "other@example.com"
	setUp(t, h, secret, second, "grant_expired")
	if again := link(t, h); again != "" {
		t.Error("a link although there is an admin")
	}
	if row := only(t, h, audit.UserCreated); row.Actor.Kind != "setup" || row.IP != rulestest.Visit.IP {
		t.Errorf("row %+v", row)
	}
}

func TestRefusedInputDoesNotSpendTheSetUpLink(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	secret := link(t, h)
	change := func(edit func(*account.New)) account.New {
		n := first
		edit(&n)
		return n
	}
	setUp(t, h, secret, change(func(n *account.New) { n.Email = "none" }), "validation_failed")
	setUp(t, h, secret, change(func(n *account.New) { n.Email = email }), "email_taken")
	setUp(t, h, secret, change(func(n *account.New) { n.Password = "" }), "validation_failed")
	setUp(t, h, secret, change(func(n *account.New) { n.Password = "password" }), "weak_password")
	setUp(t, h, secret, change(func(n *account.New) { n.Name = "\x00" }), "validation_failed")
	e := rulestest.Entry
	e.DeviceName = "\x00"
	if _, err := h.SignIn.Setup(t.Context(), secret, first, e); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("a bad device name: %v", err)
	}
	setUp(t, h, secret, first, "")
}

func TestWithoutALinkNobodyLearnsWhichAddressesAreTaken(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	link(t, h)
	taken := first
	taken.Email = email
	setUp(t, h, token.NewSecret(), taken, "grant_expired")
}

func TestSetUpLinkDies(t *testing.T) {
	t.Run("after an hour", func(t *testing.T) {
		h := rulestest.Open(t)
		secret := link(t, h)
		h.Advance(signin.SetupLife)
		setUp(t, h, secret, first, "grant_expired")
	})
	t.Run("by a newer one", func(t *testing.T) {
		h := rulestest.Open(t)
		old := link(t, h)
		link(t, h)
		setUp(t, h, old, first, "grant_expired")
	})
	t.Run("by an admin made otherwise", func(t *testing.T) {
		h := rulestest.Open(t)
		secret := link(t, h)
		h.AddStranger(account.RoleAdmin)
		setUp(t, h, secret, first, "grant_expired")
	})
}

func TestSetUpLinkUsedByManyAtOnceMakesOneAdmin(t *testing.T) {
	h := rulestest.Open(t)
	secret := link(t, h)
	emails := []string{"a@example.com", "b@example.com", "c@example.com", "d@example.com"}
	won := 0
	for _, err := range rulestest.Race(len(emails), func(i int) error {
		n := first
		n.Email = emails[i]
		_, err := h.SignIn.Setup(t.Context(), secret, n, rulestest.Entry)
		return err
	}) {
		if err == nil {
			won++
		} else if !errors.Is(err, grant.ErrExpired) {
			t.Error(err)
		}
	}
	page, err := h.Store.ListUsers(t.Context(), account.Query{})
	if err != nil || won != 1 || page.Total != 1 {
		t.Errorf("%d set up, %d users, %v", won, page.Total, err)
	}
}
