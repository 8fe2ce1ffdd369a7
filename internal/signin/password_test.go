package signin_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

const next = "grünkohl und absinth"

func TestPasswordChangeKeepsTheOwnSessionAndEndsTheOthers(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	own, other := login(t, h), login(t, h)
	if err := h.SignIn.ChangePassword(t.Context(), actor(own), rulestest.Password, next); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Guard.Token(own.AccessToken); err != nil {
		t.Errorf("the own access token: %v", err)
	}
	if _, err := h.Sessions.Refresh(t.Context(), own.RefreshToken, "body", rulestest.Visit); err != nil {
		t.Errorf("the own refresh token: %v", err)
	}
	ended(t, h, other.Session.ID, "credentials_changed", wire.ByUser)
	if by := h.Record(other.Session.ID).EndedBy; by.Name != own.Session.Name {
		t.Errorf("ended by %q, want the name of the device", by.Name)
	}
	if _, err := h.SignIn.Login(t.Context(), email, rulestest.Password, rulestest.Entry); !errors.Is(err, account.ErrInvalidCredentials) {
		t.Errorf("the old password: %v", err)
	}
	if _, err := h.SignIn.Login(t.Context(), email, next, rulestest.Entry); err != nil {
		t.Errorf("the new password: %v", err)
	}
	if row := only(t, h, audit.PasswordChanged); row.Actor.ID != own.User.ID || row.IP != rulestest.Visit.IP {
		t.Errorf("row %+v", row)
	}
}

func TestPasswordChangeThatIsRefusedChangesNothing(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	own, other := login(t, h), login(t, h)
	for _, tt := range []struct{ current, next, want string }{
		{"wrong but long enough", next, "invalid_credentials"},
		{"", next, "invalid_credentials"},
		{rulestest.Password, "short", "validation_failed"},
		{rulestest.Password, "password", "weak_password"},
	} {
		err := h.SignIn.ChangePassword(t.Context(), actor(own), tt.current, tt.next)
		if f := fault.As(err); f.Code != tt.want || tt.want == "validation_failed" && f.Fields["new_password"] == "" {
			t.Errorf("from %q to %q: %v, want %s", tt.current, tt.next, err, tt.want)
		}
	}
	if h.Record(other.Session.ID).Ended() {
		t.Error("another session ended")
	}
	login(t, h)
}

func TestAccountWithoutPasswordSetsOne(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddStranger()
	own := h.Enter(u)
	if err := h.SignIn.ChangePassword(t.Context(), actor(own), "", next); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SignIn.Login(t.Context(), u.Email, next, rulestest.Entry); err != nil {
		t.Error(err)
	}
}

// gone is a store of users whose caller leaves once the new password is written.
type gone struct {
	account.Store
	leave func()
}

func (g gone) ReplaceUser(ctx context.Context, u account.User, stamp bool) (account.User, error) {
	defer g.leave()
	return g.Store.ReplaceUser(ctx, u, stamp)
}

func TestPasswordChangeWhoseCallerLeavesStillEndsTheOthers(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	own, other := login(t, h), login(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	steps, accounts := *h.SignIn, *h.Accounts
	steps.Accounts, accounts.Store = &accounts, gone{h.Store, cancel}
	if err := steps.ChangePassword(ctx, actor(own), rulestest.Password, next); err != nil {
		t.Fatal(err)
	}
	ended(t, h, other.Session.ID, "credentials_changed", wire.ByUser)
	only(t, h, audit.PasswordChanged)
}

func TestReauthenticationByPassword(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	own := login(t, h)
	h.Advance(time.Hour)
	if _, err := h.SignIn.Reauthenticate(t.Context(), actor(own), "wrong but long enough"); !errors.Is(err, account.ErrInvalidCredentials) {
		t.Errorf("wrong password: %v", err)
	}
	if got := h.Record(own.Session.ID).AuthTime; !got.Equal(own.Session.AuthTime) {
		t.Error("a wrong password made auth_time fresh")
	}
	x, err := h.SignIn.Reauthenticate(t.Context(), actor(own), rulestest.Password)
	if err != nil || x.RefreshToken != "" || !x.Session.AuthTime.Equal(h.Time()) {
		t.Fatalf("%+v, %v", x, err)
	}
	only(t, h, audit.Reauthenticated)
}

// TestSignInRacingAChangeOfCredentials signs in while the password changes or the account is disabled: whoever comes
// first, no session but the one that asked survives.
func TestSignInRacingAChangeOfCredentials(t *testing.T) {
	const rounds, signIns = 8, 3
	for name, disable := range map[string]bool{"password change": false, "disable": true} {
		t.Run(name, func(t *testing.T) {
			h := rulestest.Open(t)
			u := h.AddUser(email)
			password := rulestest.Password
			for round := range rounds {
				own := h.Enter(h.Account(u.ID))
				errs := rulestest.Race(signIns+1, func(i int) error {
					if i < signIns {
						_, err := h.SignIn.Login(t.Context(), email, password, rulestest.Entry)
						return err
					}
					if disable {
						_, err := h.Staff.Disable(t.Context(), shell, u.ID, why)
						return err
					}
					return h.SignIn.ChangePassword(t.Context(), actor(own), password, next+fmt.Sprint(round))
				})
				for i, err := range errs {
					if err != nil && (i == signIns || !errors.Is(err, account.ErrInvalidCredentials)) {
						t.Fatalf("racer %d: %v", i, err)
					}
				}
				want := 0
				if disable {
					if _, err := h.Staff.Enable(t.Context(), shell, u.ID, why); err != nil {
						t.Fatal(err)
					}
				} else {
					want, password = 1, next+fmt.Sprint(round)
				}
				if n := h.Live(u.ID); n != want {
					t.Fatalf("round %d: %d sessions are live, want %d", round, n, want)
				}
				if _, _, err := h.Sessions.End(t.Context(), own.Session.ID, kick); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestPasswordChangeWithdrawsOneTimeSecrets(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser(email)
	own := login(t, h)
	secret, err := h.Grants.Give(t.Context(), grant.Grant{Purpose: "reset_password", UserID: own.User.ID, TriesLeft: 1}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SignIn.ChangePassword(t.Context(), actor(own), rulestest.Password, next); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Grants.Take(t.Context(), "reset_password", secret); !errors.Is(err, grant.ErrExpired) {
		t.Errorf("a reset link from before: %v", err)
	}
}
