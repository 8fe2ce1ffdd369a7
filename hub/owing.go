package hub

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// The values of Principal.Owes.
const (
	owesMFA   = "mfa"
	owesSetup = "setup"
)

// Factors checks second factors. Errors are *Error; any other counts as unavailable.
type Factors interface {
	// Methods are what p's user can show to bring his session to the assurance: for 2 his second factors, for 1 also
	// his password and the like.
	Methods(ctx context.Context, p Principal, aal int) ([]string, error)
	// Pay checks a code and raises p's session, which comes back through SessionRenewed before it returns. A wrong
	// code is invalid_code; conflict says that there is no factor.
	Pay(ctx context.Context, p Principal, from netip.Addr, code string) error
}

// debt is a second factor that a socket owes. While there is one the socket takes mfa, auth and pong, and gets no
// feeds or messages.
type debt struct {
	methods []string
	due     time.Time // when the socket ends unless it is paid
}

var (
	errSetUp    = &Error{Code: "mfa_setup_required"}
	errNoFactor = &Error{Code: "conflict", Detail: "there is no second factor"}
)

// toldLocked tells whether the socket hears news of itself.
func (c *conn) toldLocked() bool { return c.phase == open || c.phase == owing }

// armedLocked is the phase of a socket that has authority.
func (c *conn) armedLocked() phase {
	if c.debt != nil {
		return owing
	}
	return open
}

// methods asks by what p can be brought to the assurance.
func (c *conn) methods(p Principal, aal int) ([]string, error) {
	if c.hub.cfg.Factors == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(c.hub.ctx, ioTimeout)
	defer cancel()
	return c.hub.cfg.Factors.Methods(ctx, p, aal)
}

// owed asks how p's debt can be paid, if he has one. Who has to set up a factor is refused.
func (c *conn) owed(p Principal) (methods []string, err error) {
	switch p.Owes {
	case owesSetup:
		return nil, errSetUp
	case owesMFA:
		return c.methods(p, 2)
	}
	return nil, nil
}

// settle takes over how p stands and what he owes, to be paid by the methods, unless newer claims have said otherwise.
func (c *conn) settle(p Principal, methods []string) {
	c.mu.Lock()
	if c.p.AAL = max(c.p.AAL, p.AAL); c.p.AAL >= 2 && c.debt != nil {
		c.releaseLocked() // claims came before the welcome, and so did the raise
	}
	fits := true
	if p.Version >= c.p.Version && c.final == nil {
		c.p.Version = p.Version
		if p.Owes == owesMFA {
			fits = c.oweLocked(methods)
		}
	}
	c.mu.Unlock()
	if !fits {
		c.slow()
	}
}

// oweLocked limits the socket until a second factor is shown. One that owes already is told when the methods change.
// It is false when the news does not fit.
func (c *conn) oweLocked(methods []string) bool {
	if c.p.AAL >= 2 || c.debt != nil && slices.Equal(c.debt.methods, methods) {
		return true
	}
	if c.debt == nil {
		c.debt = &debt{due: time.Now().Add(c.hub.limits.MFATimeout)}
	}
	c.debt.methods, c.p.Owes = methods, owesMFA
	if c.phase == open {
		c.phase = owing
	}
	if c.phase != owing {
		return true
	}
	c.armLocked()
	return c.sendLocked(c.mfaRequiredLocked())
}

func (c *conn) mfaRequiredLocked() []byte {
	left := max(0, seconds(time.Until(c.debt.due)))
	return encode(wire.MFARequired{Type: wire.TypeMFARequired, Methods: append([]string{}, c.debt.methods...), ExpiresIn: left})
}

// releaseLocked lifts the debt. Every feed begins again with a snapshot, once the auth.ok that the caller sends is out.
func (c *conn) releaseLocked() {
	c.debt, c.p.Owes = nil, ""
	if c.phase == owing {
		c.phase = open
	}
	for _, w := range c.watches {
		w.behind = true
	}
}

// claimFactorsLocked brings the debt up to newer claims. Who has to set up a factor cannot stay.
func (c *conn) claimFactorsLocked(claims Claims) (mustSetUp, fits bool) {
	c.p.Version = claims.Version
	has := len(claims.Methods) > 0
	switch {
	case !has && claims.MustHave:
		return true, true
	case has:
		return false, c.oweLocked(claims.Methods)
	case c.debt != nil:
		c.releaseLocked()
		return false, !c.toldLocked() || c.sendLocked(c.authOKLocked(""))
	}
	return false, true
}

// unpaid refuses what has to wait for a second factor.
func (c *conn) unpaid() *Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := &Error{Code: "step_up_required"}
	if c.debt != nil {
		e.Methods = c.debt.methods
	}
	return e
}

// handleMFA shows a second factor. The socket hears of the raise as all sockets of its session do.
func (c *conn) handleMFA(r request) {
	code, present, ok := r.text("code")
	if !ok || !present {
		c.invalid(r, "code is a string")
		return
	}
	err := c.pay(code)
	switch {
	case err == nil:
		c.pace.right()
		c.ack(r)
	case errorOf(err).Code == "invalid_code":
		c.mistaken(r, errorOf(err))
	case errorOf(err).Code == wire.CloseSessionRevoked.Name() && c.endWithSession():
	default:
		c.logTrouble("mfa", err)
		c.refuse(r, errorOf(err))
	}
}

func (c *conn) pay(code string) error {
	if c.hub.cfg.Factors == nil {
		return errNoFactor
	}
	ctx, cancel := context.WithTimeout(c.hub.ctx, ioTimeout)
	defer cancel()
	return c.hub.cfg.Factors.Pay(ctx, c.principal(), c.addr, code)
}

// mistaken counts a wrong code. The last one ends the socket, never the session.
func (c *conn) mistaken(r request, e *Error) {
	if c.pace.mistake(&c.hub.limits) {
		c.fail(*endingNamed(wire.CloseMFAFailed), r.id)
		return
	}
	c.refuse(r, e)
}
