package hub

import (
	"math/rand/v2"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// clock is when what is due on a socket. Guarded by conn.mu.
type clock struct {
	pingAt instant
	pongBy instant // 0: nothing is awaited
	heard  bool    // a client frame came since the last ping
	warned bool    // auth.expiring was sent for this authority
}

// armLocked has tick called when something is due.
func (c *conn) armLocked() {
	if c.final == nil {
		c.hub.agendaOf(c).put(c, c.dueLocked())
	}
}

// disarmLocked has tick not called.
func (c *conn) disarmLocked() { c.hub.agendaOf(c).put(c, never) }

func (c *conn) dueLocked() instant {
	if c.phase == waiting {
		return c.stranger.by
	}
	due := c.clock.pingAt
	if c.clock.pongBy != 0 {
		due = min(due, c.clock.pongBy)
	}
	if c.debt != nil {
		due = min(due, c.hub.at(c.debt.due))
	}
	return min(due, c.hub.at(c.changesLocked()))
}

// changesLocked is when the socket's authority next becomes something else.
func (c *conn) changesLocked() time.Time {
	switch {
	case c.phase == limited:
		return c.p.Expires.Add(c.hub.limits.Linger)
	case c.clock.warned:
		return c.p.Expires
	}
	return warnAt(c.p)
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

// pingTogether is what pings come in multiples of. A node whose sockets are idle wakes up four times a second, whatever
// it holds: to wake up for one socket costs more than its ping does.
const pingTogether = instant(250 * time.Millisecond)

// startClockLocked starts the pings. The first comes within an interval, at a random time, so that sockets that
// came together are not all pinged together.
func (c *conn) startClockLocked() {
	interval := c.hub.limits.PingInterval
	first := c.hub.now() + instant(interval/2+rand.N(interval/2+1))
	c.clock.pingAt = first - first%pingTogether
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
	claimed := c.claimLocked()
	last, fits := c.tickLocked(now)
	if last == nil {
		c.armLocked()
	}
	c.unlock(claimed)
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
	k, at := &c.clock, instant(now.Sub(c.hub.began))
	if c.phase == waiting {
		if at < c.stranger.by {
			return nil, true
		}
		if c.stranger.late != nil {
			return c.stranger.late, true
		}
		return endingNamed(wire.CloseAuthTimeout), true
	}
	if k.pongBy != 0 && at >= k.pongBy {
		if !k.heard {
			return endingNamed(wire.ClosePingTimeout), true
		}
		k.pongBy = 0
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
	if at >= k.pingAt {
		fits = c.sendLocked(pingFrame) && fits
		k.pingAt = at + instant(c.hub.limits.PingInterval)
		if k.pongBy == 0 {
			k.heard, k.pongBy = false, at+instant(c.hub.limits.PongTimeout)
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
