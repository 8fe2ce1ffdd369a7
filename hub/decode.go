package hub

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// maxDepth is how deep a client frame may nest. Data is passed on to other clients, whose parsers may recurse.
const maxDepth = 64

// request is a client frame whose envelope is sound. Members are matched exactly; of a doubled one the last counts.
type request struct {
	kind    string
	id      string
	members map[string]json.RawMessage
}

// decode reads a client frame. A code other than 0 ends the socket. Bad tells that the id is malformed, so that
// the frame can only be refused.
func decode(data []byte) (r request, bad bool, code wire.CloseCode) {
	if !utf8.Valid(data) {
		return r, false, wire.CloseInvalidUTF8
	}
	if tooDeep(data) || json.Unmarshal(data, &r.members) != nil {
		return r, false, wire.CloseProtocolError
	}
	kind, present, ok := r.text("type")
	if !ok || !present {
		return r, false, wire.CloseProtocolError
	}
	r.kind = kind
	id, _, ok := r.text("id")
	if !ok || len(id) > wire.MaxRequestID {
		return r, true, 0
	}
	r.id = id
	return r, false, 0
}

// text is a member that must be a string. Null counts as absent.
func (r request) text(name string) (value string, present, ok bool) {
	raw, present := r.members[name]
	if !present || string(raw) == "null" {
		return "", false, true
	}
	if raw[0] != '"' || json.Unmarshal(raw, &value) != nil {
		return "", true, false
	}
	return value, true, true
}

// tooDeep counts brackets outside of strings, before anything recurses.
func tooDeep(data []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return false
}
