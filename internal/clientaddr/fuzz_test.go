package clientaddr

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// FuzzForwarded: whatever stands in forwarding headers, a stranger is who he connects as; and what a trusted proxy adds
// at the end counts, whatever stands before it.
func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{
		"", "198.51.100.7", "198.51.100.7, 10.0.0.2", "[2001:db8::1]:443", "::ffff:10.0.0.1", "fe80::1%eth0", "unknown", "_hidden", ",,,",
		"10.0.0.1, 10.0.0.2", "[::1", "1.2.3.4:99999", "\"198.51.100.7\"", "198.51.100.7 10.0.0.2", "\x00", strings.Repeat("1.1.1.1,", 100),
	} {
		f.Add(seed, seed)
	}
	trusting := Resolver{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
	stranger, proxy := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("10.0.0.1")
	client := netip.MustParseAddr("198.51.100.23")
	f.Fuzz(func(t *testing.T, first, second string) {
		from := func(peer netip.Addr, lines ...string) *http.Request {
			return &http.Request{RemoteAddr: netip.AddrPortFrom(peer, 4711).String(), Header: http.Header{
				"X-Forwarded-For": lines, "X-Real-Ip": {first}, "Forwarded": {"for=" + second},
			}}
		}
		if got := trusting.Of(from(stranger, first, second)); got != stranger {
			t.Errorf("a stranger is taken for %s", got)
		}
		if got := (Resolver{}).Of(from(proxy, first, second)); got != proxy {
			t.Errorf("a proxy that nobody trusts is taken for %s", got)
		}
		for _, lines := range [][]string{{first, second, client.String()}, {first, second + "," + client.String()}, {first + second + ",198.51.100.23,10.0.0.2"}} {
			if got := trusting.Of(from(proxy, lines...)); got != client {
				t.Errorf("%q: the client is taken for %s", lines, got)
			}
		}
		got := trusting.Of(from(proxy, first, second))
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() || Key(got) == "unknown" {
			t.Errorf("%q, %q: the client is %s, counted as %s", first, second, got, Key(got))
		}
	})
}
