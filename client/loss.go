package client

import (
	"errors"
	"time"

	"github.com/coder/websocket"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// loss is how a connection, or the attempt at one, ended.
type loss struct {
	err        error
	final      bool          // do not come back
	expired    bool          // the token was too old
	told       bool          // the server said when to come back: after
	after      time.Duration // of reconnect
	retryAfter time.Duration // of a refusal
	lived      time.Duration // since welcome
}

// loss sums up how the connection ended.
func (l *link) loss(err error) loss {
	lost := l.farewell
	lost.err = err
	if !l.welcomed.IsZero() {
		lost.lived = time.Since(l.welcomed)
	}
	code := wire.CloseCode(websocket.CloseStatus(err))
	if code == wire.CloseTokenExpired {
		lost.expired = true
		l.auth.Lock()
		l.socket.client.outdate(l.token)
		l.auth.Unlock()
	}
	if code > 0 {
		lost.err = &CloseError{Code: code, Reason: reasonOf(err), Err: err}
	}
	if end := l.ended(code, err); end != nil {
		lost.err, lost.final = end, true
		if endsSession(end.Code) {
			l.socket.client.sessionOver(l.sessionID, end)
		}
	}
	return lost
}

// ended is why there is no coming back, nil where there is. The frame counts also when the close after it got lost.
func (l *link) ended(code wire.CloseCode, err error) *EndedError {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.endFrame != nil:
		return endedBy(*l.endFrame, err)
	case code.Final():
		return &EndedError{Code: code, Reason: reasonOf(err), Err: err}
	}
	return l.end
}

func reasonOf(err error) string {
	var closed websocket.CloseError
	errors.As(err, &closed)
	return closed.Reason
}
