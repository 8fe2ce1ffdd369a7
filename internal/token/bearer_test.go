package token

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func TestBearer(t *testing.T) {
	for _, tt := range []struct {
		values []string
		want   string // "": unauthenticated
	}{
		{[]string{"Bearer abc.DEF-1_2"}, "abc.DEF-1_2"},
		{[]string{"bearer abc"}, "abc"},
		{[]string{"BEARER   abc"}, "abc"},
		{[]string{"Bearer a~b+c/d=="}, "a~b+c/d=="},
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"Bearer"}, ""},
		{[]string{"Bearer "}, ""},
		{[]string{"Bearer ="}, ""},
		{[]string{"abc"}, ""},
		{[]string{"Basic dXNlcjpwYXNz"}, ""},
		{[]string{"BearerX abc"}, ""},
		{[]string{"Bearer\tabc"}, ""},
		{[]string{" Bearer abc"}, ""},
		{[]string{"Bearer abc "}, ""},
		{[]string{"Bearer abc def"}, ""},
		{[]string{"Bearer abc, Bearer def"}, ""},
		{[]string{"Bearer a=b"}, ""},
		{[]string{"Bearer abcé"}, ""},
		{[]string{"Bearer abc\n"}, ""},
		{[]string{"Bearer abc", "Bearer abc"}, ""},
		{[]string{"Bearer abc", ""}, ""},
	} {
		got, err := Bearer(tt.values)
		if got != tt.want || (tt.want == "") != errors.Is(err, fault.ErrUnauthenticated) || (tt.want != "") != (err == nil) {
			t.Errorf("Bearer(%q) = %q, %v; want %q", tt.values, got, err, tt.want)
		}
	}
}

func FuzzBearer(f *testing.F) {
	f.Add("Bearer abc")
	f.Add("bearer  a==")
	f.Add("Bearer a b")
	f.Fuzz(func(t *testing.T, value string) {
		token, err := Bearer([]string{value})
		if err != nil {
			if token != "" || !errors.Is(err, fault.ErrUnauthenticated) {
				t.Fatalf("Bearer(%q) = %q, %v", value, token, err)
			}
			return
		}
		if token == "" || strings.ContainsAny(token, " \t\r\n,;\"") || !strings.HasSuffix(value, " "+token) {
			t.Fatalf("Bearer(%q) = %q", value, token)
		}
		if again, err := Bearer([]string{"Bearer " + token}); err != nil || again != token {
			t.Fatalf("%q comes back as %q, %v", token, again, err)
		}
	})
}
