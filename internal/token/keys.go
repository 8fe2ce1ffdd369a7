package token

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

const (
	// MaxLength is how long an access token may be, in bytes.
	MaxLength = 1536
	// Leeway is how far ahead the clock of the node that issued a token may be. An expiry has none.
	Leeway = 30 * time.Second
)

// Config is what the tokens of one deployment have in common. Its nodes must agree on it.
type Config struct {
	Issuer string        // the public URL
	TTL    time.Duration // longest life of an access token, counted in whole seconds, rounded up
}

// Keys signs and verifies access tokens. It is immutable and safe for concurrent use; who follows the key set
// makes a new one when the record changes.
type Keys struct {
	issuer   string
	maxLife  time.Duration
	current  *key
	byHeader map[string]*key // by the encoded header that tokens of this key begin with
	jwks     []byte
	lists    lists
}

type key struct {
	kid        string
	header     string
	public     ed25519.PublicKey
	verifier   *verifier          // of public
	seen       seen               // what it verified
	private    ed25519.PrivateKey // of the current key only
	withdrawAt time.Time          // zero: not yet known
}

// header is the only one tokens of this key have: exactly alg, kid and typ (RFC 9068 section 2.1).
// A token's header is compared with it whole and never parsed, which leaves a forger no algorithm, type, critical
// extension or key location to choose.
func header(kid string) (string, error) {
	text, err := json.Marshal(map[string]string{"alg": jwt.SigningMethodEdDSA.Alg(), "kid": kid, "typ": "at+jwt"})
	return base64.RawURLEncoding.EncodeToString(text), err
}

// Sign makes an access token with the current key. It sets issuer and audience. A token that Verify would refuse
// for its form, or for being too long, is an internal error.
func (k *Keys) Sign(c Claims) (string, error) {
	c.Issuer, c.Audience = k.issuer, Audience
	c.IssuedAt, c.Expires, c.AuthTime = whole(c.IssuedAt), whole(c.Expires), whole(c.AuthTime)
	if err := c.shape(); err != nil {
		return "", fmt.Errorf("sign access token: %w", err)
	}
	body, err := json.Marshal(c.payload())
	if err != nil {
		return "", fmt.Errorf("sign access token: %w", err)
	}
	text := append(make([]byte, 0, MaxLength), k.current.header...)
	text = base64.RawURLEncoding.AppendEncode(append(text, '.'), body)
	signature, err := jwt.SigningMethodEdDSA.Sign(string(text), k.current.private)
	if err != nil {
		return "", fmt.Errorf("sign access token: %w", err)
	}
	text = base64.RawURLEncoding.AppendEncode(append(text, '.'), signature)
	if len(text) > MaxLength {
		return "", fmt.Errorf("sign access token: %d bytes are more than %d", len(text), MaxLength)
	}
	return string(text), nil
}

func whole(t time.Time) time.Time { return time.Unix(t.Unix(), 0).UTC() }

// Verify checks an access token at the time now. Its errors are fault.ErrInvalidToken, and fault.ErrTokenExpired,
// then together with the claims, which are genuine: a caller who knows of revocations looks at those first, because
// a revoked session is the more telling answer. A token that lives longer than the TTL allows counts as expired.
func (k *Keys) Verify(raw string, now time.Time) (c Claims, err error) {
	if err := k.verify(&c, raw, now); err != nil {
		return Claims{}, fault.ErrInvalidToken.Because(err)
	}
	if !now.Before(c.Expires) || c.Expires.Sub(c.IssuedAt) > k.maxLife {
		return c, fault.ErrTokenExpired
	}
	return c, nil
}

// verify checks everything but expiry: the header, then the signature, and only of what was signed the claims. Its
// errors show no part of the token.
func (k *Keys) verify(c *Claims, raw string, now time.Time) error {
	key, err := k.find(raw, now)
	if err != nil {
		return err
	}
	dot := strings.LastIndexByte(raw, '.')
	if !key.signed(raw, dot) {
		return errSignature
	}
	body, ok := decode(nil, raw[len(key.header)+1:dot])
	if !ok {
		return errSignature
	}
	if err := k.read(c, body); err != nil {
		return err
	}
	switch {
	case c.Issuer != k.issuer:
		return errors.New("foreign issuer")
	case c.Audience != Audience:
		return errors.New("foreign audience")
	case c.IssuedAt.After(now.Add(Leeway)):
		return errors.New("issued in the future")
	}
	return c.shape()
}

// signed tells whether what follows the dot is this key's signature of what is before.
func (k *key) signed(raw string, dot int) bool {
	var room [MaxLength]byte
	text := room[:copy(room[:], raw)]
	m := mark(sha256.Sum256(text))
	if k.seen.has(m) {
		return true
	}
	var space [ed25519.SignatureSize]byte
	signature, ok := decode(space[:0], raw[dot+1:])
	if !ok || !k.verifier.verify(text[:dot], signature) {
		return false
	}
	k.seen.add(m)
	return true
}

var errSignature = errors.New("malformed, or signature does not match")

// decode appends what the one canonical spelling of unpadded base64url stands for. The decoder alone would skip line
// ends.
func decode(to []byte, text string) ([]byte, bool) {
	to, err := base64.RawURLEncoding.Strict().AppendDecode(to, []byte(text))
	return to, err == nil && base64.RawURLEncoding.EncodedLen(len(to)) == len(text)
}

// find chooses the key by the whole header.
func (k *Keys) find(raw string, now time.Time) (*key, error) {
	if len(raw) > MaxLength {
		return nil, errors.New("too long")
	}
	head, _, _ := strings.Cut(raw, ".")
	key, ok := k.byHeader[head]
	if !ok {
		return nil, errors.New("not the header of a known key")
	}
	if strings.Count(raw, ".") != 2 {
		return nil, errors.New("not three parts")
	}
	if !key.withdrawAt.IsZero() && !now.Before(key.withdrawAt) {
		return nil, errors.New("key is withdrawn")
	}
	return key, nil
}

// JWKS is the key set as published (RFC 7517, RFC 8037): every key that verifies, and the next one, so that
// verifiers elsewhere know it before it signs. The caller must not change it.
func (k *Keys) JWKS() []byte { return k.jwks }

type jwk struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

func newJWK(k *key) jwk {
	x := base64.RawURLEncoding.EncodeToString(k.public)
	return jwk{KeyType: "OKP", Curve: "Ed25519", X: x, ID: k.kid, Use: "sig", Algorithm: "EdDSA"}
}
