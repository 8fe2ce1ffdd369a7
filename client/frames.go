package client

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// handle takes one frame of the server.
func (l *link) handle(data []byte) error {
	var head struct {
		Type string `json:"type"`
		Re   string `json:"re"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	l.farewell.retryAfter = 0 // of an error that was not the last word
	if head.Type == wire.TypePing {
		_ = l.write(wire.Request{Type: wire.TypePong})
		return nil
	}
	h := l.socket.handlers.Frame
	l.tell(h != nil, func() { h(head.Type, data) })
	return l.dispatch(head.Type, head.Re, data)
}

// dispatch takes the frames of the types that this client knows.
func (l *link) dispatch(frameType, re string, data []byte) error {
	switch frameType {
	case wire.TypeWelcome:
		return decode(data, l.handleWelcome)
	case wire.TypeAck:
		l.answer(re, nil)
		return nil
	case wire.TypeError:
		return decode(data, l.handleError)
	case wire.TypeAuthOK:
		return decode(data, l.handleAuthOK)
	case wire.TypeAuthExpiring:
		if !l.welcomed.IsZero() {
			l.spawn(l.renew)
		}
		return nil
	case wire.TypeAuthChanged:
		return decode(data, l.handleAuthChanged)
	case wire.TypeSessionEnded:
		return decode(data, func(f wire.SessionEnded) { l.endFrame = &f })
	case wire.TypeReconnect:
		return decode(data, func(f wire.Reconnect) {
			l.farewell.told, l.farewell.after = true, time.Duration(max(f.AfterMS, 0))*time.Millisecond
		})
	case wire.TypeDevicesSnapshot:
		return decode(data, l.handleSnapshot)
	case wire.TypeDevicesChanged:
		return decode(data, l.handleChange)
	case wire.TypeMessage:
		h := l.socket.handlers.Message
		return decode(data, func(f wire.Message) { l.tell(h != nil, func() { h(f) }) })
	}
	return nil
}

func decode[F any](data []byte, handle func(F)) error {
	var frame F
	if err := json.Unmarshal(data, &frame); err != nil {
		return err
	}
	handle(frame)
	return nil
}

func (l *link) handleWelcome(f wire.Welcome) {
	if !l.welcomed.IsZero() {
		return
	}
	l.welcomed = time.Now()
	l.sessionID = f.SessionID
	if f.PingInterval > 0 {
		l.patience = 2*seconds(f.PingInterval) + writeTimeout // one ping may be missed
	}
	h := l.socket.handlers.Connected
	l.tell(h != nil, func() { h(f) })
	for _, feed := range l.socket.opened(l) {
		l.subscribe(feed)
	}
	l.spawn(l.reauth) // a refresh may have passed this link while it was being made
}

// subscribe asks for a feed that is wanted already. It does not wait for the answer.
func (l *link) subscribe(feed string) {
	l.ask(wire.Request{Type: wire.TypeSubscribe, Feed: feed}, func(err error) {
		var why *Error
		if errors.As(err, &why) {
			l.feedLost(feed, why)
			l.refused(why)
		}
	})
}

// handleError takes a refusal: an answer, the loss of a feed, or what precedes a close.
func (l *link) handleError(f wire.Error) {
	said := &Error{Code: f.Code, Detail: f.Detail, Methods: f.Methods, RetryAfter: seconds(f.RetryAfter)}
	l.farewell.retryAfter = said.RetryAfter
	if f.Re != "" {
		l.answer(f.Re, said)
		return
	}
	if f.Feed != "" && l.socket.wants(f.Feed) {
		l.feedLost(f.Feed, said)
	}
	l.refused(said)
}

// refused tells of a refusal that nobody waits for.
func (l *link) refused(why *Error) {
	h := l.socket.handlers.Error
	l.tell(h != nil, func() { h(why) })
}

// feedLost asks again later, unless the answer would be the same.
func (l *link) feedLost(feed string, why *Error) {
	if !why.passes() {
		l.socket.want(feed, false)
		return
	}
	l.spawn(func() {
		if sleep(l.ctx, max(why.RetryAfter, time.Second)+jitter(1)) && l.socket.wants(feed) {
			l.subscribe(feed)
		}
	})
}

func (l *link) handleAuthOK(f wire.AuthOK) {
	l.answer(f.Re, nil)
	h := l.socket.handlers.Authority
	l.tell(h != nil, func() { h(f.Roles) })
}

// handleAuthChanged: the socket has the new roles already; calls need a token that has them.
func (l *link) handleAuthChanged(f wire.AuthChanged) {
	if f.TokenStale {
		token, _ := l.socket.client.current()
		l.socket.client.outdate(token)
	}
	h := l.socket.handlers.Authority
	l.tell(h != nil, func() { h(f.Roles) })
}

func (l *link) handleSnapshot(f wire.DevicesSnapshot) {
	l.devices.snapshot(f)
	l.tellDevices(nil)
}

func (l *link) handleChange(f wire.DevicesChanged) {
	ok, gap := l.devices.apply(f)
	if gap {
		l.subscribe(wire.FeedDevices)
	}
	if ok {
		l.tellDevices(&f)
	}
}

func (l *link) tellDevices(change *wire.DevicesChanged) {
	h, list := l.socket.handlers.Devices, slices.Clone(l.devices.list)
	l.tell(h != nil, func() { h(list, change) })
}

// tell is the socket's tell. A connection whose handlers are too far behind is given up.
func (l *link) tell(wanted bool, event func()) {
	l.behind = !l.socket.tell(wanted, event) || l.behind
}
