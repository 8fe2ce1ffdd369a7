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
	c.welcome(re)
}

// enter registers the socket, then asks whether p still stands, and how: in this order, so that nothing slips in
// between.
func (c *conn) enter(p Principal) error {
	if p.Owes == owesSetup {
		return errSetUp
	}
	c.mu.Lock()
	c.p, c.phase, c.stranger = p, entering, nil
	c.disarmLocked()
	c.mu.Unlock()
	if err := c.hub.register(c, p); err != nil {
		return err
	}
	p, err := c.hub.cfg.Auth.Standing(p)
	if err != nil {
		return err
	}
	methods, err := c.owed(p)
	if err != nil {
		return err
	}
	c.settle(p, methods)
	return nil
}

// welcome opens the socket: its first frame, before any that others send.
func (c *conn) welcome(re string) {
	c.mu.Lock()
	defer c.unlock(c.claimLocked())
	if c.final != nil {
		return
	}
	c.phase = c.armedLocked()
	c.enqueueLocked(encode(wire.Welcome{
		Type: wire.TypeWelcome, ConnectionID: c.id, SessionID: c.p.SessionID,
		User: wire.WelcomeUser{ID: c.p.UserID, Roles: roles(c.p)}, AAL: c.p.AAL, ExpiresIn: expiresIn(c.p),
		PingInterval: int(c.hub.limits.PingInterval / time.Second), Node: c.hub.cfg.Node,
	}))
	if re != "" {
		c.enqueueLocked(c.authOKLocked(re))
	}
	if c.debt != nil {
		c.enqueueLocked(c.mfaRequiredLocked())
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
	default:
		c.reauth(p, r)
	}
}

// reauth renews the socket's authority, and limits it if the credential says that a factor is owed.
func (c *conn) reauth(p Principal, r request) {
	methods, err := c.owed(p)
	switch {
	case p.Owes == owesSetup:
		c.fail(*endingOf(err), r.id)
	case err != nil:
		c.logTrouble("auth", err)
		c.refuse(r, errorOf(err))
	default:
		c.renew(Renewal{
			UserID: p.UserID, SessionID: p.SessionID, Issued: p.Issued, Expires: p.Expires, AAL: p.AAL, AuthTime: p.AuthTime, Roles: p.Roles, Epoch: p.Epoch,
		}, r.id)
		c.settle(p, methods)
	}
}

func (c *conn) credential(r request) (Credential, bool) {
	cred := Credential{Kind: Token, Addr: c.addr, UserAgent: c.agent()}
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

// agent is the User-Agent of a socket that waits.
func (c *conn) agent() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stranger == nil {
		return ""
	}
	return c.stranger.agent
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
// the user's claims stays. A raise pays what is owed.
func (c *conn) renew(r Renewal, re string) {
	c.mu.Lock()
	if c.final != nil || c.phase == waiting {
		c.mu.Unlock()
		return
	}
	if r.Expires.After(c.p.Expires) {
		c.p.Issued, c.p.Expires, c.clock.warned = r.Issued, r.Expires, false
	}
	if r.AuthTime.After(c.p.AuthTime) {
		c.p.AuthTime = r.AuthTime
	}
	if r.Roles != nil && r.Epoch >= c.p.Epoch {
		c.p.Epoch, c.p.Roles = r.Epoch, r.Roles
	}
	news := re != "" || !r.Expires.IsZero() || r.AAL > c.p.AAL
	if c.p.AAL = max(c.p.AAL, r.AAL); c.p.AAL >= 2 && c.debt != nil {
		c.releaseLocked()
	}
	if c.phase == limited && time.Now().Before(c.p.Expires) {
		c.phase = c.armedLocked()
	}
	fits := true
	if news && c.toldLocked() || re != "" {
		fits = c.sendLocked(c.authOKLocked(re))
	}
	if news && c.phase == owing {
		fits = c.sendLocked(c.mfaRequiredLocked()) && fits
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
	if c.final != nil || c.phase == waiting {
		c.mu.Unlock()
		return
	}
	mustSetUp, fits := false, true
	if claims.Epoch > c.p.Epoch {
		fits = c.claimRolesLocked(claims)
	}
	if claims.Version > c.p.Version {
		var fit bool
		mustSetUp, fit = c.claimFactorsLocked(claims)
		fits = fits && fit
	}
	c.mu.Unlock()
	switch {
	case !fits:
		c.slow()
	case mustSetUp:
		c.fail(*endingOf(errSetUp), "")
	}
	c.dropLostFeeds()
}

// claimRolesLocked is false when the news does not fit.
func (c *conn) claimRolesLocked(claims Claims) bool {
	differ := !sameRoles(c.p.Roles, claims.Roles)
	c.p.Epoch, c.p.Roles = claims.Epoch, claims.Roles
	if !differ || !c.toldLocked() {
		return true
	}
	return c.sendLocked(encode(wire.AuthChanged{Type: wire.TypeAuthChanged, Roles: roles(c.p), TokenStale: true}))
}

func sameRoles(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}
