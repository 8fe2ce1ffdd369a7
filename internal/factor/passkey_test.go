package factor

import (
	"strings"
	"testing"
	"time"

	vwa "github.com/descope/virtualwebauthn"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
)

// device is a software authenticator with one passkey.
type device struct {
	t    *testing.T
	auth vwa.Authenticator
	cred vwa.Credential
	rp   vwa.RelyingParty
}

func newDevice(t *testing.T, u account.User) *device {
	return &device{
		t: t, auth: vwa.NewAuthenticatorWithOptions(vwa.AuthenticatorOptions{UserHandle: []byte(u.ID)}), cred: newCredential(),
		rp: vwa.RelyingParty{ID: "gate.example.com", Name: "Gatehouse", Origin: origin},
	}
}

// newCredential is one whose key has coordinates of full length: the software writes shorter ones without their zeros
// in front, which is no COSE key.
func newCredential() vwa.Credential {
	for {
		if c := vwa.NewCredential(vwa.KeyTypeEC2); len(c.Key.AttestationData()) == 77 {
			return c
		}
	}
}

// register answers the options of a registration.
func (d *device) register(c Ceremony) []byte {
	d.t.Helper()
	opts, err := vwa.ParseAttestationOptions(string(c.Options))
	if err != nil {
		d.t.Fatal(err)
	}
	return []byte(vwa.CreateAttestationResponse(d.rp, d.auth, d.cred, *opts))
}

// show answers the options of an assertion, with the counter one further.
func (d *device) show(c Ceremony) []byte {
	d.t.Helper()
	opts, err := vwa.ParseAssertionOptions(string(c.Options))
	if err != nil {
		d.t.Fatal(err)
	}
	d.cred.Counter++
	return []byte(vwa.CreateAssertionResponse(d.rp, d.auth, d.cred, *opts))
}

// withPasskey registers a new device for the user.
func (l *lab) withPasskey(u account.User) (*device, account.Passkey) {
	l.t.Helper()
	d := newDevice(l.t, u)
	c, err := l.BeginPasskey(l.t.Context(), u.ID)
	if err != nil {
		l.t.Fatal(err)
	}
	p, _, err := l.AddPasskey(l.t.Context(), u.ID, c.Secret, "Key", d.register(c))
	if err != nil {
		l.t.Fatal(err)
	}
	return d, p
}

func TestPasskeySignsInWithoutAName(t *testing.T) {
	l := newLab(t)
	u := l.user(false)
	d, p := l.withPasskey(u)
	l.pass(time.Hour)
	for round := 1; round <= 2; round++ {
		c, err := l.BeginSignIn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.SignIn(t.Context(), c.Secret, d.show(c))
		if err != nil || got.User.ID != u.ID || got.Passkey.ID != p.ID || !got.Verified {
			t.Fatalf("round %d: %+v, %v", round, got, err)
		}
	}
	if used := l.read(u.ID).Passkeys[0].LastUsedAt; !used.Equal(l.clock()) {
		t.Errorf("last used at %s", used)
	}
}

