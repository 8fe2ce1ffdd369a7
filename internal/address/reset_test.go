package address_test

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/address"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
)

func TestForgottenPasswordIsReplaced(t *testing.T) {
	l := open(t)
	u := l.user(email)
	x := l.Enter(u)
	m := l.forgotten(email)
	if m.Link != "http://localhost:8080/reset" {
		t.Errorf("the link is %s", m.Link)
	}
	l.is("a password that is too short", l.reset(m, "short"), "validation_failed")
	l.is("a common one", l.reset(m, "password"), "weak_password")
	l.must(l.reset(m, next)) // what was refused did not spend it
	l.One(mail.PasswordChange, email)
	l.ended(x.Session.ID, "credentials_changed", wire.ByUser)
	_, err := l.login(rulestest.Password)
	l.is("the old password", err, "invalid_credentials")
	_, err = l.login(next)
	l.is("the new one", err, "")
	l.is("the link again", l.reset(m, "one more password"), "grant_expired")
	if row := l.only(audit.PasswordReset); row.UserID != u.ID || row.IP != ip {
		t.Errorf("row %+v", row)
	}
}

func TestResetLinkEndsWithTheHour(t *testing.T) {
	l := open(t)
	l.user(email)
	m := l.forgotten(email)
	l.Advance(address.ResetLife)
	l.is("late", l.reset(m, next), "grant_expired")
	l.is("what is none", l.Address.Reset(t.Context(), "gho_none", next, ip), "grant_expired")
}

func TestResetLinkIsGoodForOneOfMany(t *testing.T) {
	l := open(t)
	l.user(email)
	m, same := l.forgotten(email), l.forgotten(email)
	if n := l.winners(rulestest.Race(16, func(i int) error { return l.reset([]rulestest.Mail{m, same}[i%2], next) }), "grant_expired"); n != 1 {
		t.Errorf("%d of 16 chose the password", n)
	}
}

func TestNobodyElseGetsAResetLink(t *testing.T) {
	l := open(t)
	u := l.user(email)
	l.must(l.Address.Forgot(t.Context(), "nobody@example.com", ip))
	l.None("an unknown address")
	m := l.forgotten(email)
	_, err := l.Staff.Disable(t.Context(), staff.Shell, u.ID, staff.Why{})
	l.must(err)
	l.One(mail.Disabled, email)
	l.is("of a disabled user", l.reset(m, next), "grant_expired")
	l.must(l.Address.Forgot(t.Context(), email, ip))
	l.None("a disabled user")
}

// TestResetVerifies: who follows the link reads the address. Where that proves it for the first time, what stands in
// the account may be anybody's.
func TestResetVerifies(t *testing.T) {
	l := open(t)
	u := l.enrol(l.unverified(email))
	l.must(l.reset(l.forgotten(email), next))
	got := l.Account(u.ID)
	if got.EmailVerifiedAt.IsZero() || got.HasFactor() || len(got.Identities) > 0 || len(got.RecoveryCodes) > 0 {
		t.Errorf("after the reset: %+v", got)
	}
	l.One(mail.Welcome, email)
	out, err := l.login(next)
	if err != nil || out.Challenge != nil {
		t.Errorf("sign-in: %+v, %v", out, err)
	}
}

func TestInvitedUserChoosesHisPassword(t *testing.T) {
	l := open(t)
	admin := l.user("root@example.com")
	u, link, err := l.Address.Invite(t.Context(), address.Actor{UserID: admin.ID, IP: ip}, account.New{
		Email: " Ada@example.com", Name: "Ada", Roles: []string{account.RoleModerator}, Password: "that nobody knows", Verified: true,
	})
	l.must(err)
	if u.Email != email || !u.Has(account.RoleModerator) || !u.EmailVerifiedAt.IsZero() || u.PasswordHash != "" {
		t.Errorf("invited %+v", u)
	}
	m := l.One(mail.Invitation, email)
	if link != m.Link+"#token="+m.Token || m.Link != "http://localhost:8080/reset" {
		t.Errorf("the admin got %s, the letter has %s", link, m.Link)
	}
	if row := l.only(audit.UserCreated); row.Actor.ID != admin.ID || row.Target.ID != u.ID {
		t.Errorf("row %+v", row)
	}
	l.Advance(address.InviteLife - time.Second)
	l.must(l.reset(m, next))
	l.One(mail.Welcome, email)
	if got := l.Account(u.ID); got.EmailVerifiedAt.IsZero() || !got.Has(account.RoleModerator) {
		t.Errorf("he is %+v", got)
	}
	_, err = l.login(next)
	l.is("sign-in", err, "")
	l.is("the link again", l.reset(m, "one more password"), "grant_expired")
}

func TestInvitationThatIsRefusedLeavesNothing(t *testing.T) {
	l := open(t)
	l.user(email)
	for _, n := range []account.New{{Email: email}, {Email: "nobody"}, {Email: "b@example.com", Roles: []string{"king"}}} {
		want := "validation_failed"
		if n.Email == email {
			want = "email_taken"
		}
		_, link, err := l.Address.Invite(t.Context(), address.Actor{}, n)
		l.is(n.Email, err, want)
		if link != "" {
			t.Errorf("%s: a link", n.Email)
		}
	}
	l.None("of refused invitations")
}

func TestInvitationWhoseLetterIsLateIsReplacedByAReset(t *testing.T) {
	l := open(t)
	u, _, err := l.Address.Invite(t.Context(), address.Actor{}, account.New{Email: email})
	l.must(err)
	m := l.One(mail.Invitation, email)
	l.Advance(address.InviteLife)
	l.is("late", l.reset(m, next), "grant_expired")
	l.must(l.reset(l.forgotten(email), next))
	l.One(mail.Welcome, email)
	if l.Account(u.ID).EmailVerifiedAt.IsZero() {
		t.Error("not verified")
	}
}
