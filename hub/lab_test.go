package hub

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// lab is a hub behind a real HTTP server, reached through pipes.
type lab struct {
	*world
	office *office
	t      *testing.T
	log    *bytes.Buffer
	net    dialer
	rest   func() // waits until nothing moves any more; nil in real time
}

// dialer reaches the lab's server.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// inTime runs a test in fake time, with a hub that must end clean: once with sockets that are watched while they are
// idle, and once with such as have goroutines.
func inTime(t *testing.T, limits Limits, test func(t *testing.T, l *lab)) {
	t.Helper()
	for name, watch := range map[string]events{"watched": watchedPipes{}, "not watched": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := newPipes()
				l := newLab(t, limits, ln, ln.dial, synctest.Wait)
				l.hub.poll.events = watch
				test(t, l)
			})
		})
	}
}

// overTCP makes a lab in real time, where sockets have descriptors and buffers in the kernel.
func overTCP(t *testing.T, limits Limits) *lab {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", ln.Addr().String())
	}
	return newLab(t, limits, ln, dial, nil)
}

func newLab(t *testing.T, limits Limits, ln net.Listener, dial dialer, rest func()) *lab {
	l := &lab{world: newWorld(), t: t, log: &bytes.Buffer{}, net: dial, rest: rest}
	l.office = newOffice(l.world)
	l.hub = New(Config{
		Observer: l.office, Sessions: l.office, Records: l.office,
		Node: "nod_test", Origins: []string{home}, Auth: l, Devices: l, Presence: l, Courier: l, Factors: l, Handlers: l.handlers, Limits: limits,
		ClientAddr: func(r *http.Request) netip.Addr {
			if a, err := netip.ParseAddr(r.Header.Get("X-Test-Addr")); err == nil {
				return a
			}
			return netip.MustParseAddr("192.0.2.1")
		},
		Log: slog.New(slog.NewTextHandler(l.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	server := &http.Server{Handler: l.hub}
	served := make(chan struct{})
	go func() { server.Serve(ln); close(served) }()
	t.Cleanup(func() {
		if l.rest != nil {
			l.rest()
			l.check()
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := l.hub.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		server.Close()
		<-served
		l.check()
		if n := len(l.hub.all()) + l.hub.authenticated() + len(l.hub.lobby.waiting) + len(l.hub.feeds()); n != 0 {
			t.Errorf("%d entries left in a closed hub", n)
		}
		l.office.with(func() {
			if len(l.office.follow) > 0 {
				t.Errorf("a closed hub follows %v", l.office.follow)
			}
		})
	})
	return l
}

// check demands that the hub agrees with itself, and with what it reported.
func (l *lab) check() {
	l.t.Helper()
	if err := l.hub.ConsistencyCheck(); err != nil {
		l.t.Error(err)
	}
	here := map[string]int{}
	for _, c := range l.hub.all() {
		if c.shard != nil {
			here[c.p.SessionID]++
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for session, n := range l.counts {
		if here[session] != n {
			l.t.Errorf("%d sockets of %s, reported %d", here[session], session, n)
		}
	}
	for session := range here {
		if _, told := l.counts[session]; !told {
			l.t.Errorf("sockets of %s were never reported", session)
		}
	}
}

// pipes is a listener of net.Pipe connections.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := newPipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// hello is a handshake.
type hello struct {
	protocols []string
	header    http.Header
	query     string
	deaf      bool // never reads
	mute      bool // does not answer ping
}

// bare is a handshake without a credential.
func bare() hello { return hello{protocols: []string{wire.Protocol}} }

// byCookie is what a browser on the app's own page sends.
func byCookie(value string) hello {
	return bare().with("Cookie", "session="+value).with("Origin", home)
}

func byToken(token string) hello { return hello{protocols: []string{wire.Protocol, "bearer." + token}} }

func (h hello) with(name, value string) hello {
	h.header = h.header.Clone()
	if h.header == nil {
		h.header = http.Header{}
	}
	h.header.Add(name, value)
	return h
}

// try dials, and gives the HTTP answer when it was refused.
func (l *lab) try(h hello) (*client, *http.Response) {
	l.t.Helper()
	c := &client{t: l.t, mute: h.mute}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := l.net(ctx, network, addr)
		c.net = nc
		return nc, err
	}}
	ws, resp, err := websocket.Dial(context.Background(), "ws://hub/ws"+h.query, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: h.protocols, HTTPHeader: h.header.Clone(),
	})
	if err != nil {
		transport.CloseIdleConnections()
		if resp == nil {
			l.t.Fatalf("dial: %v", err)
		}
		c.net.Close()
		return nil, resp
	}
	ws.SetReadLimit(1 << 20)
	c.ws = ws
	l.t.Cleanup(func() { c.net.Close(); ws.CloseNow() })
	if !h.deaf {
		go c.read()
	}
	return c, resp
}

func (l *lab) dial(h hello) *client {
	l.t.Helper()
	c, resp := l.try(h)
	if c == nil {
		l.t.Fatalf("handshake refused: %s", resp.Status)
	}
	return c
}

// connect dials as p and expects to be welcomed.
func (l *lab) connect(p Principal) *client {
	l.t.Helper()
	c := l.dial(byToken(p.SessionID))
	c.one("welcome")
	return c
}

// watch connects as p and subscribes to its devices.
func (l *lab) watch(p Principal) *client {
	l.t.Helper()
	c := l.connect(p)
	c.send(`{"type":"subscribe","feed":"devices","id":"sub"}`)
	c.one("devices.snapshot")
	return c
}
