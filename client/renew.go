package client

import (
	"errors"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// renew gets a new token for the socket, whose authority is about to end or was refused as too old. It tries until it
// has one or the link is over; adopting the token shows it. Several at once share one refresh.
func (l *link) renew() {
	l.auth.Lock()
	old := l.token
	l.auth.Unlock()
	var b backoff
	for {
		_, err := l.socket.client.renew(l.ctx, old)
		if err == nil {
			l.reauth() // the token may be one that came before this link did
			return
		}
		var end *EndedError
		if errors.As(err, &end) {
			l.stop(end)
			return
		}
		if errors.Is(err, ErrSignedOut) || !sleep(l.ctx, b.next(loss{retryAfter: retryAfter(err)})) {
			return
		}
	}
}

// stop ends the link because the session is over.
func (l *link) stop(end *EndedError) {
	l.mu.Lock()
	l.end = end
	l.mu.Unlock()
	l.cancel()
}

// reauth shows the token in use, unless it was shown before or is of another session.
func (l *link) reauth() {
	l.auth.Lock()
	defer l.auth.Unlock()
	token, session := l.socket.client.current()
	if token == "" || token == l.token && !l.again || session != "" && session != l.sessionID {
		return
	}
	l.token, l.again = token, false
	l.ask(wire.Request{Type: wire.TypeAuth, Token: token}, l.reauthed)
}

// reauthed hears what became of an auth frame. Too old when it arrived: once more, with a newer token. Not looked at:
// once more, later.
func (l *link) reauthed(err error) {
	var said *Error
	if !errors.As(err, &said) {
		return
	}
	switch {
	case said.Code == "token_expired", said.Code == "token_stale":
		l.spawn(l.renew)
	case said.passes():
		l.spawn(func() {
			if sleep(l.ctx, max(said.RetryAfter, time.Second)+jitter(1)) {
				l.auth.Lock()
				l.again = true
				l.auth.Unlock()
				l.reauth()
			}
		})
	}
}
