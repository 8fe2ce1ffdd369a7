package hub

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// The opcodes of RFC 6455 section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

const maxControlPayload = 125

// framingError is a breach of RFC 6455, or a message that is too long.
type framingError struct {
	code wire.CloseCode
	what string
	told bool // the WebSocket library was
}

func (e *framingError) Error() string { return "framing: " + e.what }

// sniffer checks every frame header on its way to the WebSocket library: it sees a giant when it is announced, not
// when it has come, and gives each breach its close code. Owned by whoever reads.
type sniffer struct {
	header  [14]byte
	have    uint8                    // bytes of header that have come
	open    bool                     // a message is in parts
	parts   uint32                   // of the message so far: empty ones cost no bytes
	message uint32                   // bytes of the message so far
	left    uint64                   // bytes of payload that are still to come
	close   *[maxControlPayload]byte // payload of a close frame
	breach  *framingError
}

// scan follows the frames in b and returns how much of b is sound.
func (s *sniffer) scan(b []byte) int {
	for i := 0; i < len(b); {
		if s.left > 0 {
			n := int(min(s.left, uint64(len(b)-i)))
			s.payload(b[i : i+n])
			i += n
		} else {
			s.header[s.have] = b[i]
			s.have++
			s.look()
			i++
		}
		if s.breach != nil {
			return i - 1
		}
	}
	return len(b)
}

// look judges the header as far as it has come, and starts the payload when it is whole.
func (s *sniffer) look() {
	if s.have < 2 {
		return
	}
	if s.have == 2 {
		s.lookAtStart()
	}
	extended := s.extended()
	if s.breach != nil || s.have < 2+extended {
		return
	}
	if s.have == 2+extended {
		s.lookAtLength()
	}
	if s.have < 2+extended+4 {
		return
	}
	if s.left = s.length(); s.left == 0 {
		s.finish()
	}
}

func (s *sniffer) fail(code wire.CloseCode, what string) {
	if s.breach == nil {
		s.breach = &framingError{code: code, what: what}
	}
}

func (s *sniffer) fin() bool    { return s.header[0]&0x80 != 0 }
func (s *sniffer) opcode() byte { return s.header[0] & 0x0f }

// extended is how many bytes hold the length beside the first seven bits.
func (s *sniffer) extended() uint8 {
	switch s.header[1] & 0x7f {
	case 126:
		return 2
	case 127:
		return 8
	}
	return 0
}

func (s *sniffer) length() uint64 {
	switch s.extended() {
	case 2:
		return uint64(binary.BigEndian.Uint16(s.header[2:]))
	case 8:
		return binary.BigEndian.Uint64(s.header[2:])
	}
	return uint64(s.header[1] & 0x7f)
}

// lookAtStart judges the first two bytes (RFC 6455 sections 5.1 to 5.5).
func (s *sniffer) lookAtStart() {
	if s.header[0]&0x70 != 0 {
		s.fail(wire.CloseFraming, "reserved bit")
	}
	if s.header[1]&0x80 == 0 {
		s.fail(wire.CloseFraming, "frame without mask")
	}
	switch s.opcode() {
	case opContinuation:
		if !s.open {
			s.fail(wire.CloseFraming, "continuation of nothing")
		}
	case opText, opBinary:
		if s.open {
			s.fail(wire.CloseFraming, "message within a message")
		}
	case opClose, opPing, opPong:
		if !s.fin() || s.header[1]&0x7f > maxControlPayload {
			s.fail(wire.CloseFraming, "control frame in parts or too long")
		}
		if s.opcode() == opClose && s.header[1]&0x7f == 1 {
			s.fail(wire.CloseFraming, "close of one byte")
		}
	default:
		s.fail(wire.CloseFraming, "reserved opcode")
	}
}

func (s *sniffer) lookAtLength() {
	n := s.length()
	if n>>63 != 0 {
		s.fail(wire.CloseFraming, "length with the top bit")
		return
	}
	if s.opcode() >= opClose {
		return
	}
	s.open = !s.fin()
	s.parts++
	if n > wire.MaxFrameBytes || uint64(s.message)+n > wire.MaxFrameBytes || s.parts > wire.MaxFrameBytes {
		s.fail(wire.CloseTooBig, "message too long")
	}
	s.message += uint32(n) // a longer one is a breach
	if s.fin() {
		s.message, s.parts = 0, 0
	}
}

func (s *sniffer) payload(b []byte) {
	if s.opcode() == opClose {
		s.unmask(b)
	}
	s.left -= uint64(len(b))
	if s.left == 0 {
		s.finish()
	}
}

// unmask keeps a part of a close frame's payload (RFC 6455 section 5.3).
func (s *sniffer) unmask(b []byte) {
	if s.close == nil {
		s.close = new([maxControlPayload]byte)
	}
	mask := s.header[s.have-4 : s.have]
	at := int(s.length() - s.left)
	for i, x := range b {
		s.close[at+i] = x ^ mask[(at+i)%4]
	}
}

// finish ends a frame.
func (s *sniffer) finish() {
	if s.close != nil {
		s.lookAtClose(s.close[:s.length()])
		s.close = nil
	}
	s.have = 0
}

// lookAtClose judges the payload of a close frame, of two bytes at least (RFC 6455 sections 5.5.1 and 7.4).
func (s *sniffer) lookAtClose(payload []byte) {
	code := binary.BigEndian.Uint16(payload)
	switch {
	case code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006, code >= 3000 && code <= 4999:
	default:
		s.fail(wire.CloseFraming, "close code that must not be sent")
	}
	if !utf8.Valid(payload[2:]) {
		s.fail(wire.CloseInvalidUTF8, "close reason")
	}
}
