package account_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func TestNewPasswords(t *testing.T) {
	for given, want := range map[string]string{
		"rosenkohl":                         "",
		" 8 signs":                          "", // never trimmed
		"ünïcödé!":                          "", // counted in code points
		strings.Repeat("ü", 256):            "",
		strings.Repeat("ü", 7):              "validation_failed",
		"":                                  "validation_failed",
		strings.Repeat("a", 257):            "validation_failed",
		"not UTF-8 \xff\xfe":                "validation_failed",
		"password":                          "weak_password",
		"PassWord":                          "weak_password",
		"12345678":                          "weak_password",
		"qwertyuiop":                        "weak_password",
		"password rosenkohl":                "",
		strings.Repeat("correct horse ", 5): "",
	} {
		err := account.CheckNewPassword("new_password", given)
		if got := fault.CodeOf(err); got != want {
			t.Errorf("%.20q: %v, want %q", given, err, want)
		}
		if want == "validation_failed" && fault.As(err).Fields["new_password"] == "" {
			t.Errorf("%.20q: %v does not name the member", given, err)
		}
		if want == "validation_failed" && given != "" && strings.Contains(err.Error(), given) {
			t.Errorf("%.20q: the answer repeats the password", given)
		}
	}
}
