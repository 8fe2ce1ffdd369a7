package hub

import (
	"bytes"
	"context"
	"errors"
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

// conn is one socket. Nothing else knows the WebSocket library or the network connection. While it is idle it has no
// goroutine and no buffers: what is here is most of what it costs.
type conn struct {
	// Static after the upgrade.
	hub  *Hub
	id   string
	addr netip.Addr
	ws   *websocket.Conn
	net  stream
	part uint32 // its agenda

	placed bool    // holds a place of its address; guarded by the lobby's mu
	slot   int32   // where the poller has it; guarded by the poller
	place  int32   // on the agenda; guarded by the agenda's mu
	due    instant // guarded by the agenda's mu
	pace   pace    // owned by whoever reads

	// reading is held while the library reads: it answers pings and close frames itself then, and may wait for the peer
	// to take them. Whoever writes at once must not wait behind that, and only tries to lock it; after mu.
	reading sync.Mutex

	shard   *shard // nil: not registered; set once, under mu and the shard's
	sibling *conn  // the next of the same user; guarded by the shard's mu

	mu       sync.Mutex // guards the following
	phase    phase
	flushing bool
	p        Principal // from the registration on, ids stay as they are
	stranger *stranger // while the socket waits
	debt     *debt     // while p owes a second factor
	final    *final    // set once: how the socket ends
	queue    [][]byte
	queued   int // bytes in queue
	watches  []*watch
	clock    clock
}

// stranger is a socket that has yet to bring a credential.
type stranger struct {
	agent string  // the User-Agent of the handshake
	by    instant // when it ends if it brings none
	late  *ending // how; nil: auth_timeout
}

// final is how a socket ends: its last frames, then the close.
type final struct {
	code      wire.CloseCode // 0: cut without a word
	frames    [][]byte
	ended     *wire.SessionEnded // its session did; told in frames
	forgotten bool               // the hub has let go of the socket: its last frames may go out
	closed    bool
}

func newConn(h *Hub, cred Credential) *conn {
	return &conn{
		hub: h, id: id.New(id.Connection), addr: cred.Addr,
		part: h.placed.Add(1) % agendas, place: nowhere, slot: noSlot,
	}
}

// start begins the socket's life by what the handshake found.
func (c *conn) start(cred Credential, p Principal, err error) {
	switch {
	case !c.hub.adopt(c):
		c.shut(wire.CloseRestart, c.hub.reconnect())
	case err != nil:
		c.failHandshake(cred, err)
	case cred.Kind == 0:
		c.hub.stats.handshake("waiting")
		_ = c.net.flush() // the answer to the handshake, to a connection that has room; a broken one is found by reading
		c.await(cred, nil)
	default:
		c.admit(p, "")
	}
	if !c.park() {
		c.readable()
	}
}

// readable has a goroutine read what has come. Where it cannot be known when something has, that is the socket's
// goroutine for life.
func (c *conn) readable() { c.readBy(c.hub.start) }

// readBy has the socket read, unless it has closed. It is over when by is.
func (c *conn) readBy(by func(task)) {
	c.mu.Lock()
	closed := c.final != nil && c.final.closed
	if !closed {
		c.hub.work.Add(1)
	}
	c.mu.Unlock()
	if !closed {
		by(task{c, (*conn).read})
	}
}

// read takes messages until nothing more has come or, on a socket that ends, until it has: a client that waits to be
// read may not read either.
func (c *conn) read() {
	for {
		c.reading.Lock()
		kind, data, err := c.message()
		c.reading.Unlock()
		if err != nil {
			c.readFailed(err)
			return
		}
		c.handle(kind, data.Bytes())
		buffers.Put(data)
		if c.park() {
			return
		}
	}
}

// message waits for a message. Its data goes back to the buffers.
func (c *conn) message() (websocket.MessageType, *bytes.Buffer, error) {
	kind, r, err := c.ws.Reader(context.Background())
	if err != nil {
		return 0, nil, err
	}
	data := buffers.Get().(*bytes.Buffer)
	data.Reset()
	if _, err := data.ReadFrom(r); err != nil {
		buffers.Put(data)
		return 0, nil, err
	}
	return kind, data, nil
}

// buffers hold messages while they are read. What is decoded of them is copied.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// park has readable called when something comes. It is false when something has come already, when the socket ends, or
// where it cannot be known. Else the goroutine that read is no longer the one that reads: the next one is, or whoever
// closes the socket.
func (c *conn) park() bool {
	c.mu.Lock()
	rests := c.final == nil && !c.net.pending()
	if rests {
		c.net.rest()
	}
	c.mu.Unlock()
	return rests && c.hub.poll.watch(c)
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
	c.hub.work.Add(1) // the socket itself counts until it has closed
	defer c.hub.work.Done()
	if drop {
		c.queue, c.queued = nil, 0
	}
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
		c.hub.report(c.p.UserID, c.p.SessionID)
	}
	return true
}

func (c *conn) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.final != nil
}
