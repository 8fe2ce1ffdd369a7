package servertest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy stands between one process and a server, so that the process alone can be cut off.
type Proxy struct {
	ln     net.Listener
	target string
	work   sync.WaitGroup

	mu    sync.Mutex // guards the following
	cut   bool
	conns map[net.Conn]struct{}
}

// StartProxy is a proxy to host:port, until the end of the test.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{ln: ln, target: target, conns: map[net.Conn]struct{}{}}
	p.work.Go(p.serve)
	t.Cleanup(func() {
		ln.Close()
		p.Sever(true)
		p.work.Wait()
	})
	return p
}

// Addr is where it listens.
func (p *Proxy) Addr() string { return p.ln.Addr().String() }

func (p *Proxy) serve() {
	for {
		in, err := p.ln.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil || !p.keep(in, out) {
			in.Close()
			continue
		}
		p.work.Go(func() { p.pump(in, out) })
		p.work.Go(func() { p.pump(out, in) })
	}
}

func (p *Proxy) pump(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	to.Close()
	from.Close()
}

// keep notes the connections, unless the proxy is cut.
func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.cut {
			c.Close()
			continue
		}
		p.conns[c] = struct{}{}
	}
	return !p.cut
}

// Sever cuts all connections and lets no new ones through, or heals.
func (p *Proxy) Sever(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	if cut {
		for c := range p.conns {
			c.Close()
		}
		clear(p.conns)
	}
}