func TestPasskeyWithoutVerificationSaysSo(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	d, _ := l.withPasskey(u)
	d.auth.Options.UserNotVerified = true
	c, _ := l.BeginAssertion(t.Context(), u.ID)
	if got, err := l.Assert(t.Context(), u.ID, c.Secret, d.show(c)); err != nil || got.Verified {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFirstFactorOfEitherKindGivesTheRecoveryCodes(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	c, _ := l.BeginPasskey(t.Context(), u.ID)
	p, codes, err := l.AddPasskey(t.Context(), u.ID, c.Secret, "", newDevice(t, u).register(c))
	if err != nil || len(codes) != codeCount || p.Name != "Passkey 1" {
		t.Fatalf("%+v, %d codes, %v", p, len(codes), err)
	}
	if _, codes = l.enrol(u); len(codes) != 0 {
		t.Errorf("the second factor gives %d codes", len(codes))
	}
}

func TestSeveralPasskeysAreNamedAndRemoved(t *testing.T) {
	l := newLab(t)
	u := l.user(false)
	_, first := l.withPasskey(u)
	d2, second := l.withPasskey(u)
	if _, err := l.RenamePasskey(t.Context(), u.ID, second.ID, "  Laptop "); err != nil {
		t.Fatal(err)
	}
	if got := l.read(u.ID).Passkeys[1].Name; got != "Laptop" {
		t.Errorf("name %q", got)
	}
	for _, name := range []string{"", strings.Repeat("x", 65), "a\nb"} {
		if _, err := l.RenamePasskey(t.Context(), u.ID, second.ID, name); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("name %q: %v", name, err)
		}
	}
	if err := l.RemovePasskey(t.Context(), l.user(true).ID, first.ID); !is(err, fault.ErrNotFound) {
		t.Errorf("removing another's: %v", err)
	}
	if err := l.RemovePasskey(t.Context(), u.ID, first.ID); err != nil {
		t.Fatal(err)
	}
	if err := l.RemovePasskey(t.Context(), u.ID, second.ID); !is(err, account.ErrLastCredential) {
		t.Errorf("removing the only way in: %v", err)
	}
	c, _ := l.BeginAssertion(t.Context(), u.ID)
	if _, err := l.Assert(t.Context(), u.ID, c.Secret, d2.show(c)); err != nil {
		t.Errorf("the passkey that stayed: %v", err)
	}
}

func TestAPasskeyIsRegisteredOnce(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	d, _ := l.withPasskey(u)
	c, _ := l.BeginPasskey(t.Context(), u.ID)
	if !strings.Contains(string(c.Options), "excludeCredentials") {
		t.Error("the options do not exclude what is there")
	}
	if _, _, err := l.AddPasskey(t.Context(), u.ID, c.Secret, "Again", d.register(c)); !is(err, fault.ErrConflict) {
		t.Errorf("the same passkey again: %v", err)
	}
}

func TestBackupStateMayChangeEligibilityMayNot(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	d := newDevice(t, u)
	d.auth.Options.BackupEligible = true
	c, _ := l.BeginPasskey(t.Context(), u.ID)
	if _, _, err := l.AddPasskey(t.Context(), u.ID, c.Secret, "Synced", d.register(c)); err != nil {
		t.Fatal(err)
	}
	for _, state := range []bool{true, false, true} {
		d.auth.Options.BackupState = state
		c, _ := l.BeginAssertion(t.Context(), u.ID)
		if _, err := l.Assert(t.Context(), u.ID, c.Secret, d.show(c)); err != nil {
			t.Errorf("backup state %v: %v", state, err)
		}
	}
	d.auth.Options.BackupEligible, d.auth.Options.BackupState = false, false
	c, _ = l.BeginAssertion(t.Context(), u.ID)
	if _, err := l.Assert(t.Context(), u.ID, c.Secret, d.show(c)); !is(err, ErrInvalidCode) {
		t.Errorf("eligibility changed: %v", err)
	}
}

func TestWithoutWebAuthnThereAreNoPasskeys(t *testing.T) {
	l := newLab(t)
	l.WebAuthn = nil
	u := l.user(true)
	_, err1 := l.BeginPasskey(t.Context(), u.ID)
	_, err2 := l.BeginSignIn(t.Context())
	_, err3 := l.BeginAssertion(t.Context(), u.ID)
	for _, err := range []error{err1, err2, err3} {
		if !is(err, fault.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
}

func TestCeremoniesEndAfterFiveMinutes(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	d, _ := l.withPasskey(u)
	c, _ := l.BeginAssertion(t.Context(), u.ID)
	l.pass(CeremonyLife)
	if _, err := l.Assert(t.Context(), u.ID, c.Secret, d.show(c)); !is(err, grant.ErrExpired) {
		t.Errorf("late: %v", err)
	}
}
