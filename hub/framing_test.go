package hub

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

func TestBrokenFraming(t *testing.T) {
	giant := []byte{0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4}
	for name, test := range map[string]struct {
		bytes []byte
		code  wire.CloseCode
	}{
		"unmasked frame":          {[]byte{0x81, 0x02, '{', '}'}, wire.CloseFraming},
		"reserved bit":            {append([]byte{0xc1}, masked(true, opText, []byte("{}"))[1:]...), wire.CloseFraming},
		"reserved opcode":         {masked(true, 0x3, []byte("{}")), wire.CloseFraming},
		"reserved control opcode": {masked(true, 0xb, nil), wire.CloseFraming},
		"continuation of nothing": {masked(true, opContinuation, []byte("{}")), wire.CloseFraming},
		"message in a message":    {append(masked(false, opText, []byte("{")), masked(true, opText, []byte("}"))...), wire.CloseFraming},
		"ping in parts":           {masked(false, opPing, []byte("x")), wire.CloseFraming},
		"ping of 126 bytes":       {masked(true, opPing, make([]byte, 126)), wire.CloseFraming},
		"close of one byte":       {masked(true, opClose, []byte{3}), wire.CloseFraming},
		"close with 1005":         {masked(true, opClose, []byte{0x03, 0xed}), wire.CloseFraming},
		"close with 2000":         {masked(true, opClose, []byte{0x07, 0xd0}), wire.CloseFraming},
		"close reason not UTF-8":  {masked(true, opClose, []byte{0x03, 0xe8, 0xff}), wire.CloseInvalidUTF8},
		"length with the top bit": {[]byte{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, wire.CloseFraming},
		"giant, announced":        {giant, wire.CloseTooBig},
		"HTTP on the socket":      {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), wire.CloseFraming},
		"one byte too many":       {masked(true, opText, []byte(strings.Repeat("x", wire.MaxFrameBytes+1))), wire.CloseTooBig},
		"too long in two parts": {append(masked(false, opText, make([]byte, 20<<10)),
			masked(true, opContinuation, make([]byte, 20<<10))...), wire.CloseTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, Limits{}, func(t *testing.T, l *lab) {
				c := l.connect(l.signIn("usr_1"))
				began := time.Now()
				c.raw(test.bytes)
				c.closed(test.code)
				if f := c.last(); f.Type != "error" || f.Code != test.code.Name() || c.closedAfter(began) != 0 {
					t.Errorf("%s after %v", f.raw, c.closedAfter(began))
				}
			})
		})
	}
}

// Before authentication the same rules hold.
func TestBrokenFramingOfAWaitingSocket(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.dial(bare())
		c.raw([]byte{0x81, 0x02, '{', '}'})
		c.closed(wire.CloseFraming)
	})
}

// Frames that came whole before the breach still count.
func TestFramesBeforeABreach(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1"))
		good := masked(true, opText, []byte(`{"type":"pong","id":"good"}`))
		c.raw(append(good, masked(true, opContinuation, nil)...))
		if f := c.answer("good"); f.Type != "ack" {
			t.Error(f.raw)
		}
		c.closed(wire.CloseFraming)
	})
}

func TestNotOfTheProtocol(t *testing.T) {
	for _, text := range []string{
		"hello", "{", "[]", "null", `"x"`, "7", `{"type":7}`, `{"type":null}`, `{}`, "", `{"Type":"pong"}`, `{"type":"pong"} {}`, `{"type":"pong",}`,
	} {
		inTime(t, Limits{}, func(t *testing.T, l *lab) {
			c := l.connect(l.signIn("usr_1"))
			c.send(text)
			c.closed(wire.CloseProtocolError)
			if f := c.last(); f.Code != "protocol_error" {
				t.Error(f.raw)
			}
		})
	}
}

func TestBinaryFrame(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1"))
		c.raw(masked(true, opBinary, []byte(`{"type":"pong"}`)))
		c.closed(wire.CloseProtocolError)
	})
}

func TestNotUTF8(t *testing.T) {
	for _, bad := range []string{"\xff", "\xc3\x28", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\xaf"} {
		inTime(t, Limits{}, func(t *testing.T, l *lab) {
			c := l.connect(l.signIn("usr_1"))
			c.send(`{"type":"message","to":"devices","name":"x","data":"` + bad + `"}`)
			c.closed(wire.CloseInvalidUTF8)
			if f := c.last(); f.Code != "invalid_utf8" {
				t.Error(f.raw)
			}
		})
	}
}

func TestNesting(t *testing.T) {
	nested := func(depth int) string {
		return `{"type":"message","id":"m","to":"devices","name":"x","data":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1"))
		c.send(nested(maxDepth))
		if f := c.answer("m"); f.Type != "ack" {
			t.Error(f.raw)
		}
		if f := c.ask(`{"type":"pong","x":"` + strings.Repeat("[", 1000) + `"}`); f.Type != "ack" {
			t.Error("brackets in a string nest: ", f.raw)
		}
		c.send(nested(maxDepth + 1))
		c.closed(wire.CloseProtocolError)
	})
}

func TestMessagesInParts(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1"))
		text := []byte(`{"type":"unsubscribe","feed":"devices","id":"я€"}`)
		for i, b := range text { // characters are split too, and pings come between
			op := byte(opContinuation)
			if i == 0 {
				op = opText
			}
			c.raw(masked(i == len(text)-1, op, []byte{b}))
			if i == 20 {
				c.raw(masked(true, opPing, []byte("x")))
			}
		}
		if f := c.answer("я€"); f.Type != "ack" {
			t.Error(f.raw)
		}
	})
}

func TestLargestFrame(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1"))
		head, foot := `{"type":"pong","id":"big","x":"`, `"}`
		for n := range 3 { // each counts for itself
			c.send(head + strings.Repeat("x", wire.MaxFrameBytes-len(head)-len(foot)) + foot)
			if got := len(c.all("ack")); got != n+1 {
				t.Errorf("%d answers; %s", got, c.story())
			}
		}
	})
}

func TestUnknownTypeLeavesTheSocketOpen(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1"))
		for _, text := range []string{`{"type":"dance"}`, `{"type":""}`, `{"type":"welcome"}`, `{"type":"Pong"}`} {
			if f := c.ask(text); f.Code != "invalid_request" {
				t.Errorf("%s: %s", text, f.raw)
			}
		}
		for _, id := range []string{`7`, `{}`, `"` + strings.Repeat("x", 65) + `"`} {
			before := len(c.all("error"))
			c.send(`{"type":"pong","id":` + id + `}`)
			if got := c.all("error"); len(got) != before+1 || got[before].Code != "invalid_request" || got[before].Re != "" {
				t.Errorf("id %s: %s", id, c.story())
			}
		}
		if f := c.ask(`{"type":"mfa","code":"000000"}`); f.Code != "conflict" {
			t.Error(f.raw)
		}
		c.works()
	})
}
