// Package words says what a search of staff finds: the words of addresses and names, and what a query asks of them.
// Both stores index by it and the staff feed filters by it, so that a list and its feed agree.
package words

import (
	"net/netip"
	"slices"
	"strings"
	"unicode"
)

// maxTerms bounds a query: what comes after is not looked at.
const maxTerms = 8

// Email is the words of an address: each part between .@+-_ and the whole, in lower case.
func Email(address string) []string {
	whole := strings.ToLower(strings.TrimSpace(address))
	return set(append(strings.FieldsFunc(whole, func(r rune) bool { return strings.ContainsRune(".@+-_", r) }), whole))
}

// Name is the words of a person's or a device's name: what stands between spaces, as it is and without its
// punctuation, in lower case. "Ada's (old) Mac" has ada's, ada, s, (old), old and mac.
func Name(text string) []string {
	text = strings.ToLower(text)
	return set(append(strings.FieldsFunc(text, separates), strings.Fields(text)...))
}

func separates(r rune) bool { return !unicode.In(r, unicode.Letter, unicode.Digit, unicode.Mark) }

func set(words []string) []string {
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	slices.Sort(words)
	return slices.Compact(words)
}

// Query is what a search asks for. It holds when each of Terms begins a word, or when Whole is the id or the IP
// address. The zero Query holds always.
type Query struct {
	Terms []string // in lower case
	Whole string   // as ids and addresses are written
}

// Parse reads what was typed, in any case. No character has a meaning of its own.
func Parse(q string) Query {
	terms := strings.Fields(strings.ToLower(q))
	if len(terms) == 0 {
		return Query{}
	}
	return Query{Terms: terms[:min(len(terms), maxTerms)], Whole: whole(strings.TrimSpace(q))}
}

// whole writes an id or an IP address as the records have it.
func whole(q string) string {
	if addr, err := netip.ParseAddr(q); err == nil {
		return addr.Unmap().String()
	}
	if prefix, rest, ok := strings.Cut(q, "_"); ok {
		return strings.ToLower(prefix) + "_" + strings.ToUpper(rest)
	}
	return q
}

// Any tells whether everything matches.
func (q Query) Any() bool { return len(q.Terms) == 0 }

// Match tells whether something with these words, and these ids and addresses, is found.
func (q Query) Match(words []string, wholes ...string) bool {
	if q.Any() || slices.Contains(wholes, q.Whole) {
		return true
	}
	for _, term := range q.Terms {
		if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, term) }) {
			return false
		}
	}
	return true
}
