package token

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"testing"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRFC8032 is section 7.1 of that.
func TestRFC8032(t *testing.T) {
	for i, x := range []struct{ public, text, signature string }{
		{"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
		{"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
	} {
		if !newVerifier(unhex(t, x.public)).verify(unhex(t, x.text), unhex(t, x.signature)) {
			t.Errorf("test %d is refused", i+1)
		}
	}
}

// order is that of the base point, little-endian.
const order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"

// odd are encodings of points that implementations differ over: the eight of small order, spellings of them that are
// not canonical, and what is no point.
var odd = []string{
	"0100000000000000000000000000000000000000000000000000000000000000", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000000", "0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"0100000000000000000000000000000000000000000000000000000000000080", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"0200000000000000000000000000000000000000000000000000000000000000", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
}

// TestVerifierAgainstTheLibrary: on signatures as they are and as they should not be, the two never differ.
func TestVerifierAgainstTheLibrary(t *testing.T) {
	same := func(v *verifier, text, signature []byte) bool {
		t.Helper()
		got, want := v.verify(text, signature), ed25519.Verify(v.public, text, signature)
		if got != want {
			t.Errorf("%x of %q by %x: %v, the library says %v", signature, text, v.public, got, want)
		}
		return want
	}
	public, private, _ := ed25519.GenerateKey(nil)
	v := newVerifier(public)
	for i := range 200 {
		text := fmt.Append(nil, "text ", i)
		if !same(v, text, ed25519.Sign(private, text)) {
			t.Fatal("a good signature is refused")
		}
	}
	text := []byte("text")
	good := ed25519.Sign(private, text)
	for bit := range 8 * len(good) {
		bad := append([]byte(nil), good...)
		bad[bit/8] ^= 1 << (bit % 8)
		same(v, text, bad)
	}
	same(v, []byte("another"), good)
	same(v, text, nil)
	same(v, text, good[:63])
	same(v, text, append(good, 0))

	passed := 0
	scalars := append([]string{order, "ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"}, odd[:4]...)
	for _, a := range append([]string{hex.EncodeToString(public)}, odd...) {
		v := newVerifier(unhex(t, a))
		for _, r := range append([]string{hex.EncodeToString(good[:32])}, odd...) {
			for _, s := range append([]string{hex.EncodeToString(good[32:])}, scalars...) {
				for i := range 4 {
					if same(v, fmt.Append(nil, i), unhex(t, r+s)) {
						passed++
					}
				}
			}
		}
	}
	if passed == 0 {
		t.Error("of the odd signatures none passes, though with a key of small order some must")
	}
}

// TestVerifierRefusesASecondSpellingOfS: s and s plus the order are one scalar, and only one of them a signature.
func TestVerifierRefusesASecondSpellingOfS(t *testing.T) {
	public, private, _ := ed25519.GenerateKey(nil)
	signature := ed25519.Sign(private, nil)
	carry, l := 0, unhex(t, order)
	for i, b := range l {
		n := int(signature[32+i]) + int(b) + carry
		signature[32+i], carry = byte(n), n>>8
	}
	if newVerifier(public).verify(nil, signature) {
		t.Error("s plus the order passes")
	}
}

func FuzzVerifier(f *testing.F) {
	public, private, _ := ed25519.GenerateKey(nil)
	f.Add([]byte(public), []byte("text"), ed25519.Sign(private, []byte("text")))
	f.Fuzz(func(t *testing.T, public, text, signature []byte) {
		if len(public) != ed25519.PublicKeySize {
			return
		}
		if got, want := newVerifier(public).verify(text, signature), ed25519.Verify(public, text, signature); got != want {
			t.Fatalf("%v, the library says %v", got, want)
		}
	})
}

func BenchmarkVerifier(b *testing.B) {
	public, private, _ := ed25519.GenerateKey(nil)
	texts, signatures := make([][]byte, 512), make([][]byte, 512)
	for i := range texts {
		texts[i] = append(fmt.Append(nil, i), make([]byte, 500)...)
		signatures[i] = ed25519.Sign(private, texts[i])
	}
	v := newVerifier(public)
	for name, verify := range map[string]func(text, signature []byte) bool{
		"ours": v.verify, "library": func(text, signature []byte) bool { return ed25519.Verify(public, text, signature) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if !verify(texts[i%512], signatures[i%512]) {
					b.Fatal("refused")
				}
			}
		})
	}
}
