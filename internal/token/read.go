package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"
)

// known are the claims, in the order in which Sign writes them. None may be missing but the last.
var known = [...]string{"iss", "aud", "sub", "sid", "iat", "exp", "roles", "aal", "amr", "auth_time", "epoch", "gen", "owes"}

const required = len(known) - 1

// take takes one of the known claims, and tells whether its value is of the right type.
func (k *Keys) take(c *Claims, name string, v value) bool {
	switch name {
	case "iss":
		return v.text(&c.Issuer, k.issuer)
	case "aud":
		return v.text(&c.Audience, Audience)
	case "sub":
		return v.text(&c.Subject, "")
	case "sid":
		return v.text(&c.SessionID, "")
	case "iat":
		return v.time(&c.IssuedAt)
	case "exp":
		return v.time(&c.Expires)
	case "roles":
		return k.lists.take(&c.Roles, v)
	case "aal":
		return v.int(&c.AAL)
	case "amr":
		return k.lists.take(&c.AMR, v)
	case "auth_time":
		return v.time(&c.AuthTime)
	case "epoch":
		return v.int(&c.Epoch)
	case "gen":
		return v.int(&c.Generation)
	case "owes":
		return v.text(&c.Owes, OwesMFA)
	}
	return false
}

var (
	errClaims    = errors.New("claims are not one JSON object")
	errDuplicate = errors.New("claim stands twice")
)

func errClaim(name string) error {
	return errors.New("claim " + name + " is missing or of the wrong type")
}

// read takes every claim in its one form: none missing but owes, none twice, names in exact case, no null. Claims it
// does not know are passed over, so that nodes of two versions understand each other. Errors show no value.
//
// encoding/json by itself would let the last of two equal names win, and match names in any case: a second reader could
// then see another token. So it says whether the text is JSON, and the members are taken one by one.
func (k *Keys) read(c *Claims, body []byte) error {
	if !json.Valid(body) {
		return errClaims
	}
	o := object{text: bytes.TrimSpace(body)}
	if o.text[0] != '{' {
		return errClaims
	}
	var (
		seen   [len(known)]bool
		others []string
	)
	for o.next() {
		i := slices.IndexFunc(known[:], func(name string) bool { return string(o.name) == name })
		switch {
		case i >= 0 && seen[i], i < 0 && slices.Contains(others, string(o.name)):
			return errDuplicate
		case i < 0:
			others = append(others, string(o.name))
			continue
		case !k.take(c, known[i], o.value):
			return errClaim(known[i])
		}
		seen[i] = true
	}
	if i := slices.Index(seen[:required], false); i >= 0 {
		return errClaim(known[i])
	}
	return nil
}

// object walks the members of a JSON object. The text must be valid: its grammar is not looked at again.
type object struct {
	text []byte
	at   int // of the brace or comma before the next member

	name  []byte // without its quotes and escapes
	value value
}

// next goes to the next member, if there is one.
func (o *object) next() bool {
	o.skip(1)
	if o.at == len(o.text) || o.text[o.at] == '}' {
		return false
	}
	o.name = o.take().bytes()
	o.skip(0)
	o.skip(1) // the colon
	o.value = o.take()
	o.skip(0)
	return true
}

// skip passes over n bytes, and space.
func (o *object) skip(n int) {
	for o.at += n; o.at < len(o.text); o.at++ {
		switch o.text[o.at] {
		case ' ', '\t', '\r', '\n':
		default:
			return
		}
	}
}

// take passes over a value.
func (o *object) take() value {
	start := o.at
	for depth := 0; ; {
		switch o.text[o.at] {
		case '"':
			o.string()
		case '{', '[':
			depth++
			o.at++
		case '}', ']':
			depth--
			o.at++
		default:
			o.at++
		}
		if depth == 0 && o.ends() {
			return o.text[start:o.at]
		}
	}
}

// ends tells whether a value that is in no brackets ends here.
func (o *object) ends() bool {
	switch o.text[o.at] {
	case ',', ':', '}', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

// string passes over a string.
func (o *object) string() {
	for o.at++; o.text[o.at] != '"'; o.at++ {
		if o.text[o.at] == '\\' {
			o.at++
		}
	}
	o.at++
}

// value is a JSON value as it stands.
type value []byte

// bytes is the inside of a string, however it is spelled.
func (v value) bytes() []byte {
	inside := v[1 : len(v)-1]
	for _, b := range inside {
		if b == '\\' || b >= 0x80 {
			var text string
			_ = json.Unmarshal(v, &text) // of valid JSON, never fails
			return []byte(text)
		}
	}
	return inside
}

// text takes a string. The likely one costs no memory.
func (v value) text(into *string, likely string) bool {
	if v[0] != '"' {
		return false
	}
	if inside := v.bytes(); string(inside) == likely {
		*into = likely
	} else {
		*into = string(inside)
	}
	return true
}

// int takes a whole number without fraction or exponent.
func (v value) int(into *int) bool {
	n, err := strconv.Atoi(string(v))
	*into = n
	return err == nil
}

// time takes whole seconds.
func (v value) time(into *time.Time) bool {
	n, err := strconv.ParseInt(string(v), 10, 64)
	*into = time.Unix(n, 0).UTC()
	return err == nil
}

// lists keeps one copy of each list of roles or methods that tokens bring: there are few, and sockets hold on to them.
// Only what was signed gets here. The zero value is ready; it is safe for concurrent use.
type lists struct {
	mu     sync.RWMutex // guards the following
	byText map[string][]string
}

const maxLists = 256

func (l *lists) take(into *[]string, v value) (ok bool) {
	l.mu.RLock()
	*into, ok = l.byText[string(v)]
	l.mu.RUnlock()
	if !ok {
		*into, ok = l.parse(v)
	}
	return ok
}

func (l *lists) parse(v value) (list []string, ok bool) {
	if v[0] != '[' || json.Unmarshal(v, &list) != nil {
		return nil, false
	}
	list = slices.Clip(list) // who appends to it gets another
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byText == nil {
		l.byText = make(map[string][]string)
	}
	if len(l.byText) < maxLists {
		l.byText[string(v)] = list
	}
	return list, true
}
