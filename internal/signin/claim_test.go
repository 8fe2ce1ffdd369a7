package signin_test

import (
	"context"
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

func TestLinkingAndUnlinking(t *testing.T) {
	a := open(t)
	a.AddUser(email)
	x := login(t, a.House)
	if err := a.link(x, "nameless"); err != nil {
		t.Fatalf("an account of another address: %v", err)
	}
	if u := a.Account(x.User.ID); u.Email != email || len(u.Identities) != 1 || !u.EmailVerifiedAt.IsZero() {
		t.Errorf("the account is now %+v", u)
	}
	if n := a.Live(x.User.ID); n != 1 {
		t.Errorf("%d sessions: linking makes none", n)
	}
	if err := a.link(x, "nameless"); err != nil {
		t.Errorf("again: %v", err)
	}
	only(t, a.House, audit.IdentityLinked)
	refused(t, "another account there", a.link(x, "ada"), "email_taken")
	refused(t, "what is another user's", a.link(a.Enter(a.AddStranger()), "nameless"), "email_taken")
	if back, err := a.come("nameless"); err != nil || back.Outcome.Issued.User.ID != x.User.ID {
		t.Errorf("signing in by it: %v", err)
	}
	if err := a.SignIn.Unlink(t.Context(), actor(x), "google"); err != nil {
		t.Fatal(err)
	}
	only(t, a.House, audit.IdentityUnlinked)
	if err := a.SignIn.Unlink(t.Context(), actor(x), "google"); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	if back, err := a.come("nameless"); err != nil || back.Outcome.Issued.User.ID == x.User.ID {
		t.Errorf("signing in by it afterwards: %v", err)
	}
}

func TestTheOnlyIdentityStays(t *testing.T) {
	a := open(t)
	back, err := a.come("ada")
	if err != nil {
		t.Fatal(err)
	}
	x := back.Outcome.Issued
	if err := a.SignIn.Unlink(t.Context(), actor(x), "google"); !errors.Is(err, account.ErrLastCredential) {
		t.Errorf("%v", err)
	}
	key := a.AddPasskey(x)
	if err := a.SignIn.Unlink(t.Context(), actor(x), "google"); err != nil {
		t.Errorf("beside a passkey: %v", err)
	}
	if err := a.SignIn.RemovePasskey(t.Context(), actor(x), key.Record.ID); !errors.Is(err, account.ErrLastCredential) {
		t.Errorf("the passkey then: %v", err)
	}
}

func TestASessionThatHasEndedLinksNothing(t *testing.T) {
	a := open(t)
	a.AddUser(email)
	x := login(t, a.House)
	state := a.leave(signin.Trip{Link: actor(x)})
	if _, _, err := a.Sessions.End(t.Context(), x.Session.ID, kick); err != nil {
		t.Fatal(err)
	}
	_, err := a.back(state, "ada")
	refused(t, "ended meanwhile", err, "state_invalid")
	if len(a.Account(x.User.ID).Identities) != 0 {
		t.Error("it is linked")
	}
}

// hijacker made an account under the victim's address and has put into it whatever he could.
func hijacker(a *abroad) (x session.Issued, key *rulestest.Passkey) {
	a.t.Helper()
	a.AddUser(email)
	x = login(a.t, a.House)
	a.AddTOTP(x)
	key = a.AddPasskey(x)
	state := a.leave(signin.Trip{Provider: "github", Link: actor(x)})
	if _, err := a.SignIn.EndTrip(a.t.Context(), signin.Callback{Provider: "github", State: state, Code: "ada", Browser: browser, Visit: rulestest.Visit}); err != nil {
		a.t.Fatal(err)
	}
	return x, key
}

// nothingLeft checks that the account is its owner's alone.
func nothingLeft(a *abroad, owner session.Issued) {
	a.t.Helper()
	u := a.Account(owner.User.ID)
	if u.PasswordHash != "" || u.TOTP != nil || len(u.Passkeys) > 0 || len(u.RecoveryCodes) > 0 || u.RecoveryKey != nil || u.EmailVerifiedAt.IsZero() ||
		len(u.Identities) != 1 || u.Identities[0].Provider != "google" {
		a.t.Errorf("password %t, app %t, %d passkeys, %d recovery codes, identities %v, verified %s", u.PasswordHash != "", u.TOTP != nil, len(u.Passkeys),
			len(u.RecoveryCodes), u.Identities, u.EmailVerifiedAt)
	}
	live, err := a.Store.SessionsOf(a.t.Context(), u.ID)
	if err != nil || len(live) != 1 || live[0].ID != owner.Session.ID {
		a.t.Errorf("%d sessions live, %v", len(live), err)
	}
}

func TestThreat32_WhoMadeAnAccountOfTheVictimsAddressKeepsNothing(t *testing.T) {
	a := open(t)
	x, key := hijacker(a)
	pending, err := a.SignIn.Login(t.Context(), email, rulestest.Password, rulestest.Entry)
	if err != nil {
		t.Fatal(err)
	}
	linking := a.leave(signin.Trip{Provider: "github", Link: actor(x)})
	ticket, err := a.SignIn.Ticket(t.Context(), x.User.ID, x.Session.ID)
	if err != nil {
		t.Fatal(err)
	}
	again, err := a.SignIn.PasskeyAgain(t.Context(), actor(x))
	if err != nil {
		t.Fatal(err)
	}
	back, err := a.come("ada")
	if err != nil || back.Outcome.Challenge != nil {
		t.Fatalf("the victim is asked for a factor, or %v", err)
	}
	ended(t, a.House, x.Session.ID, "credentials_changed", wire.BySystem)
	if _, err := a.Guard.Token(x.AccessToken); fault.CodeOf(err) != "session_revoked" {
		t.Errorf("his access token: %v", err)
	}
	for name, try := range map[string]func() error{
		"password": func() error {
			_, err := a.SignIn.Login(t.Context(), email, rulestest.Password, rulestest.Entry)
			return err
		},
		"refresh token": func() error {
			_, err := a.Sessions.Refresh(t.Context(), x.RefreshToken, session.Body, rulestest.Visit)
			return err
		},
		"recovery code": func() error {
			_, err := a.SignIn.PayRecoveryCode(t.Context(), pending.Challenge.Token, "x", rulestest.Entry)
			return err
		},
		"ticket": func() error { _, _, err := a.SignIn.RedeemTicket(t.Context(), ticket); return err },
		"passkey begun": func() error {
			_, err := a.SignIn.ReauthenticateByPasskey(t.Context(), actor(x), again.Secret, key.Show(again.Options))
			return err
		},
		"setting password": func() error { return a.SignIn.ChangePassword(t.Context(), actor(x), "", next) },
		"his GitHub": func() error {
			_, err := a.SignIn.EndTrip(t.Context(), signin.Callback{Provider: "github", State: linking, Code: "ada", Browser: browser})
			return err
		},
		"passkey": func() error {
			c, _ := a.Factors.BeginSignIn(t.Context())
			_, err := a.SignIn.PasskeyLogin(t.Context(), c.Secret, key.Show(c.Options), rulestest.Entry)
			return err
		},
	} {
		if err := try(); err == nil || fault.As(err).Kind == fault.Internal {
			t.Errorf("his %s: %v", name, err)
		}
	}
	nothingLeft(a, back.Outcome.Issued)
}

// TestThreat32_WhatTheAttackerDoesWhileTheVictimComes puts his acts between the steps of the claim, and the claim
// between the steps of his acts.
func TestThreat32_WhatTheAttackerDoesWhileTheVictimComes(t *testing.T) {
	for name, act := range map[string]func(a *abroad, x session.Issued) error{
		"password": func(a *abroad, x session.Issued) error {
			return a.SignIn.ChangePassword(t.Context(), actor(x), "", next)
		},
		"passkey": func(a *abroad, x session.Issued) error {
			c, err := a.Factors.BeginPasskey(t.Context(), x.User.ID)
			if err == nil {
				_, _, err = a.SignIn.AddPasskey(t.Context(), actor(x), c.Secret, "", a.NewPasskey(x.User).Register(c.Options))
			}
			return err
		},
		"identity": func(a *abroad, x session.Issued) error {
			state := a.leave(signin.Trip{Provider: "github", Link: actor(x)})
			_, err := a.SignIn.EndTrip(t.Context(), signin.Callback{Provider: "github", State: state, Code: "ada", Browser: browser})
			return err
		},
	} {
		a := open(t)
		x, _ := hijacker(a)
		a.Accounts.Store = &meddler{Store: a.Store, after: func() {
			if err := act(a, x); err != nil {
				t.Errorf("%s: his session lives, but %v", name, err)
			}
		}}
		back, err := a.come("ada")
		if err != nil || back.Outcome.Challenge != nil {
			t.Fatalf("%s: the victim is asked for a factor, or %v", name, err)
		}
		nothingLeft(a, back.Outcome.Issued)

		b := open(t)
		y := b.Enter(b.AddStranger()) // has no password, so that one may be set without it
		if _, err := b.Accounts.Change(t.Context(), y.User.ID, false, func(u *account.User) error { u.Email = email; return nil }); err != nil {
			t.Fatal(err)
		}
		var victim signin.Returned
		b.Accounts.Store = &meddler{Store: b.Store, before: func() {
			if victim, err = b.come("ada"); err != nil {
				t.Errorf("%s: the victim: %v", name, err)
			}
		}}
		if err := act(b, y); err == nil {
			t.Errorf("%s: done by a request that began before the claim", name)
		}
		nothingLeft(b, victim.Outcome.Issued)
	}
}

// TestAClaimBrokenOffIsMadeAnew stops one when the account is stripped and the sessions still live.
func TestAClaimBrokenOffIsMadeAnew(t *testing.T) {
	a := open(t)
	x, _ := hijacker(a)
	ctx, stop := context.WithCancel(t.Context())
	a.Accounts.Store = &meddler{Store: a.Store, after: stop}
	cb := signin.Callback{Provider: "google", State: a.leave(signin.Trip{}), Code: "ada", Browser: browser, Visit: rulestest.Visit}
	if _, err := a.SignIn.EndTrip(ctx, cb); !errors.Is(err, context.Canceled) || a.Record(x.Session.ID).Ended() {
		t.Fatalf("the first claim: %v", err)
	}
	back, err := a.come("ada")
	if err != nil {
		t.Fatal(err)
	}
	nothingLeft(a, back.Outcome.Issued)
}
