package clientaddr

import (
	"net/http"
	"net/netip"
	"testing"
)

var proxies = Resolver{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:f::/48")}}

func request(peer string, forwarded ...string) *http.Request {
	return &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": forwarded}}
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"peer", "192.0.2.1:5", nil, "192.0.2.1"},
		{"untrusted peer with header", "192.0.2.1:5", []string{"198.51.100.7"}, "192.0.2.1"},
		{"trusted peer without header", "10.0.0.1:5", nil, "10.0.0.1"},
		{"trusted peer with header", "10.0.0.1:5", []string{"198.51.100.7"}, "198.51.100.7"},
		{"from the right", "10.0.0.1:5", []string{"203.0.113.1, 198.51.100.7"}, "198.51.100.7"},
		{"trusted ones skipped", "10.0.0.1:5", []string{"203.0.113.1, 198.51.100.7,10.0.0.2 , 10.0.0.3"}, "198.51.100.7"},
		{"several headers are one list", "10.0.0.1:5", []string{"203.0.113.1", "198.51.100.7", "10.0.0.2"}, "198.51.100.7"},
		{"all trusted", "10.0.0.1:5", []string{"10.0.0.9, 10.0.0.8"}, "10.0.0.9"},
		{"no address", "10.0.0.1:5", []string{"198.51.100.7, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"no address at all", "10.0.0.1:5", []string{"nonsense"}, "10.0.0.1"},
		{"empty elements", "10.0.0.1:5", []string{"198.51.100.7, ,", ""}, "198.51.100.7"},
		{"port", "10.0.0.1:5", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		{"IPv6", "10.0.0.1:5", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 in brackets", "10.0.0.1:5", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv6 with port", "10.0.0.1:5", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"IPv6 proxy", "[2001:db8:f::1]:5", []string{"198.51.100.7"}, "198.51.100.7"},
		{"mapped peer is trusted as IPv4", "[::ffff:10.0.0.1]:5", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"zone", "[fe80::1%eth0]:5", nil, "fe80::1"},
		{"zone of a trusted address", "[2001:db8:f::1%x]:5", []string{"fe80::1%y"}, "fe80::1"},
		{"Unix socket", "@", []string{"198.51.100.7"}, "invalid IP"},
		{"no peer", "", nil, "invalid IP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := proxies.Of(request(c.peer, c.forwarded...)).String(); got != c.want {
				t.Errorf("Of = %s, want %s", got, c.want)
			}
		})
	}
}

func TestForwarded(t *testing.T) {
	for _, c := range []struct {
		peer, header string
		want         bool
	}{
		{"127.0.0.1:5", "", false},
		{"127.0.0.1:5", "User-Agent", false},
		{"127.0.0.1:5", "X-Forwarded-For", true},
		{"127.0.0.1:5", "x-forwarded-host", true},
		{"127.0.0.1:5", "X-Real-IP", true},
		{"127.0.0.1:5", "Forwarded", true},
		{"127.0.0.1:5", "Via", true},
		{"10.0.0.1:5", "X-Forwarded-For", false},
		{"", "X-Forwarded-For", true},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
		if c.header != "" {
			r.Header.Set(c.header, "127.0.0.1")
		}
		if got := proxies.Forwarded(r); got != c.want {
			t.Errorf("Forwarded(%s from %q) = %v, want %v", c.header, c.peer, got, c.want)
		}
	}
}

func TestKey(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":           "192.0.2.1",
		"::ffff:192.0.2.1":    "192.0.2.1",
		"2001:db8:1:2:3::4":   "2001:db8:1:2::/64",
		"fe80::1%eth0":        "fe80::/64",
		"2001:db8:1:3:3:4::5": "2001:db8:1:3::/64",
	} {
		if got := Key(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Key(%s) = %s, want %s", addr, got, want)
		}
	}
	if got := Key(netip.Addr{}); got != "unknown" {
		t.Errorf("Key of no address = %q", got)
	}
}
