package account

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Bounds of a password, in code points.
const (
	MinPassword = 8
	MaxPassword = 256
)

//go:embed common/passwords.txt
var commonList string // lower case, one a line; see common/LICENSE.txt

var common = sync.OnceValue(func() map[string]bool {
	set := make(map[string]bool, 6000)
	for word := range strings.Lines(commonList) {
		set[strings.TrimSpace(word)] = true
	}
	return set
})

// CheckNewPassword refuses a password that is too short, too long (validation_failed under the member's name) or
// among the most common ones (weak_password). A password is never trimmed or normalised.
func CheckNewPassword(member, password string) error {
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password), n < MinPassword, n > MaxPassword:
		return fault.Field(member, "must be 8 to 256 characters long")
	case common()[strings.ToLower(password)]:
		return ErrWeakPassword
	}
	return nil
}
