// Package id makes the public ids: a prefix and 26 characters that ascend by time (ULID). An id is never a secret.
package id

import (
	"strings"

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
)

// Length of the part behind the prefix.
const Length = ulid.EncodedSize

// New is a fresh id with the prefix. Ids of one process ascend, also within a millisecond.
func New(prefix string) string { return prefix + ulid.Make().String() }

// Is tells whether text has the shape of an id with the prefix.
func Is(prefix, text string) bool {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return false
	}
	_, err := ulid.ParseStrict(rest)
	return err == nil
}
