package token

import (
	"crypto/rand"
	"encoding/base64"
)

const (
	secretPrefix = "gho_"
	secretSize   = 32
)

// NewSecret is a fresh one-time secret: 256 random bits. What is stored of it is its MAC.
func NewSecret() string {
	raw := make([]byte, secretSize)
	rand.Read(raw) // never fails
	return secretPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

// IsSecret tells whether text has the one form of a one-time secret, which spares a look into the store when not.
func IsSecret(text string) bool {
	_, ok := decodeExact(secretPrefix, text, secretSize)
	return ok
}
