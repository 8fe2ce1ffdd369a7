package address_test

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/address"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
)

const (
	email = "ada@example.com"
	next  = "grünkohl und absinth"
	ip    = "192.0.2.7"
)

// lab is a house where addresses are proved before anybody signs in, unless flags say otherwise.
type lab struct {
	*rulestest.House
	t *testing.T
}

func open(t *testing.T, flags ...string) *lab {
	t.Helper()
	return &lab{rulestest.Open(t, append([]string{"--email-verification=required"}, flags...)...), t}
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// is demands the code of an error, "" for none.
func (l *lab) is(what string, err error, code string) {
	l.t.Helper()
	if fault.CodeOf(err) != code {
		l.t.Errorf("%s: %v, want %q", what, err, code)
	}
}

func (l *lab) register(to, name, password string) {
	l.t.Helper()
	l.must(l.Address.Register(l.t.Context(), account.New{Email: to, Name: name, Password: password}, ip))
}

func (l *lab) login(password string) (signin.Outcome, error) {
	return l.SignIn.Login(l.t.Context(), email, password, rulestest.Entry)
}

// user is a verified user.
func (l *lab) user(to string) account.User {
	l.t.Helper()
	u, err := l.Accounts.Create(l.t.Context(), account.New{Email: to, Name: "Ada", Password: rulestest.Password, Verified: true})
	l.must(err)
	return u
}

// unverified is a user from when addresses did not have to be proved.
func (l *lab) unverified(to string) account.User {
	l.t.Helper()
	return l.AddUser(to)
}

// enrol gives the user a confirmed authenticator app and recovery codes, without the letter about it.
func (l *lab) enrol(u account.User) account.User {
	l.t.Helper()
	u, err := l.Accounts.Change(l.t.Context(), u.ID, true, func(u *account.User) error {
		u.TOTP = &account.TOTP{Secret: []byte("sealed"), ConfirmedAt: l.Time()}
		u.RecoveryCodes, u.RecoveryKey = []string{"hash"}, []byte("sealed")
		u.Identities = []account.Identity{{Provider: "github", Subject: u.ID, LinkedAt: l.Time()}}
		u.AuthVersion++
		return nil
	})
	l.must(err)
	return u
}

func (l *lab) verify(m rulestest.Mail) error { return l.Address.Verify(l.t.Context(), m.Token, ip) }

func (l *lab) reset(m rulestest.Mail, password string) error {
	return l.Address.Reset(l.t.Context(), m.Token, password, ip)
}

// forgotten is a link to choose a new password.
func (l *lab) forgotten(to string) rulestest.Mail {
	l.t.Helper()
	l.must(l.Address.Forgot(l.t.Context(), to, ip))
	return l.One(mail.ResetPassword, to)
}

func (l *lab) byEmail(to string) account.User {
	l.t.Helper()
	u, err := l.Store.UserByEmail(l.t.Context(), to)
	l.must(err)
	return u
}

func actor(x session.Issued) address.Actor {
	return address.Actor{UserID: x.User.ID, SessionID: x.Session.ID, IP: ip}
}

// ended checks why and by whom a session ended.
func (l *lab) ended(sessionID, reason, by string) {
	l.t.Helper()
	if s := l.Record(sessionID); s.EndReason != reason || s.EndedBy.Kind != by {
		l.t.Errorf("ended with %q by %q, want %q by %q", s.EndReason, s.EndedBy.Kind, reason, by)
	}
}

// only demands one row of the action.
func (l *lab) only(action string) audit.Event {
	l.t.Helper()
	rows := l.Events(audit.Query{Action: action})
	if len(rows) != 1 {
		l.t.Fatalf("%d rows of %s, want one", len(rows), action)
	}
	return rows[0]
}

// winners counts those of a race who got through; the others must get the code.
func (l *lab) winners(errs []error, code string) (n int) {
	l.t.Helper()
	for _, err := range errs {
		if err == nil {
			n++
		} else {
			l.is("a loser", err, code)
		}
	}
	return n
}
