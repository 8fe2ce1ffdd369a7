package hub

import (
	"sync"
	"syscall"
)

// poller tells when something has come on a socket, so that one that is idle needs no goroutine to wait for it: that
// would be its largest cost. Where there is no such thing (another system than Linux, a connection that is not the
// kernel's, such as one with TLS), a socket is read by a goroutine of its own instead.
type poller struct {
	mu     sync.Mutex // guards the following
	events *events    // nil: not started, or there is none
	over   bool
}

// watch has c.readable called once, when something comes or the connection breaks, and is false where that cannot be.
func (p *poller) watch(c *conn) bool {
	if nc, ok := c.net.Conn.(syscall.Conn); ok {
		if e := p.start(); e != nil {
			return e.watch(c, nc)
		}
	}
	return false
}

// forget ends the watching of a socket that has closed.
func (p *poller) forget(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.events != nil {
		p.events.forget(c)
	}
}

func (p *poller) start() *events {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.events == nil && !p.over {
		p.events = newEvents()
		p.over = p.events == nil
	}
	return p.events
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
