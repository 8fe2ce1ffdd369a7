package signin_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
)

const email = "ada@example.com"

// login signs in by the password of every user of rulestest.
func login(t testing.TB, h *rulestest.House) session.Issued {
	t.Helper()
	x, err := h.SignIn.Login(t.Context(), email, rulestest.Password, rulestest.Entry)
	if err != nil {
		t.Fatal(err)
	}
	return x.Issued
}

func actor(x session.Issued) signin.Actor {
	return signin.Actor{UserID: x.User.ID, SessionID: x.Session.ID, IP: rulestest.Visit.IP}
}

// ended checks why and by whom a session ended.
func ended(t testing.TB, h *rulestest.House, sessionID, reason, by string) {
	t.Helper()
	if s := h.Record(sessionID); s.EndReason != reason || s.EndedBy.Kind != by {
		t.Errorf("ended with %q by %q, want %q by %q", s.EndReason, s.EndedBy.Kind, reason, by)
	}
}

// only checks that there is one row of the action, and returns it.
func only(t testing.TB, h *rulestest.House, action string) audit.Event {
	t.Helper()
	rows := h.Events(audit.Query{Action: action})
	if len(rows) != 1 {
		t.Fatalf("%d rows of %s, want one", len(rows), action)
	}
	return rows[0]
}

func TestRegistrationMakesAnAccountAndSignsIn(t *testing.T) {
	h := rulestest.Open(t)
	n := account.New{Email: " Ada@Example.com", Name: "Ada", Password: rulestest.Password, Roles: []string{account.RoleAdmin}, Verified: true}
	x, err := h.SignIn.Register(t.Context(), n, rulestest.Entry)
	if err != nil {
		t.Fatal(err)
	}
	if x.User.Email != email || x.User.Staff() || !x.User.EmailVerifiedAt.IsZero() {
		t.Errorf("made %+v: nobody gives himself roles or proves his own address", x.User)
	}
	if _, err := h.Guard.Token(x.AccessToken); err != nil || x.RefreshToken == "" {
		t.Errorf("access token: %v", err)
	}
	if s := x.Session; s.AAL != 1 || s.Name == "" || s.IP != rulestest.Visit.IP || len(s.AMR) != 1 || s.AMR[0] != "pwd" {
		t.Errorf("session %+v", s)
	}
	if row := only(t, h, audit.UserRegistered); row.UserID != x.User.ID || row.IP != rulestest.Visit.IP {
		t.Errorf("row %+v", row)
	}
	if row := only(t, h, audit.SignedIn); row.Target.ID != x.Session.ID || row.Actor.ID != x.User.ID {
		t.Errorf("row %+v", row)
	}
}

