package hub

import (
	"net"
	"sync"
)

// poller tells when something has come on a socket, so that one that is idle needs no goroutine to wait for it: that
// would be its largest cost. Where there is no such thing (another system than Linux, a connection that is not the
// kernel's, such as one with TLS), a socket is read by a goroutine of its own instead.
type poller struct {
	mu     sync.Mutex // guards the following
	events events     // nil: not begun, or there are none
	over   bool
}

// events is a system's way to wait for many connections at once.
type events interface {
	// watch has c.readable called once, when something comes or the connection breaks, and is false where that cannot
	// be.
	watch(c *conn) bool
	// forget ends the watching of a socket that has closed.
	forget(c *conn)
	close()
}

// watch is events.watch, where there are any.
func (p *poller) watch(c *conn) bool {
	e := p.begin(c.net.Conn)
	return e != nil && e.watch(c)
}

// ofKernel tells whether a connection is the kernel's and nothing more.
func ofKernel(nc net.Conn) bool {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// begin waits for the first connection that the kernel has.
func (p *poller) begin(nc net.Conn) events {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ofKernel(nc) && p.events == nil && !p.over {
		p.events = newEvents()
		p.over = p.events == nil
	}
	return p.events
}

func (p *poller) forget(c *conn) {
	p.mu.Lock()
	e := p.events
	p.mu.Unlock()
	if e != nil {
		e.forget(c)
	}
}

// close ends it, once there are no sockets any more.
func (p *poller) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.events != nil {
		p.events.close()
	}
	p.events, p.over = nil, true
}
