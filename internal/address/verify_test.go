package address_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/address"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

func TestRegistrationWaitsForItsAddress(t *testing.T) {
	l := open(t)
	l.register(" Ada@Example.com", " Ada ", next)
	if _, err := l.Store.UserByEmail(t.Context(), email); !errors.Is(err, fault.ErrNotFound) {
		t.Fatalf("there is an account before its address is proved: %v", err)
	}
	m := l.One(mail.VerifyEmail, email)
	if m.Link != "http://localhost:8080/verify" || strings.Contains(m.Text, "Ada") {
		t.Errorf("the letter says\n%s", m.Text)
	}
	_, err := l.login(next)
	l.is("sign-in with the right password", err, "email_unverified")
	_, err = l.login(rulestest.Password)
	l.is("with a wrong one", err, "invalid_credentials")

	l.must(l.verify(m))
	u := l.byEmail(email)
	if u.Name != "Ada" || u.EmailVerifiedAt.IsZero() || u.Staff() {
		t.Errorf("made %+v", u)
	}
	if w := l.One(mail.Welcome, email); w.Token != "" || !strings.Contains(w.Text, "Hello Ada") {
		t.Errorf("welcomed with\n%s", w.Text)
	}
	out, err := l.login(next)
	if err != nil || out.Issued.User.ID != u.ID {
		t.Errorf("sign-in: %v", err)
	}
	l.is("the link again", l.verify(m), "grant_expired")
	if row := l.only(audit.UserRegistered); row.UserID != u.ID || row.IP != ip {
		t.Errorf("row %+v", row)
	}
	l.None("afterwards")
}

func TestRegistrationThatIsRefusedAsksForNoMail(t *testing.T) {
	l := open(t)
	for name, tt := range map[string]struct {
		n    account.New
		want string
	}{
		"no address":        {account.New{Email: "nobody", Password: next}, "validation_failed"},
		"no password":       {account.New{Email: email}, "validation_failed"},
		"a common password": {account.New{Email: email, Password: "password"}, "weak_password"},
		"a bad name":        {account.New{Email: email, Password: next, Name: "a\nb"}, "validation_failed"},
	} {
		l.is(name, l.Address.Register(t.Context(), tt.n, ip), tt.want)
	}
	l.None("after refusals")
	shut := open(t, "--signup=closed")
	shut.is("while sign-up is closed", shut.Address.Register(t.Context(), account.New{Email: email, Password: next}, ip), "forbidden")
}

func TestLinkOfARegistrationEndsWithTheDay(t *testing.T) {
	l := open(t)
	l.register(email, "Ada", next)
	m := l.One(mail.VerifyEmail, email)
	l.Advance(address.VerifyLife)
	l.is("late", l.verify(m), "grant_expired")
	_, err := l.login(next)
	l.is("nothing waits any more", err, "invalid_credentials")
}

// TestProvingOneRegistrationForgetsTheOthers: of two who register an address, the one who reads its mail keeps it.
func TestProvingOneRegistrationForgetsTheOthers(t *testing.T) {
	l := open(t)
	l.register(email, "Mallory", "password of mallory")
	foreign := l.One(mail.VerifyEmail, email)
	l.register(email, "Ada", next)
	own := l.One(mail.VerifyEmail, email)
	l.must(l.verify(own))
	l.One(mail.Welcome, email)
	l.is("the other's link", l.verify(foreign), "grant_expired")
	if u := l.byEmail(email); u.Name != "Ada" {
		t.Errorf("the account is %q's", u.Name)
	}
	_, err := l.login("password of mallory")
	l.is("the other's password", err, "invalid_credentials")
	_, err = l.login(next)
	l.is("the own password", err, "")
}

func TestOneLinkMakesOneAccount(t *testing.T) {
	l := open(t)
	l.register(email, "Ada", next)
	m := l.One(mail.VerifyEmail, email)
	if n := l.winners(rulestest.Race(16, func(int) error { return l.verify(m) }), "grant_expired"); n != 1 {
		t.Errorf("%d of 16 made the account", n)
	}
	l.One(mail.Welcome, email)
	l.only(audit.UserRegistered)
}

