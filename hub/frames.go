package hub

import (
	"context"
	"encoding/json"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// plainPong is what an idle client sends. Nothing of it has to be decoded.
const plainPong = `{"type":"pong"}`

// handle takes one message of the client.
func (c *conn) handle(kind websocket.MessageType, data []byte) {
	c.hub.stats.framesIn.Add(1)
	p, alive := c.hear()
	if !alive {
		return
	}
	if kind != websocket.MessageText {
		c.breach(wire.CloseProtocolError, "binary frame")
		return
	}
	if p != waiting && string(data) == plainPong {
		c.paced(request{})
		return
	}
	r, bad, code := decode(data)
	switch {
	case code != 0:
		c.breach(code, "not a JSON object with a string type")
	case !c.paced(r):
	case p == waiting && r.kind != wire.TypeAuth:
		c.fail(*endingNamed(wire.CloseUnauthenticated), r.id)
	case bad:
		c.invalid(r, "id is a string of at most 64 bytes")
	default:
		c.dispatch(p, r)
	}
}

func (c *conn) dispatch(p phase, r request) {
	switch {
	case r.kind == wire.TypeAuth:
		c.handleAuth(r)
	case r.kind == wire.TypePong:
		c.handlePong(r)
	case p == limited:
		c.refuse(r, &Error{Code: wire.CloseTokenExpired.Name()})
	case p == owing && r.kind != wire.TypeMFA:
		c.refuse(r, c.unpaid())
	default:
		c.request(r)
	}
}

// request takes what a socket with authority may ask.
func (c *conn) request(r request) {
	switch r.kind {
	case wire.TypeSubscribe:
		c.handleSubscribe(r)
	case wire.TypeUnsubscribe:
		c.handleUnsubscribe(r)
	case wire.TypeMessage:
		c.handleMessage(r)
	case wire.TypeMFA:
		c.handleMFA(r)
	default:
		c.invalid(r, "unknown type")
	}
}

// hear notes that the client is alive: any frame counts as a pong. Authority is looked at here too, so that a late
// timer lengthens none.
func (c *conn) hear() (p phase, alive bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock.heard = true
	c.expireLocked(time.Now())
	return c.phase, c.final == nil
}

// paced counts a frame, and refuses it when it is one too many.
func (c *conn) paced(r request) bool {
	wait, tired := c.pace.frame(&c.hub.limits, c.hub.now())
	if wait == 0 {
		return true
	}
	c.hub.stats.limited.Add(1)
	e := &Error{Code: wire.CloseRateLimited.Name(), RetryAfter: wait}
	if tired {
		e.RetryAfter = comeBackLater
		c.fail(*endingOf(e), r.id)
		return false
	}
	c.refuse(r, e)
	return false
}

// protocolPing counts the pings of RFC 6455 like frames, and tells whether to answer.
func (c *conn) protocolPing(context.Context, []byte) bool {
	_, alive := c.hear()
	return alive && c.paced(request{})
}

func (c *conn) protocolPong(context.Context, []byte) {
	if _, alive := c.hear(); alive {
		c.paced(request{})
	}
}

func (c *conn) handlePong(r request) { c.ack(r) }

// ack answers a request that carried an id.
func (c *conn) ack(r request) { c.reply(r, nil) }

// reply is ack with data.
func (c *conn) reply(r request, data json.RawMessage) {
	if r.id != "" {
		c.send(wire.Ack{Type: wire.TypeAck, Re: r.id, Data: data})
	}
}

func (c *conn) refuse(r request, e *Error) { c.send(errorFrame(r.id, e)) }

func (c *conn) invalid(r request, detail string) {
	c.refuse(r, &Error{Code: "invalid_request", Detail: detail})
}

// forbid refuses what the user may not do. Who keeps asking is sent away.
func (c *conn) forbid(r request) {
	if c.pace.forbid(&c.hub.limits, time.Now()) {
		c.send(errorFrame(r.id, &Error{Code: "forbidden"}))
		c.fail(*endingNamed(wire.ClosePolicy), "")
		return
	}
	c.refuse(r, &Error{Code: "forbidden"})
}

// breach ends a socket that does not speak the protocol.
func (c *conn) breach(code wire.CloseCode, detail string) {
	c.shut(code, wire.Error{Type: wire.TypeError, Code: code.Name(), Detail: detail})
}
