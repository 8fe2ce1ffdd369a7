package account_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func TestEmailHasOneForm(t *testing.T) {
	for given, want := range map[string]string{
		"ada@example.com":               "ada@example.com",
		" \tAda@Example.COM\r\n":        "ada@example.com",
		"ada+tag@example.com":           "ada+tag@example.com",
		"JÜRGEN@Müller.example":         "jürgen@müller.example",
		"a@b":                           "a@b",
		strings.Repeat("a", 252) + "@b": strings.Repeat("a", 252) + "@b",
	} {
		got, err := account.NormalEmail(given)
		if err != nil || got != want {
			t.Errorf("%q became %q, %v; want %q", given, got, err, want)
		}
		if again, err := account.NormalEmail(got); err != nil || again != got {
			t.Errorf("%q is not its own normal form: %q, %v", got, again, err)
		}
	}
}

func TestEmailThatIsNone(t *testing.T) {
	for name, given := range map[string]string{
		"empty": "", "blank": " ", "no @": "ada", "two @": "a@b@c", "no local part": "@b", "no domain": "a@",
		"a space": "a b@c", "a line end": "a@b\n.c", "a NUL": "a\x00@b", "a bell": "a\a@b", "255 bytes": strings.Repeat("a", 253) + "@b",
		"not UTF-8": "a\xff@b", "a no-break space": "a\u00a0@b", "a C1 control": "a\u0085b@c",
	} {
		_, err := account.NormalEmail(given)
		if f := fault.As(err); f.Code != "validation_failed" || f.Fields["email"] == "" {
			t.Errorf("%s: %v", name, err)
		} else if given != "" && len(given) > 3 && strings.Contains(f.Error(), strings.TrimSpace(given)) {
			t.Errorf("%s: the answer repeats the value", name)
		}
	}
}

func TestRolesAreASetWithUser(t *testing.T) {
	for _, tt := range []struct {
		given []string
		want  string
	}{
		{[]string{"user"}, "user"},
		{[]string{"admin"}, "user admin"},
		{[]string{"admin", "moderator", "admin"}, "user moderator admin"},
		{nil, ""}, {[]string{}, ""}, {[]string{"root"}, ""}, {[]string{"Admin"}, ""}, {[]string{""}, ""},
	} {
		got, err := account.Roles(tt.given)
		if strings.Join(got, " ") != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q became %q, %v", tt.given, got, err)
		}
		if err != nil && fault.As(err).Fields["roles"] == "" {
			t.Errorf("%q: %v does not name the member", tt.given, err)
		}
	}
}

func TestUserNames(t *testing.T) {
	for name, good := range map[string]bool{"": true, strings.Repeat("ü", 100): true, strings.Repeat("a", 101): false, "a\x00": false, "\xff": false} {
		if err := account.CheckName(name); (err == nil) != good {
			t.Errorf("name %q: %v", name, err)
		}
	}
}
