package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// handleMessage sends a message to the user's other devices or, for admins, to a user. One without recipient is for
// the program itself.
func (c *conn) handleMessage(r request) {
	p := c.principal()
	if h, ours := c.hub.handlerOf(r); ours {
		c.handleOwn(r, h, p)
		return
	}
	to, toDevices, ok := recipient(r)
	if !ok {
		c.invalid(r, `to is "devices" or {"user_id": …}`)
		return
	}
	if !toDevices && !hasRole(p.Roles, "admin") {
		c.forbid(r)
		return
	}
	message, e := content(r)
	if e != nil {
		c.refuse(r, e)
		return
	}
	message.From = wire.From{UserID: p.UserID, SessionID: p.SessionID}
	message.At = wire.At(time.Now())
	except := ""
	if toDevices {
		to, except = p.UserID, p.SessionID
	}
	c.post(r, Delivery{to, except, encode(message)})
}

func (c *conn) post(r request, d Delivery) {
	ctx, cancel := context.WithTimeout(c.hub.ctx, ioTimeout)
	defer cancel()
	if err := c.hub.cfg.Courier.Send(ctx, d); err != nil {
		c.logTrouble("message", err)
		c.refuse(r, errorOf(err))
		return
	}
	c.ack(r)
}

// recipient reads the member to.
func recipient(r request) (userID string, toDevices, ok bool) {
	if to, _, ok := r.text("to"); ok {
		return "", true, to == wire.FeedDevices
	}
	var to map[string]json.RawMessage
	if json.Unmarshal(r.members["to"], &to) != nil {
		return "", false, false
	}
	userID, _, ok = request{members: to}.text("user_id")
	return userID, false, ok && id.Is(id.User, userID)
}

// content reads a message's name and data.
func content(r request) (wire.Message, *Error) {
	m := wire.Message{Type: wire.TypeMessage}
	name, present, ok := r.text("name")
	if !ok || !present || name == "" || hasControl(name) {
		return m, &Error{Code: "invalid_request", Detail: "name is 1 to 64 characters, without control characters"}
	}
	var data bytes.Buffer
	if raw := r.members["data"]; len(raw) > 0 {
		json.Compact(&data, raw) // decode has checked it
	} else {
		data.WriteString("null")
	}
	if utf8.RuneCountInString(name) > wire.MaxNameLength || data.Len() > wire.MaxMessageBytes {
		return m, &Error{Code: "too_large", Detail: "name has at most 64 characters, data 4096 bytes"}
	}
	m.Name, m.Data = name, data.Bytes()
	return m, nil
}

func hasControl(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}

func (c *conn) principal() Principal {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.p
}

// deliver queues a message, unless the socket is not open or its session sent it. One that does not fit is lost on
// this socket, and counted: a client is cut off for not reading, never for being sent much.
func (c *conn) deliver(data []byte, except string) bool {
	c.mu.Lock()
	defer c.unlock(c.hurryLocked())
	if c.final != nil || c.phase != open || c.p.SessionID == except {
		return false
	}
	if !c.enqueueLocked(data) {
		c.hub.stats.lost.Add(1)
		return false
	}
	return true
}
