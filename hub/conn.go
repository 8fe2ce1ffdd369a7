package hub

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// phase is where an open socket is in its life.
type phase uint8

const (
	waiting  phase = iota // no authority yet
	entering              // registered, not welcomed yet: state changes, no frames
	open
	owing   // a second factor has to be shown
	limited // authority ended, Linger runs
)

// conn is one socket. Nothing else knows the WebSocket library or the network connection.
type conn struct {
	// Static after the upgrade.
	hub  *Hub
	id   string
	from netip.Prefix
	addr netip.Addr
	ws   *websocket.Conn
	net  net.Conn

	// Guarded by hub.mu.
	placed            bool // holds a place of its address
	registered        bool
	userID, sessionID string

	// Owned by the read loop.
	pace  pace
	agent string // until the socket has authenticated
	wrong int    // wrong codes in a row

	mu       sync.Mutex // guards the following
	phase    phase
	p        Principal
	debt     *debt   // while p owes a second factor
	late     *ending // how a socket ends whose cookie failed and that sends no auth frame
	final    *final  // set once: how the socket ends
	queue    [][]byte
	queued   int // bytes in queue
	flushing bool
	watches  []*watch
	clock    clock
}

// final is how a socket ends: its last frames, then the close.
type final struct {
	code      wire.CloseCode // 0: cut without a word
	frames    [][]byte
	ended     *wire.SessionEnded // its session did; told in frames
	forgotten bool               // the hub has let go of the socket: its last frames may go out
}

func newConn(h *Hub, cred Credential) *conn {
	return &conn{
		hub: h, id: id.New(id.Connection), addr: cred.Addr, from: neighbourhood(cred.Addr),
		agent: cred.UserAgent, pace: newPace(&h.limits),
	}
}

// run is the socket's goroutine: it starts it by what the handshake found, and reads until it ends.
func (c *conn) run(kind CredentialKind, p Principal, err error) {
	defer c.hub.work.Done()
	switch {
	case !c.hub.adopt(c):
		c.shut(wire.CloseRestart, c.hub.reconnect())
	case err != nil:
		c.failHandshake(kind, err)
	case kind == 0:
		c.hub.stats.handshake("waiting")
		c.await(nil)
	default:
		c.admit(p, "")
	}
	c.read()
}

func (c *conn) read() {
	for {
		kind, data, err := c.ws.Read(context.Background())
		if err != nil {
			c.readFailed(err)
			return
		}
		c.handle(kind, data)
	}
}

// readFailed ends the socket for a breach of the protocol, or because the client went.
func (c *conn) readFailed(err error) {
	var breach *framingError
	if errors.As(err, &breach) {
		c.shut(breach.code, wire.Error{Type: wire.TypeError, Code: breach.code.Name(), Detail: breach.what})
		return
	}
	name := "gone"
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusNoStatusRcvd:
		name = "normal"
	case websocket.StatusGoingAway:
		name = wire.CloseGoingAway.Name()
	}
	if c.finish(final{}, true, name) {
		c.ws.CloseNow()
	}
}

// shut ends the socket: what waits in its queue, then the frames, then the close. Only the first call counts.
func (c *conn) shut(code wire.CloseCode, frames ...any) bool {
	return c.finish(final{code: code, frames: encodeAll(frames)}, false, code.Name())
}

// end ends the socket with its session: nothing that waits is delivered any more.
func (c *conn) end(frame wire.SessionEnded) bool {
	code := wire.CloseCodeOf(frame.Reason)
	return c.finish(final{code: code, frames: encodeAll([]any{frame}), ended: &frame}, true, code.Name())
}

// slow ends a socket whose answers pile up.
func (c *conn) slow() {
	code := wire.CloseSlowConsumer
	last := wire.Error{Type: wire.TypeError, Code: code.Name()}
	c.finish(final{code: code, frames: encodeAll([]any{last})}, true, code.Name())
}

// finish decides once how the socket ends and takes it out of the hub. It does not wait. Callers hold no lock.
func (c *conn) finish(f final, drop bool, name string) bool {
	c.mu.Lock()
	if c.final != nil {
		c.mu.Unlock()
		return false
	}
	c.final = &f
	c.hub.work.Add(1) // until now the read loop counts for certain
	defer c.hub.work.Done()
	if drop {
		c.queue, c.queued = nil, 0
	}
	c.clock.stop()
	now := time.Now()
	c.net.SetWriteDeadline(now.Add(closeGrace))
	c.net.SetReadDeadline(now.Add(closeWait))
	c.mu.Unlock()

	// Memory before frames: who sees the close finds nothing of the socket in the hub any more.
	c.hub.stats.closed(name)
	left := c.hub.forget(c)
	c.mu.Lock()
	f.forgotten = true
	c.flushLocked()
	c.mu.Unlock()
	if left {
		c.hub.report(c.userID, c.sessionID)
	}
	return true
}

func (c *conn) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.final != nil
}
