// Package id makes the public ids: a prefix and 26 characters that ascend by time (ULID). An id is never a secret.
package id

import (
	"crypto/sha256"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// The prefixes, by what they name.
const (
	User       = "usr_"
	Session    = "ses_"
	Connection = "con_"
	Audit      = "aud_"
	Node       = "nod_"
	Key        = "key_"
	Passkey    = "pky_"
	Job        = "job_"
	Webhook    = "whk_"
	Request    = "req_"
)

// Length of the part behind the prefix.
const Length = ulid.EncodedSize

// New is a fresh id with the prefix. Ids of one process ascend, also within a millisecond.
func New(prefix string) string { return text(prefix, ulid.Make()) }

func text(prefix string, u ulid.ULID) string {
	var b [Length]byte
	_ = u.MarshalTextTo(b[:]) // fails only without room
	return prefix + string(b[:])
}

// Is tells whether text has the shape of an id with the prefix.
func Is(prefix, text string) bool {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return false
	}
	_, err := ulid.ParseStrict(rest)
	return err == nil
}

// Derived is an id that follows from a fact and its time, so that writing the fact's row twice writes it once.
func Derived(prefix string, at time.Time, fact string) string {
	sum := sha256.Sum256([]byte(fact))
	var u ulid.ULID
	_ = u.SetTime(ulid.Timestamp(at)) // fails only after the year 10889
	copy(u[6:], sum[:10])
	return text(prefix, u)
}
