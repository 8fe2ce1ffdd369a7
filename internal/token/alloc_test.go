//go:build !race

package token

import (
	"testing"
)

// Every request and every handshake verifies a token: what that leaves for the collector counts more than it takes.
func TestVerifyAllocatesLittle(t *testing.T) {
	const most = 4 // what was signed, the body, the user's id, the session's
	keys := testKeys(t)
	raw := mustSign(t, keys, claims())
	if n := testing.AllocsPerRun(100, func() { _, _ = keys.Verify(raw, start) }); n > most {
		t.Errorf("Verify allocates %v times, more than %d", n, most)
	}
}
