package hub

import (
	"net"
	"sync"
)

// newPipe is a net.Pipe of which the far end can be watched.
func newPipe() (near nearEnd, far farEnd) {
	a, b := net.Pipe()
	s := &signal{}
	return nearEnd{a, s}, farEnd{b, s}
}

// signal tells whether something waits to be read at the far end.
type signal struct {
	mu      sync.Mutex // guards the following
	writers int
	closed  bool
	watch   func() // to be called once something waits; nil: nobody asked
}

func (s *signal) change(writers int, closed bool) {
	s.mu.Lock()
	s.writers += writers
	s.closed = s.closed || closed
	s.tellLocked()
}

// tellLocked unlocks.
func (s *signal) tellLocked() {
	watch := s.watch
	if s.writers == 0 && !s.closed {
		watch = nil
	}
	if watch != nil {
		s.watch = nil
	}
	s.mu.Unlock()
	if watch != nil {
		watch()
	}
}

type nearEnd struct {
	net.Conn
	s *signal
}

func (n nearEnd) Write(p []byte) (int, error) {
	n.s.change(1, false)
	defer n.s.change(-1, false)
	return n.Conn.Write(p)
}

func (n nearEnd) Close() error {
	defer n.s.change(0, true)
	return n.Conn.Close()
}

type farEnd struct {
	net.Conn
	s *signal
}

// watchedPipes are events of pipes.
type watchedPipes struct{}

func (watchedPipes) watch(c *conn) bool {
	s := c.net.Conn.(farEnd).s
	s.mu.Lock()
	s.watch = c.readable
	s.tellLocked()
	return true
}

func (watchedPipes) forget(*conn) {}
func (watchedPipes) close()       {}
