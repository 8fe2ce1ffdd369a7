package hub

import (
	"bufio"
	"net"
	"sync"
)

// chunk is how much is read from the network, or written to it, at once.
const chunk = 4 << 10

// chunks are the buffers of sockets that are being read or written. An idle one has none.
var chunks = sync.Pool{New: func() any { return new(buffer) }}

type buffer struct {
	data  []byte // not handed on yet
	space [chunk]byte
}

func newBuffer() *buffer {
	b := chunks.Get().(*buffer)
	b.data = b.space[:0]
	return b
}

// stream is the network connection under the WebSocket library. It sniffs at what comes, behind a breach hands over
// nothing and discards the rest, so that the last frames reach the peer before the connection is reset, and gathers
// what is written, so that frames that wait together go together.
type stream struct {
	net.Conn
	library *bufio.Reader // on top of it

	// Owned by whoever reads.
	sniffer sniffer
	in      *buffer // nil while there is nothing to read

	writing sync.Mutex // guards the following, and is held while the network is written to
	out     *buffer    // nil: writes go through
	sent    func()     // not nil: out goes with the next write, then this is called
}

// open takes a connection over, and what was read of it before.
func (s *stream) open(nc net.Conn, early []byte) {
	s.Conn = nc
	if len(early) > 0 {
		s.in = newBuffer()
		s.in.data = append(s.in.data, early...)
		s.in.data = s.in.data[:s.sniffer.scan(s.in.data)]
	}
}

// pending tells whether the library would find something without waiting.
func (s *stream) pending() bool {
	return s.in != nil && len(s.in.data) > 0 || s.sniffer.breach != nil || s.library.Buffered() > 0
}

// rest gives the buffer back, until something comes.
func (s *stream) rest() {
	if s.in != nil {
		chunks.Put(s.in)
		s.in = nil
	}
}

func (s *stream) Read(p []byte) (n int, err error) {
	if s.in == nil {
		s.in = newBuffer()
	}
	b := s.in
	if len(b.data) == 0 {
		if s.sniffer.breach != nil {
			return s.refuse()
		}
		if n, err = s.Conn.Read(b.space[:]); n == 0 {
			s.rest()
			return 0, err
		}
		b.data = b.space[:s.sniffer.scan(b.space[:n])]
	}
	n = copy(p, b.data)
	b.data = b.data[n:]
	if n == 0 && s.sniffer.breach != nil {
		return s.refuse()
	}
	return n, err
}

// refuse hands over the breach, and then reads on until the connection ends; the deadline of a closing socket bounds
// it.
func (s *stream) refuse() (int, error) {
	if b := s.sniffer.breach; !b.told {
		b.told = true
		return 0, b
	}
	for {
		if _, err := s.Conn.Read(s.in.space[:]); err != nil {
			s.rest()
			return 0, err
		}
	}
}

// gather keeps what is written until flush.
func (s *stream) gather() {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.out == nil {
		s.out = newBuffer()
	}
}

func (s *stream) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.out == nil {
		return s.Conn.Write(p)
	}
	s.out.data = append(s.out.data, p...)
	sent := s.sent
	if sent == nil {
		return len(p), nil
	}
	err := s.flushLocked()
	if err == nil {
		sent()
	}
	return len(p), err
}

// leave has what was gathered go with the next write, and sent called when it has.
func (s *stream) leave(sent func()) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.sent = sent
}

// flushNow writes what was gathered as far as the kernel takes it without waiting, and tells whether that was all. The
// rest is left to flush.
func (s *stream) flushNow() (all bool, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	b := s.out
	n, err := writeNow(s.Conn, b.data)
	if b.data = b.data[n:]; err != nil || len(b.data) > 0 {
		return false, err
	}
	s.out = nil
	chunks.Put(b)
	return true, nil
}

// flush writes what was gathered. From now on writes go through again.
func (s *stream) flush() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.flushLocked()
}

func (s *stream) flushLocked() error {
	b := s.out
	if b == nil {
		return nil
	}
	s.out, s.sent = nil, nil
	_, err := s.Conn.Write(b.data)
	chunks.Put(b)
	return err
}
