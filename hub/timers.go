package hub

import (
	"math/rand/v2"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// clock is when what is due on a socket. Guarded by conn.mu.
type clock struct {
	timer  *time.Timer
	authBy time.Time // while waiting
	pingAt time.Time
	pongBy time.Time // zero: nothing is awaited
	heard  bool      // a client frame came since the last ping
	warned bool      // auth.expiring was sent for this authority
}

func (k *clock) stop() {
	if k.timer != nil {
		k.timer.Stop()
	}
}

// armLocked sets the timer to what is due first.
func (c *conn) armLocked() {
	if c.final != nil {
		return
	}
	d := max(0, time.Until(c.dueLocked()))
	if c.clock.timer == nil {
		c.clock.timer = time.AfterFunc(d, c.tick)
		return
	}
	c.clock.timer.Reset(d)
}

func (c *conn) dueLocked() time.Time {
	if c.phase == waiting {
		return c.clock.authBy
	}
	due := c.clock.pingAt
	earlier := func(t time.Time) {
		if t.Before(due) {
			due = t
		}
	}
	if !c.clock.pongBy.IsZero() {
		earlier(c.clock.pongBy)
	}
	if c.debt != nil {
		earlier(c.debt.due)
	}
	switch {
	case c.phase == limited:
		earlier(c.p.Expires.Add(c.hub.limits.Linger))
	case c.clock.warned:
		earlier(c.p.Expires)
	default:
		earlier(warnAt(c.p))
	}
	return due
}

// warnAt is when auth.expiring is due: 60 s before the end, or a fifth of the life if that is shorter.
func warnAt(p Principal) time.Time {
	lead := time.Minute
	if life := p.Expires.Sub(p.Issued); life/5 < lead {
		lead = max(0, life/5)
	}
	return p.Expires.Add(-lead)
}

// expiresIn is how many whole seconds of authority are left.
func expiresIn(p Principal) int {
	return int(max(0, time.Until(p.Expires)) / time.Second)
}

// startClockLocked starts the pings. The first comes within an interval, at a random time, so that sockets that
// came together are not pinged together.
func (c *conn) startClockLocked() {
	interval := c.hub.limits.PingInterval
	c.clock.pingAt = time.Now().Add(interval/2 + rand.N(interval/2+1))
	c.armLocked()
}

var pingFrame = encode(wire.Ping{Type: wire.TypePing})

// tick does what is due.
func (c *conn) tick() {
	now := time.Now()
	c.mu.Lock()
	if c.final != nil || c.phase == entering {
		c.mu.Unlock()
		return
	}
	last, fits := c.tickLocked(now)
	if last == nil {
		c.armLocked()
	}
	c.mu.Unlock()
	switch {
	case last != nil && (last.code == wire.CloseTokenExpired || last.code == wire.CloseMFAFailed):
		c.expire(*last)
	case last != nil:
		c.fail(*last, "")
	case !fits:
		c.slow()
	}
}

// tickLocked returns how the socket must end, if it must, and whether what it queued fitted.
func (c *conn) tickLocked(now time.Time) (last *ending, fits bool) {
	k := &c.clock
	if c.phase == waiting {
		if now.Before(k.authBy) {
			return nil, true
		}
		if c.late != nil {
			return c.late, true
		}
		return endingNamed(wire.CloseAuthTimeout), true
	}
	if !k.pongBy.IsZero() && !now.Before(k.pongBy) {
		if !k.heard {
			return endingNamed(wire.ClosePingTimeout), true
		}
		k.pongBy = time.Time{}
	}
	if c.expireLocked(now) {
		return endingNamed(wire.CloseTokenExpired), true
	}
	if c.debt != nil && !now.Before(c.debt.due) {
		return endingNamed(wire.CloseMFAFailed), true
	}
	fits = true
	if c.toldLocked() && !k.warned && !now.Before(warnAt(c.p)) {
		k.warned = true
		fits = c.sendLocked(encode(wire.AuthExpiring{Type: wire.TypeAuthExpiring, ExpiresIn: expiresIn(c.p)}))
	}
	if !now.Before(k.pingAt) {
		fits = c.sendLocked(pingFrame) && fits
		k.pingAt = now.Add(c.hub.limits.PingInterval)
		if k.pongBy.IsZero() {
			k.heard, k.pongBy = false, now.Add(c.hub.limits.PongTimeout)
		}
	}
	return nil, fits
}

// expireLocked limits a socket whose authority ended, and tells whether its time is up.
func (c *conn) expireLocked(now time.Time) bool {
	if c.toldLocked() && !now.Before(c.p.Expires) {
		c.phase = limited
	}
	return c.phase == limited && !now.Before(c.p.Expires.Add(c.hub.limits.Linger))
}
