package factor

import (
	"testing"
	"time"

	vwa "github.com/descope/virtualwebauthn"

	"github.com/gatehouse-dev/gatehouse/internal/grant"
)

func TestThreat25_OneTOTPCodeLetsOneIn(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	secret, _ := l.enrol(u)
	shown := code(t, secret, l.clock())
	if n := atOnce(t, 32, ErrInvalidCode, func() error { return l.CheckTOTP(t.Context(), u.ID, shown) }); n != 1 {
		t.Errorf("%d of 32 got in", n)
	}
	if err := l.CheckTOTP(t.Context(), u.ID, shown); !is(err, ErrInvalidCode) {
		t.Errorf("once more: %v", err)
	}
}

func TestThreat25_TheSetUpCodeIsUsed(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	e, _ := l.BeginTOTP(t.Context(), u.ID)
	shown := code(t, e.Secret, l.clock())
	if n := atOnce(t, 16, grant.ErrExpired, func() error { _, err := l.ConfirmTOTP(t.Context(), u.ID, shown); return err }); n != 1 {
		t.Errorf("%d of 16 confirmed it", n)
	}
	if err := l.CheckTOTP(t.Context(), u.ID, shown); !is(err, ErrInvalidCode) {
		t.Errorf("the set-up code signs in: %v", err)
	}
	l.pass(period * time.Second)
	if err := l.CheckTOTP(t.Context(), u.ID, code(t, e.Secret, l.clock())); err != nil {
		t.Errorf("the next code: %v", err)
	}
}

func TestThreat28_OneRecoveryCodeLetsOneIn(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	_, codes := l.enrol(u)
	if n := atOnce(t, 32, ErrInvalidCode, func() error { return l.UseRecoveryCode(t.Context(), u.ID, codes[3]) }); n != 1 {
		t.Errorf("%d of 32 got in", n)
	}
	if left := len(l.read(u.ID).RecoveryCodes); left != codeCount-1 {
		t.Errorf("%d codes left", left)
	}
}

func TestThreat30_AReplayedAssertionIsRefused(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	d, _ := l.withPasskey(u)
	c, _ := l.BeginAssertion(t.Context(), u.ID)
	answer := d.show(c)
	if n := atOnce(t, 16, grant.ErrExpired, func() error { _, err := l.Assert(t.Context(), u.ID, c.Secret, answer); return err }); n != 1 {
		t.Errorf("%d of 16 got in", n)
	}
	other, _ := l.BeginAssertion(t.Context(), u.ID)
	if _, err := l.Assert(t.Context(), u.ID, other.Secret, answer); !is(err, ErrInvalidCode) {
		t.Errorf("the answer to another challenge: %v", err)
	}
}

func TestThreat30_ForeignAssertionsAreRefused(t *testing.T) {
	l := newLab(t)
	for name, spoil := range map[string]func(*device){
		"wrong origin":      func(d *device) { d.rp.Origin = "https://evil.example.com" },
		"wrong RP id":       func(d *device) { d.rp.ID = "evil.example.com" },
		"user not present":  func(d *device) { d.auth.Options.UserNotPresent = true },
		"another key":       func(d *device) { d.cred.Key = vwa.NewCredential(vwa.KeyTypeEC2).Key },
		"unknown passkey":   func(d *device) { d.cred = vwa.NewCredential(vwa.KeyTypeEC2) },
		"foreign handle":    func(d *device) { d.auth.Options.UserHandle = []byte(l.user(true).ID) },
		"handle that is no": func(d *device) { d.auth.Options.UserHandle = []byte("../../etc") },
	} {
		t.Run(name, func(t *testing.T) {
			u := l.user(true)
			d, _ := l.withPasskey(u)
			spoil(d)
			c, _ := l.BeginAssertion(t.Context(), u.ID)
			if _, err := l.Assert(t.Context(), u.ID, c.Secret, d.show(c)); !is(err, ErrInvalidCode) {
				t.Errorf("as second factor: %v", err)
			}
			c, _ = l.BeginSignIn(t.Context())
			if _, err := l.SignIn(t.Context(), c.Secret, d.show(c)); err == nil {
				t.Error("signed in")
			}
		})
	}
}

func TestThreat30_ACounterThatGoesBackIsRefused(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	d, _ := l.withPasskey(u)
	d.cred.Counter = 10
	c, _ := l.BeginAssertion(t.Context(), u.ID)
	if _, err := l.Assert(t.Context(), u.ID, c.Secret, d.show(c)); err != nil {
		t.Fatal(err)
	}
	for _, counter := range []uint32{10, 3} {
		d.cred.Counter = counter // show adds one: 11 again, then 4
		c, _ = l.BeginAssertion(t.Context(), u.ID)
		if _, err := l.Assert(t.Context(), u.ID, c.Secret, d.show(c)); !is(err, ErrCloned) || !is(err, ErrInvalidCode) {
			t.Errorf("counter %d after 11: %v", counter+1, err)
		}
	}
}

func TestThreat30_ACeremonyAnswersOnlyItsOwnKindAndUser(t *testing.T) {
	l := newLab(t)
	u, other := l.user(true), l.user(true)
	d, _ := l.withPasskey(u)
	l.withPasskey(other)
	c, _ := l.BeginSignIn(t.Context())
	if _, err := l.Assert(t.Context(), u.ID, c.Secret, d.show(c)); !is(err, grant.ErrExpired) {
		t.Errorf("a sign-in's ceremony as second factor: %v", err)
	}
	c, _ = l.BeginAssertion(t.Context(), other.ID)
	if _, err := l.Assert(t.Context(), u.ID, c.Secret, d.show(c)); !is(err, grant.ErrExpired) {
		t.Errorf("another's ceremony: %v", err)
	}
	c, _ = l.BeginPasskey(t.Context(), other.ID)
	if _, _, err := l.AddPasskey(t.Context(), u.ID, c.Secret, "x", newDevice(t, u).register(c)); !is(err, grant.ErrExpired) {
		t.Errorf("another's registration: %v", err)
	}
}
