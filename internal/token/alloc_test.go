//go:build !race

package token

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// Every request and every handshake verifies a token, most of them one that came before: what that leaves for the collector counts more than it takes.
func TestVerifyAllocatesLittle(t *testing.T) {
	const most = 3 // the body, the user's id, the session's
	keys := testKeys(t)
	raw := mustSign(t, keys, claims())
	if n := testing.AllocsPerRun(100, func() { _, _ = keys.Verify(raw, start) }); n > most {
		t.Errorf("Verify allocates %v times, more than %d", n, most)
	}
}

// A refresh parses the token that came, derives it once more to compare, and derives its successor.
func TestRefreshDerivationAllocatesLittle(t *testing.T) {
	const most = 18 // three to parse, the rest two HMACs and their texts
	key, session := NewRefreshKey(), id.New(id.Session)
	text := MintRefresh(key, session, 1)
	n := testing.AllocsPerRun(100, func() {
		r, err := ParseRefresh(text)
		if err != nil || !r.Verify(key, text) {
			t.Fatal(err)
		}
		MintRefresh(key, r.SessionID, r.Generation+1)
	})
	if n > most {
		t.Errorf("a refresh allocates %v times, more than %d", n, most)
	}
}
