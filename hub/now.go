package hub

import (
	"sync/atomic"
	"time"
)

// Most frames meet a socket to which nobody writes and a kernel with room for them. Then whoever brings one writes it
// himself: to wake a goroutine for it takes longer than the write. Where that would have to wait, a goroutine does it.

// mostHurried is how many frames for others are written in a millisecond by who brings them. What is beyond is shared
// among goroutines: who brings it may be the only one who hears the other nodes.
const mostHurried = 16

// hurry counts them. It is safe for concurrent use.
type hurry struct{ full atomic.Int64 } // when all places are free again, an instant

// take takes a place, if one is free.
func (h *hurry) take(now instant) bool {
	const each = int64(time.Millisecond) / mostHurried
	for {
		full := h.full.Load()
		next := max(full, int64(now)) + each
		if next-int64(now) > mostHurried*each {
			return false
		}
		if h.full.CompareAndSwap(full, next) {
			return true
		}
	}
}

// hurryLocked is claimLocked for frames of others.
func (c *conn) hurryLocked() bool { return c.hub.hurry.take(c.hub.now()) && c.claimLocked() }

// claimLocked makes the caller the flusher, if he can write what he is about to queue without waiting for anybody. Then
// he must call unlock.
func (c *conn) claimLocked() bool {
	if c.flushing || c.final != nil || !ofKernel(c.net.Conn) || !c.reading.TryLock() {
		return false
	}
	c.flushing = true
	return true
}

// unlock unlocks mu. What was queued by who claimed it is written then, as far as the kernel takes it at once.
func (c *conn) unlock(claimed bool) {
	if !claimed {
		c.mu.Unlock()
		return
	}
	all, err := true, error(nil)
	if frames := c.takeLocked(); len(frames) > 0 {
		c.mu.Unlock()
		if err = c.gather(frames); err == nil {
			all, err = c.net.flushNow()
		}
		c.mu.Lock()
	}
	c.reading.Unlock()
	switch {
	case err != nil:
		c.hand(func(c *conn) { c.flushAfter(err) })
	case !all:
		c.hand((*conn).flushRest)
	case len(c.queue) > 0 || c.final != nil || c.behindLocked():
		c.hand((*conn).flush)
	default:
		c.flushing = false
	}
	c.mu.Unlock()
}

// flushRest writes what the kernel did not take at once, and what came behind it.
func (c *conn) flushRest() {
	c.mu.Lock()
	c.limitLocked()
	c.mu.Unlock()
	c.flushAfter(c.net.flush())
}
