package words

import (
	"slices"
	"testing"
)

func TestWords(t *testing.T) {
	tests := map[string]struct{ got, want []string }{
		"address":        {Email("Ada.Love-lace+x_y@Example.COM"), []string{"ada", "ada.love-lace+x_y@example.com", "com", "example", "lace", "love", "x", "y"}},
		"no address":     {Email(""), nil},
		"name":           {Name("Ada's (old)  Mac"), []string{"(old)", "ada", "ada's", "mac", "old", "s"}},
		"unicode name":   {Name("ÉMILE Ångström 東京"), []string{"ångström", "émile", "東京"}},
		"no name":        {Name(" \t"), nil},
		"wildcards":      {Name("100% _x"), []string{"100", "100%", "_x", "x"}},
		"repeated words": {Name("a A a"), []string{"a"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			slices.Sort(tt.want)
			if !slices.Equal(tt.got, tt.want) {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	words := append(Email("ada.lovelace@example.com"), Name("Ada's Mac")...)
	wholes := []string{"ses_01J0000000000000000000ABCD", "192.0.2.7", "2001:db8::1"}
	tests := map[string]bool{
		"":                               true,
		"  ":                             true,
		"AD":                             true,
		"love":                           true,
		"ada.lovelace@ex":                true,
		"ada mac":                        true,
		"lace":                           false, // no word begins so
		"ada windows":                    false, // every term counts
		"lovelace@ex":                    false, // neither a part nor the whole's beginning
		"%":                              false,
		"192.0.2.7":                      true,
		"192.0.2":                        false,
		"2001:DB8:0::1":                  true,
		"::ffff:192.0.2.7":               true,
		"SES_01j0000000000000000000abcd": true,
		"ses_01J0000000000000000000ABC":  false,
	}
	for q, want := range tests {
		if got := Parse(q).Match(words, wholes...); got != want {
			t.Errorf("%q: got %v, want %v", q, got, want)
		}
	}
}
