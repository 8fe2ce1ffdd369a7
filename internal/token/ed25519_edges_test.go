package token

import (
	"bytes"
	"crypto/rand"
	"crypto/sha512"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"

	"filippo.io/edwards25519"
)

func point(t testing.TB, text string) *edwards25519.Point {
	t.Helper()
	p, err := new(edwards25519.Point).SetBytes(unhex(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// little is a number as 32 bytes, little-endian, and number what they stand for.
func little(n *big.Int) []byte { return reversed(n.FillBytes(make([]byte, 32))) }

func number(b []byte) *big.Int { return new(big.Int).SetBytes(reversed(b)) }

func reversed(b []byte) []byte {
	b = slices.Clone(b)
	slices.Reverse(b)
	return b
}

func scalar(t testing.TB, n *big.Int) *edwards25519.Scalar {
	t.Helper()
	s, err := edwards25519.NewScalar().SetCanonicalBytes(little(n))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func randomScalar(t testing.TB) *edwards25519.Scalar {
	t.Helper()
	var b [64]byte
	rand.Read(b[:])
	s, err := edwards25519.NewScalar().SetUniformBytes(b[:])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// scalars are the ones at which windows and carries have their edges, and a few hundred others. All are below the order.
func scalars(t testing.TB) (all []*edwards25519.Scalar) {
	l, top := number(unhex(t, order)), new(big.Int).Lsh(big.NewInt(1), 252)
	for d := int64(-2); d <= 2; d++ {
		for _, n := range []*big.Int{new(big.Int), l, top} {
			if n = new(big.Int).Add(n, big.NewInt(d)); n.Sign() >= 0 && n.Cmp(l) < 0 {
				all = append(all, scalar(t, n))
			}
		}
	}
	for i := range 253 {
		all = append(all, scalar(t, new(big.Int).Lsh(big.NewInt(1), uint(i))))
	}
	// Every window the same, every other, and all behind a first one: 128 takes no carry, 129 does, 255 with one is none.
	for _, window := range []byte{1, 127, 128, 129, 254, 255} {
		for _, other := range []byte{0, 127, 128, 255, window} {
			b := bytes.Repeat([]byte{window, other}, 16)
			for _, last := range []byte{0, 1, 0x0f} {
				b[0], b[31] = window, last
				all = append(all, scalar(t, number(b)))
				b[0] = 129
				all = append(all, scalar(t, number(b)))
			}
		}
	}
	for range 300 {
		all = append(all, randomScalar(t))
	}
	return all
}

// TestMultiples: every entry is the multiple that its place says, and what is added of them is the multiple by the
// scalar: also of points of small and of mixed order, where a scalar counts as it stands and not modulo the order.
func TestMultiples(t *testing.T) {
	base, small := edwards25519.NewGeneratorPoint(), point(t, odd[4])
	a := new(edwards25519.Point).ScalarBaseMult(randomScalar(t))
	for name, p := range map[string]*edwards25519.Point{
		"base": base, "small": small, "prime": a, "mixed": new(edwards25519.Point).Add(a, small),
	} {
		t.Run(name, func(t *testing.T) {
			before := p.Bytes()
			m := newMultiples(p)
			if !bytes.Equal(p.Bytes(), before) {
				t.Error("the point is changed")
			}
			step := new(edwards25519.Point).Set(p)
			for i := range m {
				want := edwards25519.NewIdentityPoint()
				for n := range m[i] {
					if m[i][n].Equal(want.Add(want, step)) != 1 {
						t.Fatalf("wrong multiple by %d of place %d", n+1, i)
					}
				}
				step = new(edwards25519.Point).ScalarMult(scalar(t, big.NewInt(256)), step)
			}
			for _, k := range scalars(t) {
				sum := edwards25519.NewIdentityPoint()
				m.add(sum, k)
				if want := new(edwards25519.Point).ScalarMult(k, p); sum.Equal(want) != 1 {
					t.Fatalf("wrong multiple by %x", reversed(k.Bytes()))
				}
			}
		})
	}
}

// TestScalarsOfSignatures: with the identity as key a signature is of any text, so that S can be chosen. It passes
// below the order, and in no other spelling.
func TestScalarsOfSignatures(t *testing.T) {
	v, l := newVerifier(unhex(t, odd[0])), number(unhex(t, order))
	for _, s := range scalars(t) {
		r := new(edwards25519.Point).ScalarBaseMult(s).Bytes()
		if !same(t, v, []byte("text"), append(r, s.Bytes()...)) {
			t.Fatalf("%x is refused", reversed(s.Bytes()))
		}
		n := number(s.Bytes())
		for n.Add(n, l); n.BitLen() <= 256; n.Add(n, l) {
			if same(t, v, []byte("text"), append(r, little(n)...)) {
				t.Fatalf("%x, which is not below the order, passes", n)
			}
		}
	}
}

// edge is a signature made to one description. Key and R are the sum of a part of prime order and one of small order,
// each of which may be nothing.
type edge struct {
	name            string
	key, r          *edwards25519.Scalar // of prime order
	keySmall, small string
	keyText, rText  string // how key and R are spelled, if not the canonical way
	hashed          bool   // by their canonical spelling
	lift            int    // how often the order is added to S
	timesEight      bool   // the equation holds times 8 only
	passes          bool
}

// make looks for a text, and tells what the library and the verifier say to it.
func (e edge) make(t *testing.T) {
	mixed := func(s *edwards25519.Scalar, small string) *edwards25519.Point {
		p := point(t, small)
		return p.Add(p, new(edwards25519.Point).ScalarBaseMult(s))
	}
	spelled := func(canonical *edwards25519.Point, text string) (as, hash []byte) {
		as, hash = canonical.Bytes(), canonical.Bytes()
		if text == "" {
			return as, hash
		}
		if as = unhex(t, text); point(t, text).Equal(canonical) != 1 {
			t.Fatal("spells another point")
		}
		if !e.hashed {
			hash = as
		}
		return as, hash
	}
	key, keyHash := spelled(mixed(e.key, e.keySmall), e.keyText)
	r, rHash := spelled(mixed(e.r, e.small), e.rText)
	v := newVerifier(key)
	for i := range 1000 {
		text := fmt.Append(nil, e.name, i)
		k, holds := e.challenge(t, rHash, keyHash, text)
		_, asItStands := e.challenge(t, r, key, text)
		if holds == e.timesEight || e.hashed && asItStands {
			continue
		}
		s := edwards25519.NewScalar().MultiplyAdd(k, e.key, e.r)
		n := number(s.Bytes())
		n.Add(n, new(big.Int).Mul(number(unhex(t, order)), big.NewInt(int64(e.lift))))
		if same(t, v, text, append(slices.Clone(r), little(n)...)) != e.passes {
			t.Errorf("passes: %v", !e.passes)
		}
		return
	}
	t.Fatal("no text found")
}

// challenge is the hash, and whether with it the parts of small order cancel each other out.
func (e edge) challenge(t *testing.T, r, key, text []byte) (k *edwards25519.Scalar, cancel bool) {
	digest := sha512.Sum512(slices.Concat(r, key, text))
	k, err := edwards25519.NewScalar().SetUniformBytes(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	rest := new(edwards25519.Point).ScalarMult(k, point(t, e.keySmall))
	return k, rest.Add(rest, point(t, e.small)).Equal(edwards25519.NewIdentityPoint()) == 1
}

// TestEdgesOfEdDSA are the twelve on which implementations differ, according to Chalkias, Garillot and Nikolaenko,
// "Taming the many EdDSAs" (2020), with the answers of crypto/ed25519. No key of ours is like these; but the sums are the
// same only if they are right for every point.
func TestEdgesOfEdDSA(t *testing.T) {
	none, identity, small := edwards25519.NewScalar(), odd[0], odd[4] // of order 8
	a, r := randomScalar(t), randomScalar(t)
	for _, e := range []edge{
		{name: "0: small key, small R", key: none, r: none, keySmall: small, small: odd[4], passes: true},
		{name: "1: small key, mixed R", key: none, r: r, keySmall: small, small: odd[7], passes: true},
		{name: "2: mixed key, small R", key: a, r: none, keySmall: small, small: odd[2], passes: true},
		{name: "3: mixed key, mixed R", key: a, r: r, keySmall: small, small: odd[1], passes: true},
		{name: "4: the same, times 8 only", key: a, r: r, keySmall: small, small: odd[1], timesEight: true},
		{name: "5: mixed key, R of prime order, times 8 only", key: a, r: r, keySmall: small, small: identity, timesEight: true},
		{name: "6: S beyond the order", key: a, r: r, keySmall: identity, small: identity, lift: 1},
		{name: "7: S far beyond the order", key: a, r: r, keySmall: identity, small: identity, lift: 14},
		{name: "8: other spelling of R, canonical in the hash", key: a, r: none, keySmall: small, small: odd[1], rText: odd[9], hashed: true},
		{name: "9: other spelling of R", key: a, r: none, keySmall: small, small: odd[1], rText: odd[9]},
		{name: "10: other spelling of the key, canonical in the hash", key: none, r: r, keySmall: odd[1], small: odd[1], keyText: odd[9], hashed: true},
		{name: "11: other spelling of the key", key: none, r: r, keySmall: odd[1], small: odd[1], keyText: odd[9], passes: true},
	} {
		t.Run(e.name, e.make)
	}
}

// TestKeyIsUsedFirstByMany: whoever comes while the multiples are made waits for them.
func TestKeyIsUsedFirstByMany(t *testing.T) {
	keys := testKeys(t)
	good, other := mustSign(t, keys, claims()), mustSign(t, keys, claims())
	forged := good[:len(good)-86] + other[len(other)-86:]
	gate := make(chan struct{})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			<-gate
			for _, raw := range []string{forged, good, forged, other} {
				if _, err := keys.Verify(raw, start); (err == nil) != (raw != forged) {
					t.Errorf("forged: %v, %v", raw == forged, err)
				}
			}
		})
	}
	close(gate)
	all.Wait()
}
