package token

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// anyLife is the longest life that a verifier elsewhere believes: it does not know the TTL that is set here.
const anyLife = 24 * time.Hour

// ParseJWKS makes keys that verify, and sign nothing, of a published key set (RFC 7517, RFC 8037). They are as strict
// as those of the server, but for the TTL, which only the server knows. A key of another kind is passed over.
func ParseJWKS(data []byte, issuer string) (*Keys, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, errors.New("the key set is not JSON")
	}
	keys := &Keys{issuer: issuer, maxLife: anyLife, byHeader: make(map[string]*key), jwks: data}
	for _, k := range set.Keys {
		public, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
		if k.KeyType != "OKP" || k.Curve != "Ed25519" || k.ID == "" || err != nil || len(public) != ed25519.PublicKeySize {
			continue
		}
		head, err := header(k.ID)
		if err != nil {
			return nil, err
		}
		keys.byHeader[head] = &key{kid: k.ID, header: head, public: public, verifier: newVerifier(public)}
	}
	if len(keys.byHeader) == 0 {
		return nil, errors.New("the key set has no Ed25519 key")
	}
	return keys, nil
}

// Knows tells whether a token begins with the header of one of the keys; it is not verified by that.
func (k *Keys) Knows(raw string, now time.Time) bool {
	_, err := k.find(raw, now)
	return err == nil
}
