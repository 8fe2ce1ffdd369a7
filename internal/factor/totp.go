package factor

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
)

// Parameters of TOTP (RFC 6238): what all authenticator apps know.
const (
	period     = 30 // seconds
	digits     = otp.DigitsSix
	drift      = 1 // steps either side
	secretSize = 20

	totpSecrets = "totp secret" // the purpose under which secrets are sealed
)

// Enrolment is what an authenticator app has to be told.
type Enrolment struct {
	Secret string // base32, for typing
	URI    string // otpauth://
	QR     string // the URI as an SVG
}

// BeginTOTP makes a secret, which counts once ConfirmTOTP has seen a code of it. Begun again, the newer one counts.
// ErrTOTPOn.
func (s *Service) BeginTOTP(ctx context.Context, userID string) (Enrolment, error) {
	var key *otp.Key
	_, err := s.Users.Change(ctx, userID, false, func(u *account.User) (err error) {
		if u.HasTOTP() {
			return ErrTOTPOn
		}
		key, err = totp.Generate(totp.GenerateOpts{Issuer: s.Issuer, AccountName: u.Email, Period: period, Digits: digits, SecretSize: secretSize})
		if err != nil {
			return fmt.Errorf("make totp secret: %w", err)
		}
		u.TOTP = &account.TOTP{Secret: s.Box.Seal(totpSecrets, []byte(key.Secret()), []byte(u.ID))}
		return nil
	})
	if err != nil {
		return Enrolment{}, err
	}
	svg, err := drawQR(key.URL())
	if err != nil {
		return Enrolment{}, fmt.Errorf("draw QR code: %w", err)
	}
	return Enrolment{Secret: key.Secret(), URI: key.URL(), QR: svg}, nil
}

// ConfirmTOTP makes the begun secret count. The code is used by it: it signs nobody in any more. The first factor of
// a user brings recovery codes. The caller announces it: the session that showed the code owes nothing. ErrInvalidCode;
// grant.ErrExpired when nothing was begun.
func (s *Service) ConfirmTOTP(ctx context.Context, userID, code string) (codes []string, err error) {
	_, err = s.Users.Stamp(ctx, userID, func(u *account.User) error {
		codes = nil
		if u.TOTP == nil || u.HasTOTP() {
			return grant.ErrExpired
		}
		step, err := s.step(*u, code)
		if err != nil {
			return err
		}
		if !u.HasFactor() {
			codes = s.renewCodes(u)
		}
		t := *u.TOTP
		t.ConfirmedAt, t.LastStep = s.Now(), step
		u.TOTP = &t
		u.AuthVersion++
		return nil
	})
	return codes, err
}

// CheckTOTP accepts a code of a step that was not accepted before, nor is older than one that was. ErrInvalidCode.
func (s *Service) CheckTOTP(ctx context.Context, userID, code string) error {
	_, err := s.Users.Change(ctx, userID, false, func(u *account.User) error {
		if !u.HasTOTP() {
			return ErrInvalidCode
		}
		step, err := s.step(*u, code)
		if err != nil {
			return err
		}
		t := *u.TOTP
		t.LastStep = step
		u.TOTP = &t
		return nil
	})
	return err
}

// RemoveTOTP takes the authenticator app away, confirmed or only begun, and tells whether it was a factor. Without one
// it does nothing.
func (s *Service) RemoveTOTP(ctx context.Context, userID string) (removed bool, err error) {
	_, err = s.Users.Change(ctx, userID, true, func(u *account.User) error {
		if removed = u.HasTOTP(); u.TOTP == nil {
			return account.ErrUnchanged
		}
		u.TOTP = nil
		leave(u)
		return nil
	})
	return removed && err == nil, err
}

// step is the time step whose code this is: of those about now, the first that is later than the last accepted one
// (RFC 6238 section 5.2).
func (s *Service) step(u account.User, code string) (int64, error) {
	secret, err := s.Box.Open(totpSecrets, u.TOTP.Secret, []byte(u.ID))
	if err != nil {
		return 0, err
	}
	code, now := squeeze(code), stepAt(s.Now())
	opts := hotp.ValidateOpts{Digits: digits, Algorithm: otp.AlgorithmSHA1}
	for step := now - drift; step <= now+drift; step++ {
		if step <= u.TOTP.LastStep {
			continue
		}
		ok, err := hotp.ValidateCustom(code, uint64(step), string(secret), opts)
		if err != nil && !errors.Is(err, otp.ErrValidateInputInvalidLength) {
			return 0, fmt.Errorf("check code: %w", err)
		}
		if ok {
			return step, nil
		}
	}
	return 0, ErrInvalidCode
}

func stepAt(t time.Time) int64 { return t.Unix() / period }

// squeeze takes out what people put into a code to read it better.
func squeeze(code string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\u00a0' {
			return -1
		}
		return r
	}, code)
}

func looksLikeTOTP(code string) bool {
	code = squeeze(code)
	return len(code) == digits.Length() && strings.Trim(code, "0123456789") == ""
}

// base32Text is the alphabet of typed secrets, without padding.
var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)
