package token

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
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

// long is the text of TEST 1024 in RFC 8032.
//
//go:embed testdata/rfc8032_test1024.hex
var long string

// TestRFC8032 is section 7.1 of that: what its keys sign is what it says, and passes.
func TestRFC8032(t *testing.T) {
	abc := sha512.Sum512([]byte("abc"))
	for i, x := range []struct{ secret, public, text, signature string }{
		{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
		{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
		{"f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5", "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e", strings.ReplaceAll(long, "\n", ""),
			"0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03"},
		{"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42", "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf", hex.EncodeToString(abc[:]),
			"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
	} {
		private := ed25519.NewKeyFromSeed(unhex(t, x.secret))
		text, signature := unhex(t, x.text), unhex(t, x.signature)
		if hex.EncodeToString(private[32:]) != x.public || !bytes.Equal(ed25519.Sign(private, text), signature) {
			t.Errorf("test %d is copied wrong", i+1)
		}
		if !newVerifier(unhex(t, x.public)).verify(text, signature) {
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

// same is the answer of the library, which the verifier must give, too.
func same(t *testing.T, v *verifier, text, signature []byte) bool {
	t.Helper()
	got, want := v.verify(text, signature), ed25519.Verify(v.public, text, signature)
	if got != want {
		t.Errorf("%x of %q by %x: %v, the library says %v", signature, text, v.public, got, want)
	}
	return want
}

// TestVerifierAgainstTheLibrary: on signatures as they are and as they should not be, the two never differ.
func TestVerifierAgainstTheLibrary(t *testing.T) {
	public, private, _ := ed25519.GenerateKey(nil)
	v := newVerifier(public)
	for i := range 200 {
		text := fmt.Append(nil, "text ", i)
		if !same(t, v, text, ed25519.Sign(private, text)) {
			t.Fatal("a good signature is refused")
		}
	}
	text := []byte("text")
	good := ed25519.Sign(private, text)
	for bit := range 8 * len(good) {
		bad := append([]byte(nil), good...)
		bad[bit/8] ^= 1 << (bit % 8)
		same(t, v, text, bad)
	}
	same(t, v, []byte("another"), good)
	same(t, v, text, nil)
	same(t, v, text, good[:63])
	same(t, v, text, append(good, 0))

	passed := 0
	scalars := append([]string{order, "ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"}, odd[:4]...)
	for _, a := range append([]string{hex.EncodeToString(public)}, odd...) {
		v := newVerifier(unhex(t, a))
		for _, r := range append([]string{hex.EncodeToString(good[:32])}, odd...) {
			for _, s := range append([]string{hex.EncodeToString(good[32:])}, scalars...) {
				for i := range 4 {
					if same(t, v, fmt.Append(nil, i), unhex(t, r+s)) {
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
