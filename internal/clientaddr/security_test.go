package clientaddr

import (
	"fmt"
	"testing"
)

func TestThreat22_RotatingForwardedForIsOneBucket(t *testing.T) {
	want := Key(proxies.Of(request("192.0.2.1:5")))
	for i := range 100 {
		claim := fmt.Sprintf("198.51.100.%d", i)
		if got := Key(proxies.Of(request("192.0.2.1:5", claim))); got != want {
			t.Fatalf("an untrusted peer that claims %s counts as %s, want %s", claim, got, want)
		}
		// Behind a proxy that appends, what the client wrote stands left of its own address.
		if got := Key(proxies.Of(request("10.0.0.1:5", claim+", 10.0.0.7, 192.0.2.1"))); got != want {
			t.Fatalf("a client that claims %s through a proxy counts as %s, want %s", claim, got, want)
		}
	}
}

func TestThreat22_OneIPv6NetworkIsOneBucket(t *testing.T) {
	want := Key(proxies.Of(request("[2001:db8:1:2::1]:5")))
	for i := range 100 {
		peer := fmt.Sprintf("[2001:db8:1:2:%x:%x::%x]:5", i, 7*i, i+1)
		if got := Key(proxies.Of(request(peer))); got != want {
			t.Fatalf("%s counts as %s, want %s", peer, got, want)
		}
	}
	if other := Key(proxies.Of(request("[2001:db8:1:3::1]:5"))); other == want {
		t.Fatalf("the next network counts as %s too", other)
	}
}