func TestRegistrationThatIsRefused(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	long := rulestest.Entry
	long.DeviceName = "a\nb"
	for name, tt := range map[string]struct {
		n    account.New
		e    signin.Entry
		want string
	}{
		"an address that is taken": {account.New{Email: email, Password: rulestest.Password}, rulestest.Entry, "email_taken"},
		"no password":              {account.New{Email: "b@example.com"}, rulestest.Entry, "validation_failed"},
		"a common password":        {account.New{Email: "b@example.com", Password: "password"}, rulestest.Entry, "weak_password"},
		"a bad device name":        {account.New{Email: "b@example.com", Password: rulestest.Password}, long, "validation_failed"},
	} {
		if _, err := h.SignIn.Register(t.Context(), tt.n, tt.e); fault.CodeOf(err) != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	if _, err := h.Store.UserByEmail(t.Context(), "b@example.com"); !errors.Is(err, fault.ErrNotFound) {
		t.Error("a refused registration left an account")
	}
}

func TestClosedSignupStillLetsAccountsIn(t *testing.T) {
	h := rulestest.Open(t, "--signup=closed")
	h.AddUser(email)
	_, err := h.SignIn.Register(t.Context(), account.New{Email: "b@example.com", Password: rulestest.Password}, rulestest.Entry)
	if fault.CodeOf(err) != "forbidden" {
		t.Errorf("registering: %v", err)
	}
	login(t, h)
}

func TestRefusedSignInIsRecordedWithoutWhatWasTyped(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddUser(email)
	for _, typed := range []string{email, "nobody@example.com"} {
		if _, err := h.SignIn.Login(t.Context(), typed, "hunter2 hunter2", rulestest.Entry); !errors.Is(err, account.ErrInvalidCredentials) {
			t.Fatal(err)
		}
	}
	rows := h.Events(audit.Query{Action: audit.SignInFailed})
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	users := map[string]bool{}
	for _, row := range rows {
		users[row.UserID] = true
		if row.Outcome != audit.Failure || row.IP != rulestest.Visit.IP || len(row.Details) != 0 || row.Reason != "" {
			t.Errorf("row %+v", row)
		}
	}
	if !users[u.ID] || !users[""] {
		t.Errorf("rows concern %v, want the user and nobody", users)
	}
}

func TestSignInThatSetsACookieEndsTheOneItReplaces(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	enter := func(transport, cookie string) session.Issued {
		t.Helper()
		x, err := h.SignIn.Login(t.Context(), email, rulestest.Password, signin.Entry{Transport: transport, Cookie: cookie, Visit: rulestest.Visit})
		if err != nil {
			t.Fatal(err)
		}
		return x.Issued
	}
	first := enter(session.Cookie, "")
	body := enter(session.Body, first.RefreshToken)
	if h.Record(first.Session.ID).Ended() {
		t.Error("a sign-in without cookie ended the cookie's session")
	}
	second := enter(session.Cookie, first.RefreshToken)
	ended(t, h, first.Session.ID, "signed_out", wire.BySelf)
	enter(session.Cookie, body.RefreshToken) // not a cookie's token
	enter(session.Cookie, "rubbish")
	if h.Record(body.Session.ID).Ended() || h.Record(second.Session.ID).Ended() {
		t.Error("what is no cookie of a live session ended one")
	}
}

func TestSigningOut(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	a, b, c := login(t, h), login(t, h), login(t, h)
	if err := h.SignIn.EndOwn(t.Context(), actor(a), b.Session.ID); err != nil {
		t.Fatal(err)
	}
	ended(t, h, b.Session.ID, "session_revoked", wire.ByUser)
	if by := h.Record(b.Session.ID).EndedBy; by.Name != a.Session.Name {
		t.Errorf("ended by %q, want the name of the device", by.Name)
	}
	if err := h.SignIn.EndOwn(t.Context(), actor(a), b.Session.ID); err != nil {
		t.Errorf("ending it again while it is recorded: %v", err)
	}
	if err := h.SignIn.LogoutAll(t.Context(), actor(a)); err != nil {
		t.Fatal(err)
	}
	ended(t, h, a.Session.ID, "signed_out", wire.BySelf)
	ended(t, h, c.Session.ID, "session_revoked", wire.ByUser)

	d, e := login(t, h), login(t, h)
	if err := h.SignIn.LogoutOthers(t.Context(), actor(d)); err != nil {
		t.Fatal(err)
	}
	if h.Record(d.Session.ID).Ended() || !h.Record(e.Session.ID).Ended() {
		t.Error("signing out the others ended the wrong ones")
	}
	if err := h.SignIn.EndOwn(t.Context(), actor(d), d.Session.ID); err != nil {
		t.Fatal(err)
	}
	ended(t, h, d.Session.ID, "signed_out", wire.BySelf)
	h.Advance(h.Sessions.Lives.Kept)
	if err := h.Store.Purge(t.Context(), h.Time()); err != nil {
		t.Fatal(err)
	}
	if err := h.SignIn.EndOwn(t.Context(), actor(d), e.Session.ID); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("ending what is no longer recorded: %v", err)
	}
}
