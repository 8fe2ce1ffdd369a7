package hub

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

func TestDecode(t *testing.T) {
	for text, want := range map[string]request{
		`{"type":"pong"}`:                         {kind: "pong"},
		` { "id" : "a" , "type" : "auth" } `:      {kind: "auth", id: "a"},
		`{"type":"a","type":"b"}`:                 {kind: "b"},
		`{"type":"pong","id":null}`:               {kind: "pong"},
		`{"t\u0079pe":"po\u006eg","id":"\ud800"}`: {kind: "pong", id: "\ufffd"},
	} {
		r, bad, code := decode([]byte(text))
		if bad || code != 0 || r.kind != want.kind || r.id != want.id {
			t.Errorf("%s: %+v, %t, %d", text, r, bad, code)
		}
	}
}

// FuzzDecode: whatever comes, a frame that is let through is what encoding/json says it is, and can be passed on.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		`{"type":"auth","token":"x"}`, `{"type":"message","id":"1","to":{"user_id":"usr_"},"name":"x","data":[1,{"a":null}]}`,
		`{"type":7}`, `{"type":"x","id":{}}`, "\xff", `{"type":"\ud800"}`, `[]`, `null`, strings.Repeat(`{"type":`, 70), `{"type":"x","type":null}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		sent := bytes.Clone(data)
		r, bad, code := decode(data)
		if !bytes.Equal(data, sent) {
			t.Fatal("the frame was changed")
		}
		switch code {
		case 0:
		case wire.CloseInvalidUTF8:
			if utf8.Valid(data) {
				t.Fatal("called valid UTF-8 invalid")
			}
			return
		case wire.CloseProtocolError:
			var open map[string]any
			kind, sound := "", json.Unmarshal(data, &open) == nil
			if sound {
				kind, sound = open["type"].(string)
			}
			if sound && !tooDeep(data) {
				t.Fatalf("refused a frame of type %q", kind)
			}
			return
		default:
			t.Fatalf("code %d", code)
		}
		var open map[string]any
		if err := json.Unmarshal(data, &open); err != nil || open["type"] != r.kind {
			t.Fatalf("type %q of %v (%v)", r.kind, open, err)
		}
		id, isString := open["id"].(string)
		if !bad && (id != r.id || len(r.id) > wire.MaxRequestID || open["id"] != nil && !isString) {
			t.Fatalf("id %q of %v", r.id, open["id"])
		}
		if bad && (open["id"] == nil || isString && len(id) <= wire.MaxRequestID) {
			t.Fatalf("refused the id %v", open["id"])
		}
		for name, raw := range r.members {
			text, present, ok := r.text(name)
			want, isString := open[name].(string)
			if !json.Valid(raw) || ok != (open[name] == nil || isString) || ok && (text != want || present != isString) {
				t.Fatalf("member %q: %q", name, raw)
			}
		}
		recipient(r)
		if m, e := content(r); e == nil && (!json.Valid(m.Data) || len(m.Data) > wire.MaxMessageBytes || len(encode(m)) == 0) {
			t.Fatalf("message %+v", m)
		}
	})
}

// FuzzSniffer: it does not matter in what pieces the bytes come, and nothing behind a breach is sound.
func FuzzSniffer(f *testing.F) {
	f.Add(masked(true, opText, []byte(`{"type":"pong"}`)), 1)
	f.Add(append(masked(false, opText, []byte("{")), masked(true, opContinuation, []byte("}"))...), 3)
	f.Add(append(masked(true, opPing, []byte("x")), masked(true, opClose, []byte{3, 0xe8})...), 2)
	f.Add([]byte{0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4}, 5)
	f.Add(masked(true, opText, make([]byte, 40000)), 512)
	f.Add([]byte{0x88, 0x81, 0, 0, 0, 0, 0}, 1)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		whole := sniffer{}
		sound := whole.scan(data)
		if sound > len(data) || (whole.breach == nil) != (sound == len(data)) {
			t.Fatalf("%d of %d bytes sound, breach %v", sound, len(data), whole.breach)
		}
		piece = max(1, piece)
		parts, n := sniffer{}, 0
		for rest := data; len(rest) > 0 && parts.breach == nil; {
			p := rest[:min(piece, len(rest))]
			n += parts.scan(p)
			rest = rest[len(p):]
		}
		if n != sound || (parts.breach == nil) != (whole.breach == nil) || parts.breach != nil && *parts.breach != *whole.breach {
			t.Fatalf("whole: %d bytes, %v; in pieces of %d: %d bytes, %v", sound, whole.breach, piece, n, parts.breach)
		}
		if whole.message > wire.MaxFrameBytes && whole.breach == nil || len(whole.close) > maxControlPayload {
			t.Fatalf("message %d, close %d", whole.message, len(whole.close))
		}
	})
}
