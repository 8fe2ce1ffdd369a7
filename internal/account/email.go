package account

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// MaxEmail is the length of an address in bytes, MaxName that of a user's name in code points.
const (
	MaxEmail = 254
	MaxName  = 100
)

// NormalEmail trims and lower-cases an address; that form is compared, stored and returned.
func NormalEmail(email string) (string, error) {
	valid := utf8.ValidString(email) // lowering would repair it
	email = strings.ToLower(strings.TrimSpace(email))
	local, domain, ok := strings.Cut(email, "@")
	switch {
	case email == "":
		return "", fault.Field("email", "is required")
	case len(email) > MaxEmail:
		return "", fault.Field("email", "must be at most 254 bytes long")
	case !ok, local == "", domain == "", strings.Contains(domain, "@"), !valid,
		strings.ContainsFunc(email, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return "", fault.Field("email", "must be an e-mail address")
	}
	return email, nil
}

// CheckName refuses a user's name that is too long or has control characters; it may be empty.
func CheckName(name string) error {
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > MaxName || strings.ContainsFunc(name, unicode.IsControl) {
		return fault.Field("name", "must be at most 100 characters long, without control characters")
	}
	return nil
}

// Roles is a set of roles as it is stored: known ones, once each, with RoleUser, in order of power.
func Roles(roles []string) ([]string, error) {
	if len(roles) == 0 {
		return nil, fault.Field("roles", "must not be empty")
	}
	has := map[string]bool{RoleUser: true}
	for _, r := range roles {
		if r != RoleUser && r != RoleModerator && r != RoleAdmin {
			return nil, fault.Field("roles", "must be user, moderator or admin")
		}
		has[r] = true
	}
	var out []string
	for _, r := range []string{RoleUser, RoleModerator, RoleAdmin} {
		if has[r] {
			out = append(out, r)
		}
	}
	return out, nil
}
