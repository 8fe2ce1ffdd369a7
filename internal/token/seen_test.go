package token

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// TestTokenSeenBeforeIsReadAnew: that its signature was good once makes nothing else good.
func TestTokenSeenBeforeIsReadAnew(t *testing.T) {
	keys := testKeys(t)
	c := claims()
	raw := mustSign(t, keys, c)
	for range 2 {
		if got, err := keys.Verify(raw, start); err != nil || got.Subject != c.Subject {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if _, err := keys.Verify(raw, start.Add(24*time.Hour)); fault.As(err) != fault.As(fault.ErrTokenExpired) {
		t.Errorf("late: %v", err)
	}
	if _, err := keys.Verify(raw, start.Add(-time.Hour)); err == nil {
		t.Error("a token of the future is good")
	}
	dot := strings.LastIndexByte(raw, '.')
	for name, other := range map[string]string{
		"other claims": raw[:dot-1] + "A" + raw[dot:], "other signature": raw[:dot+1] + "A" + raw[dot+2:], "longer": raw + "A",
	} {
		if _, err := keys.Verify(other, start); err == nil && other != raw {
			t.Errorf("%s: good", name)
		}
	}
	if n := len(keys.current.seen.recent); n != 1 {
		t.Errorf("%d tokens are remembered, of one that is good", n)
	}
}

// TestTokenIsSeenByItsKeyOnly: not even a key of the same id knows what another verified.
func TestTokenIsSeenByItsKeyOnly(t *testing.T) {
	keys := testKeys(t)
	raw := mustSign(t, keys, claims())
	for range 2 {
		if _, err := keys.Verify(raw, start); err != nil {
			t.Fatal(err)
		}
	}
	public, _, _ := ed25519.GenerateKey(nil)
	other, err := ParseJWKS(bytes.ReplaceAll(keys.JWKS(), []byte(encode(keys.current.public)), []byte(encode(public))), conf.Issuer)
	if err != nil || !other.Knows(raw, start) {
		t.Fatal("the other set has no key of that id", err)
	}
	refused(t, other, "key of the same id", raw)
	_, rest, _ := strings.Cut(raw, ".")
	for header, k := range keys.byHeader {
		if k != keys.current {
			refused(t, keys, "another key of the set", header+"."+rest)
		}
	}
}

// TestSeenByMany: however many remember and ask, nothing is remembered that was not.
func TestSeenByMany(t *testing.T) {
	var s seen
	of := func(i int, good bool) mark { return sha256.Sum256(fmt.Append(nil, i, good)) }
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 3 * mostSeen {
				if s.add(of(i, true)); s.has(of(i, false)) {
					t.Error("what was never good is remembered")
				}
				s.has(of(i/2, true))
			}
		})
	}
	all.Wait()
	if n := len(s.recent) + len(s.older); n > 2*mostSeen {
		t.Errorf("%d are remembered", n)
	}
}

func TestSeenIsBounded(t *testing.T) {
	var s seen
	used := mark(sha256.Sum256([]byte("used")))
	s.add(used)
	for i := range 5 * mostSeen {
		s.add(sha256.Sum256(fmt.Append(nil, i)))
		if !s.has(used) {
			t.Fatalf("what is in use is forgotten after %d", i)
		}
	}
	if n := len(s.recent) + len(s.older); n > 2*mostSeen+1 {
		t.Errorf("%d are remembered", n)
	}
	if s.has(sha256.Sum256(fmt.Append(nil, 0))) {
		t.Error("what nobody used is remembered")
	}
}
