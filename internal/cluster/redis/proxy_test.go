package redis

import (
	"io"
	"net"
	"sync"
	"testing"
)

// proxy stands between one node and Redis, so that the node alone can be cut off.
type proxy struct {
	ln     net.Listener
	target string
	work   sync.WaitGroup

	mu    sync.Mutex // guards the following
	cut   bool
	conns map[net.Conn]struct{}
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{ln: ln, target: target, conns: map[net.Conn]struct{}{}}
	p.work.Go(p.serve)
	t.Cleanup(func() {
		ln.Close()
		p.sever(true)
		p.work.Wait()
	})
	return p
}

func (p *proxy) url() string { return "redis://" + p.ln.Addr().String() }

func (p *proxy) serve() {
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

func (p *proxy) pump(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	to.Close()
	from.Close()
}

// keep notes the connections, unless the proxy is cut.
func (p *proxy) keep(conns ...net.Conn) bool {
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

// sever cuts all connections and lets no new ones through, or heals.
func (p *proxy) sever(cut bool) {
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