func TestOwnerOfAnAddressIsToldOnceAnHourThatOthersRegisterIt(t *testing.T) {
	l := open(t)
	u := l.user(email)
	l.register(email, "Mallory", next)
	m := l.One(mail.EmailTaken, email)
	if m.Token != "" || strings.Contains(m.Text, "Mallory") || strings.Contains(m.Text, "Ada") {
		t.Errorf("told\n%s", m.Text)
	}
	l.Advance(time.Hour - time.Second)
	l.register(email, "Mallory", next)
	l.None("within the hour")
	l.Advance(time.Second)
	l.register(email, "Mallory", next)
	l.One(mail.EmailTaken, email)
	if after := l.Account(u.ID); after.PasswordHash != u.PasswordHash || after.Name != u.Name || after.AuthVersion != u.AuthVersion {
		t.Error("registering an address changed the account that has it")
	}
	_, err := l.login(next)
	l.is("with the registration's password", err, "invalid_credentials")
}

func TestOwnerIsToldAlsoWhereRegistrationsAreRefused(t *testing.T) {
	l := open(t, "--email-verification=off")
	l.unverified("bea@example.com")
	l.user(email)
	for range 2 {
		for _, to := range []string{email, "bea@example.com", "nobody@example.com"} {
			l.must(l.Address.Wanted(t.Context(), to, ip))
		}
	}
	l.One(mail.EmailTaken, email)
}

// TestRegistrationClaimsAnUnverifiedAccount: whoever made that may be anybody, and keeps nothing.
func TestRegistrationClaimsAnUnverifiedAccount(t *testing.T) {
	l := open(t)
	u := l.enrol(l.unverified(email))
	x := l.Enter(u)
	l.register(email, "Ada King", next)
	l.must(l.verify(l.One(mail.VerifyEmail, email)))
	l.One(mail.Welcome, email)
	got := l.Account(u.ID)
	if got.Name != "Ada King" || got.EmailVerifiedAt.IsZero() || got.HasFactor() || len(got.RecoveryCodes) > 0 || len(got.Identities) > 0 {
		t.Errorf("claimed as %+v", got)
	}
	l.ended(x.Session.ID, "credentials_changed", wire.BySystem)
	_, err := l.login(rulestest.Password)
	l.is("the old password", err, "invalid_credentials")
	_, err = l.login(next)
	l.is("the new password", err, "")
}

func TestOneMoreLetterThatVerifies(t *testing.T) {
	resend := func(l *lab) {
		l.t.Helper()
		l.must(l.Address.Resend(l.t.Context(), email, ip))
	}
	t.Run("of a registration", func(t *testing.T) {
		l := open(t)
		l.register(email, "Ada", next)
		l.One(mail.VerifyEmail, email)
		resend(l)
		l.must(l.verify(l.One(mail.VerifyEmail, email)))
		_, err := l.login(next)
		l.is("sign-in", err, "")
	})
	t.Run("of an account", func(t *testing.T) {
		l := open(t)
		u := l.enrol(l.unverified(email))
		_, err := l.login(rulestest.Password)
		l.is("sign-in before", err, "email_unverified")
		resend(l)
		m := l.One(mail.VerifyEmail, email)
		l.must(l.verify(m))
		if got := l.Account(u.ID); got.EmailVerifiedAt.IsZero() || !got.HasTOTP() || got.PasswordHash != u.PasswordHash {
			t.Errorf("verified as %+v", got)
		}
		l.One(mail.Welcome, email)
		out, err := l.login(rulestest.Password)
		if err != nil || out.Challenge == nil {
			t.Errorf("sign-in after: %+v, %v", out, err)
		}
		l.is("the link again", l.verify(m), "grant_expired")
		l.only(audit.EmailVerified)
	})
	t.Run("to nobody else", func(t *testing.T) {
		l := open(t)
		resend(l)
		l.None("of an unknown address")
		l.user(email)
		resend(l)
		l.None("of a verified one")
	})
}

// TestWelcomeComesOnce: when the account can first be used, however that comes.
func TestWelcomeComesOnce(t *testing.T) {
	l := open(t, "--email-verification=off")
	_, err := l.SignIn.Register(t.Context(), account.New{Email: email, Password: next}, rulestest.Entry)
	l.must(err)
	l.One(mail.Welcome, email)
	l.must(l.Address.Resend(t.Context(), email, ip))
	l.must(l.verify(l.One(mail.VerifyEmail, email)))
	l.None("once it was used")
	l.must(l.reset(l.forgotten(email), rulestest.Password))
	l.One(mail.PasswordChange, email)
}

func TestLettersLookWhetherTheirFactCame(t *testing.T) {
	l := open(t)
	l.register(email, "Ada", next)
	m := l.One(mail.VerifyEmail, email)
	l.must(l.Address.Resend(t.Context(), email, ip)) // queued, but proved before its turn comes
	l.must(l.verify(m))
	l.One(mail.Welcome, email)
}
