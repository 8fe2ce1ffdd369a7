package signin_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/oauth"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
)

// provider is one whose people are its codes.
type provider struct {
	name   string
	people map[string]oauth.Identity
	down   bool
}

func (p *provider) AuthorizeURL(_ context.Context, a oauth.Attempt) (string, error) {
	if p.down || a.Nonce == "" || a.Verifier == "" {
		return "", errors.New("down")
	}
	return "https://provider.example/authorize?state=" + url.QueryEscape(a.State), nil
}

func (p *provider) Identify(_ context.Context, a oauth.Attempt, code string) (oauth.Identity, error) {
	who, ok := p.people[code]
	if p.down || !ok || a.Verifier == "" {
		return oauth.Identity{}, errors.New("no such code")
	}
	who.Provider = p.name
	return who, nil
}

const browser = "the secret of this browser"

// abroad is a house with two providers.
type abroad struct {
	*rulestest.House
	t              testing.TB
	google, github *provider
}

func open(t testing.TB, flags ...string) *abroad {
	t.Helper()
	a := &abroad{House: rulestest.Open(t, flags...), t: t}
	a.google = &provider{name: "google", people: map[string]oauth.Identity{
		"ada":        {Subject: "g1", Email: "Ada@Example.com", Verified: true, Name: "Ada L."},
		"unverified": {Subject: "g2", Email: email},
		"nameless":   {Subject: "g3", Email: "bob@example.com", Verified: true, Name: "B\nb"},
		"mute":       {Subject: "g4", Verified: true},
		"ada2":       {Subject: "g5", Email: email, Verified: true},
	}}
	a.github = &provider{name: "github", people: map[string]oauth.Identity{"ada": {Subject: "h1", Email: "ada@work.example", Verified: true}}}
	a.SignIn.Providers = map[string]oauth.Provider{"google": a.google, "github": a.github}
	return a
}

// leave begins a trip and returns its state.
func (a *abroad) leave(trip signin.Trip) string {
	a.t.Helper()
	if trip.Provider == "" {
		trip.Provider = "google"
	}
	trip.Browser, trip.RedirectTo = browser, "/home"
	to, err := a.SignIn.BeginTrip(a.t.Context(), trip)
	if err != nil {
		a.t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		a.t.Fatal(err)
	}
	return u.Query().Get("state")
}

func (a *abroad) back(state, code string) (signin.Returned, error) {
	return a.SignIn.EndTrip(a.t.Context(), signin.Callback{Provider: "google", State: state, Code: code, Browser: browser, Visit: rulestest.Visit})
}

// come signs in at Google.
func (a *abroad) come(code string) (signin.Returned, error) {
	a.t.Helper()
	return a.back(a.leave(signin.Trip{}), code)
}

// link links an account at Google to the user of the session.
func (a *abroad) link(x session.Issued, code string) error {
	a.t.Helper()
	_, err := a.back(a.leave(signin.Trip{Link: actor(x)}), code)
	return err
}

// verified makes a user with a password whose address is verified.
func (a *abroad) verified() account.User {
	a.t.Helper()
	u, err := a.Accounts.Create(a.t.Context(), account.New{Email: email, Password: rulestest.Password, Verified: true})
	if err != nil {
		a.t.Fatal(err)
	}
	return u
}

