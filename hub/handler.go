package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Need is what a handler asks of whoever calls it.
type Need struct {
	Roles []string      // any of these; nil: everybody
	AAL2  bool          // a second factor was shown on the session
	Fresh time.Duration // the person showed a credential so lately; 0: whenever
}

// Handler answers messages that clients send to the program itself: those without a recipient, by their name.
type Handler struct {
	Need
	// Handle gets the message's data, at most 4 KiB of JSON, and returns what goes back as the data of the ack: nil, or
	// something small that encodes as JSON. An *Error goes back as it is; any other is logged and goes back as
	// internal. It is called on the socket's own goroutine, whose other frames wait meanwhile, and has five seconds by
	// ctx. A panic is an error.
	Handle func(ctx context.Context, p Principal, data json.RawMessage) (reply any, err error)
}

// handlerOf is the handler of a message without recipient, if its name has one.
func (h *Hub) handlerOf(r request) (Handler, bool) {
	if to, there := r.members["to"]; there && string(to) != "null" {
		return Handler{}, false
	}
	name, _, _ := r.text("name")
	handler, known := h.cfg.Handlers[name]
	return handler, known
}

// handleOwn has the program answer a message.
func (c *conn) handleOwn(r request, h Handler, p Principal) {
	if h.Roles != nil && !hasRole(p.Roles, h.Roles...) {
		c.forbid(r)
		return
	}
	if e := c.lacks(h.Need, p); e != nil {
		c.refuse(r, e)
		return
	}
	m, e := content(r)
	if e != nil {
		c.refuse(r, e)
		return
	}
	p.Roles = roles(p)
	ctx, cancel := context.WithTimeout(c.hub.ctx, ioTimeout)
	defer cancel()
	reply, err := h.answer(ctx, p, m.Data)
	if err != nil {
		c.logTrouble("message "+m.Name, err)
		c.refuse(r, errorOf(err))
		return
	}
	c.reply(r, reply)
}

// lacks asks for the assurance or the freshness that the need has and p has not. Somebody who has shown two factors
// is asked for any credential: his assurance stays.
func (c *conn) lacks(n Need, p Principal) *Error {
	aal := 1
	if n.AAL2 && p.AAL < 2 {
		aal = 2
	}
	if aal == 1 && (n.Fresh == 0 || time.Since(p.AuthTime) < n.Fresh) {
		return nil
	}
	methods, err := c.methods(p, aal)
	if err != nil {
		c.logTrouble("step-up", err)
		return errorOf(err)
	}
	return &Error{Code: "step_up_required", Methods: methods}
}

// answer is the reply as it goes out. What goes wrong is an *Error.
func (h Handler) answer(ctx context.Context, p Principal, data json.RawMessage) (reply json.RawMessage, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
		var known *Error
		if err != nil && !errors.As(err, &known) {
			err = &Error{Code: "internal", Err: err}
		}
	}()
	out, err := h.Handle(ctx, p, data)
	if out == nil || err != nil {
		return nil, err
	}
	return marshal(out)
}
