//go:build !race

package access_test

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

// TestTokenAllocatesLittle: what is known of revocations costs a token nothing beside its verification.
func TestTokenAllocatesLittle(t *testing.T) {
	const most = 3 // those of token.Keys.Verify
	h := rulestest.Open(t)
	x := h.Enter(h.AddStranger())
	n := testing.AllocsPerRun(100, func() {
		p, err := h.Guard.Token(x.AccessToken)
		if err != nil || h.Guard.Standing(p) != nil {
			t.Fatal(err)
		}
		h.Guard.Assure(&p)
	})
	if n > most {
		t.Errorf("a token allocates %v times, more than %d", n, most)
	}
}
