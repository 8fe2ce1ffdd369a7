package token

import (
	"bytes"
	"crypto/ed25519"
	"crypto/fips140"
	"crypto/sha512"
	"sync"

	"filippo.io/edwards25519"
	"github.com/golang-jwt/jwt/v5"
)

// verifier checks Ed25519 signatures of one key, with the answers of crypto/ed25519 (RFC 8032 section 5.1.7, without
// the cofactor) in a third of its time.
//
// What takes the time is a sum of two multiples of points, [S]B - [k]A. For a key that it sees for the first time
// crypto/ed25519 doubles its way through the 253 bits of both scalars. But B never changes, and A not while the key
// lives. So what a byte of a scalar can ask for is computed once, for every place that a byte can have, and a signature
// costs 64 additions. Nothing here is secret: which entries are read may show.
type verifier struct {
	public ed25519.PublicKey
	minusA func() *multiples // made when the key is first used
}

// newVerifier of a key that is no point of the curve verifies nothing.
func newVerifier(public ed25519.PublicKey) *verifier {
	v := &verifier{public: public}
	if a, err := new(edwards25519.Point).SetBytes(public); err == nil {
		v.minusA = sync.OnceValue(func() *multiples { return newMultiples(a.Negate(a)) })
	}
	return v
}

func (v *verifier) verify(text, signature []byte) bool {
	if fips140.Enabled() { // then only what is in the module counts
		return jwt.SigningMethodEdDSA.Verify(string(text), signature, v.public) == nil
	}
	if v.minusA == nil || len(signature) != ed25519.SignatureSize {
		return false
	}
	r, s := signature[:32], signature[32:]
	var factorA, factorB edwards25519.Scalar
	if _, err := factorB.SetCanonicalBytes(s); err != nil {
		return false
	}
	v.challenge(&factorA, r, text)
	sum := edwards25519.NewIdentityPoint()
	v.minusA().add(sum, &factorA)
	basePoint().add(sum, &factorB)
	return bytes.Equal(sum.Bytes(), r)
}

// challenge sets k, the hash of what the signature is about.
func (v *verifier) challenge(k *edwards25519.Scalar, r, text []byte) {
	h := sha512.New()
	h.Write(r)
	h.Write(v.public)
	h.Write(text)
	var digest [sha512.Size]byte
	if _, err := k.SetUniformBytes(h.Sum(digest[:0])); err != nil {
		panic("token: " + err.Error()) // the only error is of the length, which is constant here
	}
}

// multiples are [n·256ⁱ]P of a point P, for n from 1 to 128 and i from 0 to 31: 640 KiB, made in a millisecond.
type multiples [32][128]edwards25519.Point

var basePoint = sync.OnceValue(func() *multiples { return newMultiples(edwards25519.NewGeneratorPoint()) })

func newMultiples(p *edwards25519.Point) *multiples {
	m := new(multiples)
	p = new(edwards25519.Point).Set(p)
	for i := range m {
		m[i][0].Set(p)
		for n := 1; n < len(m[i]); n++ {
			m[i][n].Add(&m[i][n-1], p)
		}
		p.Double(&m[i][len(m[i])-1])
	}
	return m
}

// add adds [factor]P. A byte above 128 counts as what is missing to the next one. The highest never is: a scalar has
// 253 bits.
func (m *multiples) add(sum *edwards25519.Point, factor *edwards25519.Scalar) {
	carry := 0
	for i, b := range factor.Bytes() {
		n := int(b) + carry
		carry = 0
		if n > len(m[i]) {
			n, carry = n-256, 1
		}
		switch {
		case n > 0:
			sum.Add(sum, &m[i][n-1])
		case n < 0:
			sum.Subtract(sum, &m[i][-n-1])
		}
	}
}
