package hub

import (
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// ending is a close and the frame before it.
type ending struct {
	code  wire.CloseCode
	ended *wire.SessionEnded // the frame, if the session has ended
	err   wire.Error         // the frame, if not
}

// endingNamed is a close after an error of its name.
func endingNamed(code wire.CloseCode) *ending {
	return &ending{code: code, err: wire.Error{Type: wire.TypeError, Code: code.Name()}}
}

// endingOf is how a socket ends whose credential was refused.
func endingOf(err error) *ending {
	e := errorOf(err)
	switch e.Code {
	case "session_revoked":
		if e.Ended != nil {
			frame := *e.Ended
			frame.Type = wire.TypeSessionEnded
			return &ending{code: wire.CloseCodeOf(frame.Reason), ended: &frame, err: errorFrame("", e)}
		}
		return endingNamed(wire.CloseSessionRevoked)
	case "token_expired", "token_stale":
		return endingNamed(wire.CloseTokenExpired)
	case "rate_limited":
		end := &ending{code: wire.CloseRateLimited, err: errorFrame("", e)}
		end.err.RetryAfter = max(end.err.RetryAfter, seconds(comeBackLater))
		return end
	case "unavailable", "internal":
		return &ending{code: wire.CloseOverloaded, err: errorFrame("", e)}
	case "mfa_setup_required":
		return &ending{code: wire.CloseUnauthenticated, err: errorFrame("", e)}
	}
	return endingNamed(wire.CloseUnauthenticated)
}

// fail ends the socket. Re is the id of the request that caused it.
func (c *conn) fail(end ending, re string) {
	if end.ended != nil {
		c.end(*end.ended)
		return
	}
	end.err.Re = re
	c.shut(end.code, end.err)
}

// endWithSession ends the socket if its session is known to have ended, and tells whether it is. The end of a session
// counts before everything else that comes at the same time.
func (c *conn) endWithSession() bool {
	p := c.principal()
	if p.SessionID == "" {
		return false
	}
	_, err := c.hub.cfg.Auth.Standing(p)
	if err == nil || errorOf(err).Code != "session_revoked" {
		return false
	}
	c.fail(*endingOf(err), "")
	return true
}

// restart asks the client to come back to another node, or to this one later.
func (c *conn) restart() {
	if !c.endWithSession() {
		c.shut(wire.CloseRestart, c.hub.reconnect())
	}
}

// expire ends a socket whose time is up: its authority is over, or what it owes was not paid. On a node that drains that is a restart like all others.
func (c *conn) expire(last ending) {
	switch {
	case c.hub.closing.Load():
		c.restart()
	case !c.endWithSession():
		c.fail(last, "")
	}
}

// failHandshake tells what was wrong with the handshake's credential. A cookie was sent unasked: its socket may
// still bring something better.
func (c *conn) failHandshake(cred Credential, err error) {
	c.hub.stats.handshake(errorOf(err).Code)
	c.logTrouble("handshake", err)
	end := endingOf(err)
	if cred.Kind != Cookie {
		c.fail(*end, "")
		return
	}
	c.send(end.err)
	c.await(cred, end)
}

// await waits for an auth frame. Late is how the socket ends if none comes; nil means auth_timeout.
func (c *conn) await(cred Credential, late *ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stranger = &stranger{agent: cred.UserAgent, by: c.hub.now() + instant(c.hub.limits.AuthTimeout), late: late}
	c.armLocked()
}

func errorFrame(re string, e *Error) wire.Error {
	return wire.Error{Type: wire.TypeError, Re: re, Code: e.Code, Detail: e.Detail, RetryAfter: seconds(e.RetryAfter), Methods: e.Methods}
}

// logTrouble logs the cause of an error, if it has one: a credential that is no good has none.
func (c *conn) logTrouble(what string, err error) {
	if e := errorOf(err); e.Err != nil {
		c.hub.log.Warn(what+" failed", "connection", c.id, "code", e.Code, "err", e.Err)
	}
}
