package hub

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// admit registers the socket and welcomes it. Re is the id of the auth frame that brought the credential.
func (c *conn) admit(p Principal, re string) {
	if err := c.enter(p); err != nil {
		c.hub.stats.handshake(errorOf(err).Code)
		c.logTrouble("handshake", err)
		c.fail(*endingOf(err), re)
		return
	}
	c.hub.report(p.UserID, p.SessionID)
	c.hub.stats.handshake("ok")
	c.agent = ""
	c.welcome(re)
}

// enter registers the socket, then asks whether p still stands: in this order, so that no end slips in between.
func (c *conn) enter(p Principal) error {
	if err := owed(p); err != nil {
		return err
	}
	c.mu.Lock()
	c.p, c.phase, c.late = p, entering, nil
	c.clock.stop()
	c.mu.Unlock()
	if err := c.hub.register(c, p); err != nil {
		return err
	}
	return c.hub.cfg.Auth.Standing(p)
}

// owed refuses who owes a factor. This is the place where a socket that owes one may come to be let in, limited.
func owed(p Principal) error {
	switch p.Owes {
	case "setup":
		return &Error{Code: "mfa_setup_required"}
	case "mfa":
		return &Error{Code: "step_up_required"}
	}
	return nil
}

// welcome opens the socket: its first frame, before any that others send.
func (c *conn) welcome(re string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.final != nil {
		return
	}
	c.phase = open
	c.enqueueLocked(encode(wire.Welcome{
		Type: wire.TypeWelcome, ConnectionID: c.id, SessionID: c.p.SessionID,
		User: wire.WelcomeUser{ID: c.p.UserID, Roles: roles(c.p)}, AAL: c.p.AAL, ExpiresIn: expiresIn(c.p),
		PingInterval: int(c.hub.limits.PingInterval / time.Second), Node: c.hub.cfg.Node,
	}))
	if re != "" {
		c.enqueueLocked(c.authOKLocked(re))
	}
	c.startClockLocked()
}

func (c *conn) authOKLocked(re string) []byte {
	return encode(wire.AuthOK{Type: wire.TypeAuthOK, Re: re, ExpiresIn: expiresIn(c.p), Roles: roles(c.p), AAL: c.p.AAL})
}

// roles is never null in a frame.
func roles(p Principal) []string { return append([]string{}, p.Roles...) }

// handleAuth takes the credential of an auth frame: the first of a socket, or a fresh one.
func (c *conn) handleAuth(r request) {
	cred, ok := c.credential(r)
	if !ok {
		c.invalid(r, "token or ticket is a string")
		return
	}
	ctx, cancel := context.WithTimeout(c.hub.ctx, ioTimeout)
	defer cancel()
	p, err := c.hub.cfg.Auth.Authenticate(ctx, cred)
	c.logTrouble("auth", err)
	c.mu.Lock()
	first, own := c.phase == waiting, c.p
	c.mu.Unlock()
	switch {
	case first && err != nil:
		c.hub.stats.handshake(errorOf(err).Code)
		c.fail(*endingOf(err), r.id)
	case first:
		c.admit(p, r.id)
	case err != nil:
		c.refuseAuth(r, err)
	case p.UserID != own.UserID || p.SessionID != own.SessionID:
		c.fail(*endingNamed(wire.CloseUnauthenticated), r.id)
	case owed(p) != nil:
		c.fail(*endingOf(owed(p)), r.id)
	default:
		c.renew(Renewal{SessionID: p.SessionID, Issued: p.Issued, Expires: p.Expires, AAL: p.AAL, Roles: p.Roles, Epoch: p.Epoch}, r.id)
	}
}

func (c *conn) credential(r request) (Credential, bool) {
	cred := Credential{Kind: Token, Addr: c.addr, UserAgent: c.agent}
	token, hasToken, ok := r.text("token")
	ticket, hasTicket, ok2 := r.text("ticket")
	if !ok || !ok2 || hasToken == hasTicket {
		return cred, false
	}
	cred.Value = token
	if hasTicket {
		cred.Kind, cred.Value = Ticket, ticket
	}
	return cred, true
}

// refuseAuth answers a credential that is no good on a socket that has authority. What merely came late leaves the
// socket as it was.
func (c *conn) refuseAuth(r request, err error) {
	e := errorOf(err)
	switch e.Code {
	case "token_expired", "token_stale", "unavailable", "internal", "rate_limited":
		c.refuse(r, e)
	case "session_revoked":
		// The credential may be another session's: what ends the socket is the end of its own.
		if !c.endWithSession() {
			c.fail(*endingNamed(wire.CloseUnauthenticated), r.id)
		}
	default:
		c.fail(*endingNamed(wire.CloseUnauthenticated), r.id)
	}
}

// renew gives the socket fresh authority, and tells it. Authority never shrinks, and what is newer of
// the user's claims stays.
func (c *conn) renew(r Renewal, re string) {
	c.mu.Lock()
	if c.final != nil || c.phase == waiting {
		c.mu.Unlock()
		return
	}
	if r.Expires.After(c.p.Expires) {
		c.p.Issued, c.p.Expires, c.clock.warned = r.Issued, r.Expires, false
	}
	c.p.AAL = max(c.p.AAL, r.AAL)
	if r.Epoch >= c.p.Epoch {
		c.p.Epoch, c.p.Roles = r.Epoch, r.Roles
	}
	if c.phase == limited && time.Now().Before(c.p.Expires) {
		c.phase = open
	}
	fits := true
	if c.phase == open || re != "" {
		fits = c.sendLocked(c.authOKLocked(re))
	}
	if c.phase != entering {
		c.armLocked()
	}
	c.mu.Unlock()
	if !fits {
		c.slow()
	}
	c.dropLostFeeds()
}

// claim puts newer claims in force.
func (c *conn) claim(claims Claims) {
	c.mu.Lock()
	if c.final != nil || c.phase == waiting || claims.Epoch <= c.p.Epoch {
		c.mu.Unlock()
		return
	}
	differ := !sameRoles(c.p.Roles, claims.Roles)
	c.p.Epoch, c.p.Roles = claims.Epoch, claims.Roles
	fits := true
	if differ && c.phase == open {
		fits = c.sendLocked(encode(wire.AuthChanged{Type: wire.TypeAuthChanged, Roles: roles(c.p), TokenStale: true}))
	}
	c.mu.Unlock()
	if !fits {
		c.slow()
	}
	c.dropLostFeeds()
}

func sameRoles(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}
