package factor

import (
	"encoding/base32"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
)

func is(err, target error) bool { return errors.Is(err, target) }

// code is what an authenticator app shows at t.
func code(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	c, err := totp.GenerateCode(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// enrol gives the user a confirmed authenticator app, and lets its code pass.
func (l *lab) enrol(u account.User) (secret string, codes []string) {
	l.t.Helper()
	e, err := l.BeginTOTP(l.t.Context(), u.ID)
	if err != nil {
		l.t.Fatal(err)
	}
	codes, err = l.ConfirmTOTP(l.t.Context(), u.ID, code(l.t, e.Secret, l.clock()))
	if err != nil {
		l.t.Fatal(err)
	}
	l.pass(period * time.Second)
	return e.Secret, codes
}

// The vectors of RFC 6238, appendix B, for SHA-1, of which six digits are shown.
func TestCodesOfRFC6238AreAccepted(t *testing.T) {
	l := newLab(t)
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	for _, v := range []struct {
		at   int64
		code string
	}{{59, "287082"}, {1111111109, "081804"}, {1111111111, "050471"}, {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}} {
		u := l.user(true)
		_, err := l.accounts.Change(t.Context(), u.ID, false, func(u *account.User) error {
			u.TOTP = &account.TOTP{Secret: l.Box.Seal(totpSecrets, []byte(secret), []byte(u.ID)), ConfirmedAt: l.clock()}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		l.mu.Lock()
		l.now = time.Unix(v.at, 0)
		l.mu.Unlock()
		if err := l.CheckTOTP(t.Context(), u.ID, v.code); err != nil {
			t.Errorf("at %d the code %s is refused: %v", v.at, v.code, err)
		}
	}
}

func TestEnrolmentTellsTheAppEverything(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	e, err := l.BeginTOTP(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	uri, err := url.Parse(e.URI)
	if err != nil || uri.Scheme != "otpauth" || uri.Host != "totp" || uri.Query().Get("secret") != e.Secret || uri.Query().Get("issuer") != "Gatehouse" ||
		!strings.Contains(uri.Path, u.Email) {
		t.Errorf("URI %q", e.URI)
	}
	if !strings.HasPrefix(e.QR, "<svg ") || strings.Contains(e.QR, e.Secret) || !strings.Contains(e.QR, `viewBox="0 0 `) {
		t.Errorf("QR code %.80q", e.QR)
	}
	stored := l.read(u.ID).TOTP
	if strings.Contains(string(stored.Secret), e.Secret) {
		t.Error("the secret is stored in clear")
	}
}

func TestTOTPCountsOnceConfirmed(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	if _, err := l.ConfirmTOTP(t.Context(), u.ID, "123456"); !is(err, grant.ErrExpired) {
		t.Errorf("confirming what was not begun: %v", err)
	}
	first, _ := l.BeginTOTP(t.Context(), u.ID)
	second, _ := l.BeginTOTP(t.Context(), u.ID)
	if l.read(u.ID).HasFactor() {
		t.Error("a begun app counts")
	}
	if _, err := l.ConfirmTOTP(t.Context(), u.ID, code(t, first.Secret, l.clock())); !is(err, ErrInvalidCode) {
		t.Errorf("the older of two begun secrets: %v", err)
	}
	before := l.read(u.ID).AuthVersion
	shown := code(t, second.Secret, l.clock())
	codes, err := l.ConfirmTOTP(t.Context(), u.ID, shown[:3]+" "+shown[3:])
	if err != nil || len(codes) != codeCount {
		t.Fatalf("confirm: %v, %d recovery codes", err, len(codes))
	}
	after := l.read(u.ID)
	if !after.HasTOTP() || after.AuthVersion != before+1 {
		t.Errorf("after confirming: %v, auth_version %d, before %d", after.HasTOTP(), after.AuthVersion, before)
	}
	if _, err := l.BeginTOTP(t.Context(), u.ID); !is(err, ErrTOTPOn) {
		t.Errorf("beginning while on: %v", err)
	}
	if _, err := l.ConfirmTOTP(t.Context(), u.ID, shown); !is(err, grant.ErrExpired) {
		t.Errorf("confirming again: %v", err)
	}
}

func TestOneStepOfDriftEitherSide(t *testing.T) {
	l := newLab(t)
	for steps, good := range map[int]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		u := l.user(true)
		secret, _ := l.enrol(u)
		l.pass(5 * period * time.Second)
		err := l.CheckTOTP(t.Context(), u.ID, code(t, secret, l.clock().Add(time.Duration(steps)*period*time.Second)))
		if (err == nil) != good {
			t.Errorf("a code %d steps off: %v", steps, err)
		}
	}
}

func TestOlderCodesAreRefusedAfterANewerOne(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	secret, _ := l.enrol(u)
	l.pass(time.Minute)
	if err := l.CheckTOTP(t.Context(), u.ID, code(t, secret, l.clock())); err != nil {
		t.Fatal(err)
	}
	if err := l.CheckTOTP(t.Context(), u.ID, code(t, secret, l.clock().Add(-period*time.Second))); !is(err, ErrInvalidCode) {
		t.Errorf("the code before the accepted one: %v", err)
	}
}

func TestMalformedCodesAreWrongCodes(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	l.enrol(u)
	for _, c := range []string{"", "12345", "1234567", "abcdef", "١٢٣٤٥٦", strings.Repeat("1", 10_000), "\x00\x00\x00\x00\x00\x00"} {
		if _, err := l.Check(t.Context(), u.ID, c); !is(err, ErrInvalidCode) {
			t.Errorf("%.20q: %v", c, err)
		}
	}
	if err := l.CheckTOTP(t.Context(), l.user(true).ID, "123456"); !is(err, ErrInvalidCode) {
		t.Errorf("a user without app: %v", err)
	}
}

func TestRemovingTheLastFactorTakesTheRecoveryCodes(t *testing.T) {
	l := newLab(t)
	u := l.user(true)
	l.enrol(u)
	before := l.read(u.ID).AuthVersion
	if _, err := l.RemoveTOTP(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	after := l.read(u.ID)
	if after.HasFactor() || len(after.RecoveryCodes) != 0 || after.AuthVersion != before+1 {
		t.Errorf("after removal: %+v", after)
	}
	if _, err := l.RemoveTOTP(t.Context(), u.ID); err != nil {
		t.Errorf("removing nothing: %v", err)
	}
}
