package address_test

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
)

const other = "countess@example.com"

// asked is a link to change the address of somebody signed in, after its notice came.
func (l *lab) asked(x session.Issued) rulestest.Mail {
	l.t.Helper()
	l.must(l.Address.Change(l.t.Context(), actor(x), other))
	return l.kinds(map[string]string{mail.ChangeAsked: email, mail.ChangeEmail: other})[mail.ChangeEmail]
}

// kinds delivers, and demands one letter of each kind to the address, and no more.
func (l *lab) kinds(want map[string]string) map[string]rulestest.Mail {
	l.t.Helper()
	got := map[string]rulestest.Mail{}
	letters := l.Deliver()
	for _, m := range letters {
		got[m.Kind] = m
	}
	for kind, to := range want {
		if got[kind].To != to || len(letters) != len(want) {
			l.t.Fatalf("letters %+v, want %v", letters, want)
		}
	}
	return got
}

func TestAddressChangesOnceTheNewOneIsProved(t *testing.T) {
	l := open(t)
	u := l.user(email)
	x := l.Enter(u)
	reset := l.forgotten(email)
	m := l.asked(x)
	if l.Account(u.ID).Email != email {
		t.Fatal("changed before it was proved")
	}
	l.must(l.verify(m))
	l.One(mail.EmailChanged, email) // to the old one
	if got := l.Account(u.ID); got.Email != other || got.EmailVerifiedAt.IsZero() || got.AuthVersion != u.AuthVersion {
		t.Errorf("he is %+v", got)
	}
	if l.Record(x.Session.ID).Ended() {
		t.Error("the session ended")
	}
	l.is("the link again", l.verify(m), "grant_expired")
	l.is("a reset that went to the old address", l.reset(reset, next), "grant_expired")
	l.only(audit.EmailChangeAsked)
	l.only(audit.EmailChanged)
}

// TestAskingForAnAddressTellsNothingOfIt: he who asks gets the same notice, whoever has the address.
func TestAskingForAnAddressTellsNothingOfIt(t *testing.T) {
	l := open(t)
	x := l.Enter(l.user(email))
	l.user(other)
	l.must(l.Address.Change(t.Context(), actor(x), other))
	l.kinds(map[string]string{mail.ChangeAsked: email, mail.EmailTaken: other})
	l.must(l.Address.Change(t.Context(), actor(x), other))
	l.kinds(map[string]string{mail.ChangeAsked: email}) // the owner was told within the hour
	l.must(l.Address.Change(t.Context(), actor(x), email))
	l.None("his own")
}

func TestAddressThatWasTakenMeanwhileIsRefused(t *testing.T) {
	l := open(t)
	u := l.user(email)
	m := l.asked(l.Enter(u))
	l.user(other)
	l.is("proof", l.verify(m), "email_taken")
	l.None("of a change that did not come")
	if l.Account(u.ID).Email != email {
		t.Error("changed all the same")
	}
}

func TestLinkOfAChangeDiesWithWhatItWasAskedBy(t *testing.T) {
	for name, tt := range map[string]struct {
		meanwhile func(l *lab, x session.Issued) error
		want      string
	}{
		"signed out": {func(l *lab, x session.Issued) error { return l.SignIn.Logout(l.t.Context(), x.Session, ip) }, ""},
		"ended from another": {func(l *lab, x session.Issued) error {
			return l.SignIn.EndOwn(l.t.Context(), signin.Actor{UserID: x.User.ID, SessionID: l.Enter(x.User).Session.ID}, x.Session.ID)
		}, "grant_expired"},
		"password changed": {func(l *lab, x session.Issued) error {
			return l.SignIn.ChangePassword(l.t.Context(), signin.Actor{UserID: x.User.ID, SessionID: x.Session.ID}, rulestest.Password, next)
		}, "grant_expired"},
		"kicked": {func(l *lab, x session.Issued) error {
			_, _, err := l.Sessions.End(l.t.Context(), x.Session.ID, session.Ending{Reason: "kicked", By: wire.By{Kind: wire.ByAdmin}})
			return err
		}, "grant_expired"},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t)
			x := l.Enter(l.user(email))
			m := l.asked(x)
			l.must(tt.meanwhile(l, x))
			l.is("proof", l.verify(m), tt.want)
		})
	}
}

func TestUnverifiedUserProvesHisOwnAddress(t *testing.T) {
	l := open(t, "--email-verification=off")
	u := l.unverified(email)
	l.must(l.Address.Change(t.Context(), actor(l.Enter(u)), email))
	l.must(l.verify(l.One(mail.VerifyEmail, email)))
	if l.Account(u.ID).EmailVerifiedAt.IsZero() {
		t.Error("not verified")
	}
}

func TestTwoWhoWantOneAddressAtOnce(t *testing.T) {
	l := open(t)
	var links []rulestest.Mail
	for _, to := range []string{email, "bea@example.com"} {
		x := l.Enter(l.user(to))
		l.must(l.Address.Change(t.Context(), actor(x), other))
		for _, m := range l.Deliver() {
			if m.Kind == mail.ChangeEmail {
				links = append(links, m)
			}
		}
	}
	errs := rulestest.Race(2, func(i int) error { return l.verify(links[i]) })
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%v: one gets it", errs)
	}
	if _, err := l.Store.UserByEmail(t.Context(), other); err != nil {
		t.Error(err)
	}
}