func refused(t testing.TB, what string, err error, want string) {
	t.Helper()
	if fault.CodeOf(err) != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

func TestWhoComesByAProviderGetsAnAccount(t *testing.T) {
	a := open(t)
	back, err := a.come("ada")
	if err != nil || back.RedirectTo != "/home" || back.Linked {
		t.Fatalf("%+v, %v", back, err)
	}
	x := back.Outcome.Issued
	if u := x.User; u.Email != email || u.Name != "Ada L." || u.EmailVerifiedAt.IsZero() || u.PasswordHash != "" || u.Staff() {
		t.Errorf("made %+v", u)
	}
	if s := x.Session; s.AAL != 1 || !slices.Equal(s.AMR, []string{"google"}) || s.Transport != session.Cookie || x.RefreshToken == "" {
		t.Errorf("session %+v", s)
	}
	only(t, a.House, audit.UserRegistered)
	a.google.people["ada"] = oauth.Identity{Subject: "g1", Email: "new@example.com"}
	again, err := a.come("ada")
	if u := again.Outcome.Issued.User; err != nil || u.ID != x.User.ID || u.Email != email {
		t.Errorf("the same subject under another address: %+v, %v", u, err)
	}
	if back, err := a.come("nameless"); err != nil || back.Outcome.Issued.User.Name != "" {
		t.Errorf("a name that is none: %+v, %v", back.Outcome.Issued.User, err)
	}
}

func TestAVerifiedAccountIsLinkedByItsAddress(t *testing.T) {
	a := open(t)
	u := a.verified()
	own := login(t, a.House)
	back, err := a.come("ada")
	if err != nil || back.Outcome.Issued.User.ID != u.ID {
		t.Fatalf("%+v, %v", back, err)
	}
	if now := a.Account(u.ID); now.PasswordHash != u.PasswordHash || len(now.Identities) != 1 || now.Identities[0].Subject != "g1" {
		t.Errorf("the account is now %+v", now)
	}
	if a.Record(own.Session.ID).Ended() {
		t.Error("a session ended")
	}
	if row := only(t, a.House, audit.IdentityLinked); row.UserID != u.ID || row.Details["provider"] != "google" {
		t.Errorf("row %+v", row)
	}
	_, err = a.come("ada2")
	refused(t, "a second account there of the same address", err, "email_taken")
}

func TestWhomAProviderDoesNotVouchForIsRefused(t *testing.T) {
	a := open(t)
	for _, code := range []string{"unverified", "mute"} {
		_, err := a.come(code)
		refused(t, code, err, "email_unverified")
	}
	u := a.verified()
	_, err := a.come("unverified")
	refused(t, "with the address of a verified account", err, "email_unverified")
	if len(a.Account(u.ID).Identities) != 0 || a.Live(u.ID) != 0 {
		t.Error("it was linked or signed in")
	}
	refused(t, "linking it", a.link(login(t, a.House), "unverified"), "email_unverified")
}

func TestADisabledAccountStaysOutAndAsItIs(t *testing.T) {
	a := open(t)
	for _, u := range []account.User{a.AddUser(email), a.add("bob@example.com")} {
		if _, err := a.Staff.Disable(t.Context(), shell, u.ID, why); err != nil {
			t.Fatal(err)
		}
	}
	for _, code := range []string{"ada", "nameless"} {
		_, err := a.come(code)
		refused(t, code, err, "account_disabled")
	}
	for _, address := range []string{email, "bob@example.com"} {
		u, err := a.Store.UserByEmail(t.Context(), address)
		if err != nil || len(u.Identities) > 0 || u.PasswordHash == "" {
			t.Errorf("it is now %+v, %v", u, err)
		}
	}
}

func (a *abroad) add(address string) account.User {
	a.t.Helper()
	u, err := a.Accounts.Create(a.t.Context(), account.New{Email: address, Password: rulestest.Password, Verified: true})
	if err != nil {
		a.t.Fatal(err)
	}
	return u
}

func TestClosedSignupLetsOnlyAccountsIn(t *testing.T) {
	a := open(t, "--signup=closed")
	_, err := a.come("ada")
	refused(t, "a stranger", err, "signup_closed")
	a.verified()
	if _, err := a.come("ada"); err != nil {
		t.Errorf("an account: %v", err)
	}
}

func TestASecondFactorIsAskedForAfterAProviderToo(t *testing.T) {
	a := open(t)
	a.verified()
	own := login(t, a.House)
	secret, _ := a.AddTOTP(own)
	back, err := a.come("ada")
	ch := back.Outcome.Challenge
	if err != nil || ch == nil || back.Outcome.Issued.AccessToken != "" || a.Live(own.User.ID) != 1 {
		t.Fatalf("%+v, %v", back, err)
	}
	x, err := a.SignIn.PayTOTP(t.Context(), ch.Token, a.Code(secret), rulestest.Entry)
	if err != nil || x.Session.Transport != session.Cookie || !slices.Equal(x.Session.AMR, []string{"google", "otp", "mfa"}) {
		t.Errorf("%+v, %v", x.Session, err)
	}
}

func TestASignInByAProviderEndsTheSessionOfTheVisitThatBeganIt(t *testing.T) {
	a := open(t)
	old := a.Enter(a.AddStranger())
	if _, err := a.back(a.leave(signin.Trip{Replaces: old.Session.ID}), "ada"); err != nil {
		t.Fatal(err)
	}
	ended(t, a.House, old.Session.ID, "signed_out", wire.BySelf)
}

func TestTroubleAtAProvider(t *testing.T) {
	a := open(t)
	back, err := a.come("nobody")
	refused(t, "a code that it does not know", err, "provider_error")
	if back.RedirectTo != "/home" {
		t.Errorf("the page goes to %q", back.RedirectTo)
	}
	for code, want := range map[string]string{"access_denied": "access_denied", "server_error": "provider_error", "<script>": "provider_error"} {
		cb := signin.Callback{Provider: "google", State: a.leave(signin.Trip{}), Code: "ada", Error: code, Browser: browser, Visit: rulestest.Visit}
		_, err := a.SignIn.EndTrip(t.Context(), cb)
		refused(t, code, err, want)
	}
	state := a.leave(signin.Trip{})
	a.google.down = true
	_, err = a.back(state, "ada")
	refused(t, "down when the browser is back", err, "provider_error")
	_, err = a.SignIn.BeginTrip(t.Context(), signin.Trip{Provider: "google", Browser: browser})
	refused(t, "down when it leaves", err, "provider_error")
	if _, err := a.Store.UserByEmail(t.Context(), email); !errors.Is(err, fault.ErrNotFound) {
		t.Error("an account was made")
	}
}

func TestThreat31_AStateIsGoodOnceForItsBrowserAndProvider(t *testing.T) {
	a := open(t)
	cb := func(change func(*signin.Callback)) error {
		c := signin.Callback{Provider: "google", State: a.leave(signin.Trip{}), Code: "ada", Browser: browser, Visit: rulestest.Visit}
		change(&c)
		back, err := a.SignIn.EndTrip(t.Context(), c)
		if err != nil && back.RedirectTo != "" {
			t.Errorf("a state that is no good is believed where to go: %q", back.RedirectTo)
		}
		return err
	}
	for name, change := range map[string]func(*signin.Callback){
		"missing":           func(c *signin.Callback) { c.State = "" },
		"made up":           func(c *signin.Callback) { c.State = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
		"another browser":   func(c *signin.Callback) { c.Browser = "another" },
		"no browser":        func(c *signin.Callback) { c.Browser = "" },
		"another provider":  func(c *signin.Callback) { c.Provider = "github" },
		"late":              func(*signin.Callback) { a.Advance(signin.VisitLife) },
		"cancelled, no one": func(c *signin.Callback) { c.State, c.Error = "", "access_denied" },
		"used": func(c *signin.Callback) {
			if _, err := a.SignIn.EndTrip(t.Context(), *c); err != nil {
				t.Fatal(err)
			}
		},
		"tried in another browser": func(c *signin.Callback) {
			stolen := *c
			stolen.Browser = "another"
			_, _ = a.SignIn.EndTrip(t.Context(), stolen)
		},
	} {
		refused(t, name, cb(change), "state_invalid")
	}
	refused(t, "a provider that is not there", cb(func(c *signin.Callback) { c.Provider = "gitlab" }), "not_found")
	if err := cb(func(*signin.Callback) { a.Advance(signin.VisitLife - time.Second) }); err != nil {
		t.Errorf("just in time: %v", err)
	}
}
