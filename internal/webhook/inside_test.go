package webhook

import (
	"encoding/base64"
	"net/netip"
	"testing"
)

// TestSignatureIsThatOfTheReference is the example that the reference implementations of Standard Webhooks test with.
func TestSignatureIsThatOfTheReference(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("signed %s, want %s", got, want)
	}
}

func TestPrivateAddresses(t *testing.T) {
	for _, public := range []string{
		"1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.0", "192.167.0.1", "100.63.0.1", "100.128.0.1", "198.17.0.1", "2606:4700::1111", "::ffff:8.8.8.8",
		"64:ff9b::8.8.8.8", "2002:808:808::",
	} {
		if private(netip.MustParseAddr(public)) {
			t.Errorf("%s is taken for private", public)
		}
	}
	for _, inside := range []string{
		"127.255.255.254", "10.0.0.0", "172.31.255.255", "192.168.0.0", "169.254.0.1", "0.0.0.0", "0.1.2.3", "100.127.255.255", "192.0.0.8", "198.19.0.1",
		"240.0.0.1", "::1", "::", "::ffff:10.0.0.1", "::7f00:1", "fe80::1%lo", "fec0::1", "fc00::1", "fdff::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b:1::1",
		"2002:a00:1::", "2001::1",
	} {
		if !private(netip.MustParseAddr(inside)) {
			t.Errorf("%s is taken for public", inside)
		}
	}
}
