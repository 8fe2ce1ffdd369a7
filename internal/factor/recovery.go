package factor

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/account"
)

// Recovery codes: how many, and how much chance is in each. They are stored as hashes under a key of the user's own,
// which is sealed: so a copy of the store gives none away, and they outlive the master secret, which a hash under that
// would not.
const (
	codeCount = 10
	codeBytes = 10 // 80 bits: 16 characters

	recoveryKeys = "recovery code key"
)

// NewRecoveryCodes replaces the user's codes. ErrNoFactor: without a second factor there is nothing to recover.
func (s *Service) NewRecoveryCodes(ctx context.Context, userID string) (codes []string, err error) {
	_, err = s.Users.Change(ctx, userID, true, func(u *account.User) error {
		if !u.HasFactor() {
			return ErrNoFactor
		}
		codes = s.renewCodes(u)
		u.AuthVersion++
		return nil
	})
	return codes, err
}

// UseRecoveryCode takes one of the codes, once: of any number of callers one gets through. Case, spaces and dashes do
// not matter. ErrInvalidCode.
func (s *Service) UseRecoveryCode(ctx context.Context, userID, code string) error {
	_, err := s.Users.Change(ctx, userID, false, func(u *account.User) error {
		i, err := s.indexOfCode(*u, code)
		if err != nil {
			return err
		}
		if i < 0 || !u.HasFactor() {
			return ErrInvalidCode
		}
		u.RecoveryCodes = slices.Delete(slices.Clone(u.RecoveryCodes), i, i+1)
		return nil
	})
	return err
}

// renewCodes gives the user fresh codes and returns them: they are nowhere else.
func (s *Service) renewCodes(u *account.User) []string {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key)
	u.RecoveryKey = s.Box.Seal(recoveryKeys, key, []byte(u.ID))
	codes := make([]string, codeCount)
	u.RecoveryCodes = make([]string, codeCount)
	for i := range codes {
		codes[i] = newCode()
		u.RecoveryCodes[i] = hashCode(key, codes[i])
	}
	return codes
}

// newCode is 16 characters in groups of four.
func newCode() string {
	raw := make([]byte, codeBytes)
	_, _ = rand.Read(raw)
	text := strings.ToLower(base32Text.EncodeToString(raw))
	return text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
}

func hashCode(key []byte, code string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(strings.ToLower(squeeze(code))))
	return hex.EncodeToString(h.Sum(nil))
}

// indexOfCode looks at every code, so that the time it takes tells nothing. It is -1 where there is none.
func (s *Service) indexOfCode(u account.User, code string) (int, error) {
	if len(u.RecoveryCodes) == 0 {
		return -1, nil
	}
	key, err := s.Box.Open(recoveryKeys, u.RecoveryKey, []byte(u.ID))
	if err != nil {
		return -1, fmt.Errorf("open recovery key: %w", err)
	}
	found, hash := -1, []byte(hashCode(key, code))
	for i, stored := range u.RecoveryCodes {
		if subtle.ConstantTimeCompare(hash, []byte(stored)) == 1 {
			found = i
		}
	}
	return found, nil
}
