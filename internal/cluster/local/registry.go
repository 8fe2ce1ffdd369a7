package local

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/presence"
)

// here is the only node's name.
const here = "local"

// OnChange names who is told of changes. It is called once, before the first Report. f runs outside all locks, one
// call at a time, in the order of the changes; while it blocks, changes wait in memory.
func (c *Cluster) OnChange(f func(presence.Change)) { c.onChange = f }

// Report says how many connections the session has now. It never blocks.
func (c *Cluster) Report(userID, sessionID string, connections int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.tellLocked(c.users.Report(userID, sessionID, here, connections, c.now()))
}

// Presence is how the user's online sessions stand, by session id.
func (c *Cluster) Presence(_ context.Context, userID string) (map[string]presence.State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expireLocked()
	return c.users.Of(userID), nil
}

// PresenceOf is Presence of many users at once, by user id. Users of whom nothing is online are left out.
func (c *Cluster) PresenceOf(_ context.Context, userIDs []string) (map[string]map[string]presence.State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expireLocked()
	found := make(map[string]map[string]presence.State, len(userIDs))
	for _, id := range userIDs {
		if states := c.users.Of(id); len(states) > 0 {
			found[id] = states
		}
	}
	return found, nil
}

// Totals counts everybody.
func (c *Cluster) Totals(context.Context) (presence.Totals, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expireLocked()
	return c.users.Totals(), nil
}

// expireLocked makes answers true to the moment, however late the timer is.
func (c *Cluster) expireLocked() {
	if !c.closed {
		c.tellLocked(c.users.Expire(c.now()))
	}
}

func (c *Cluster) tellLocked(changes []presence.Change) {
	if len(changes) == 0 {
		return
	}
	c.queue = append(c.queue, changes...)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run tells the changes and lets time pass: one timer, for the grace that ends next.
func (c *Cluster) run() {
	defer close(c.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(c.tell())
		select {
		case <-c.wake:
		case <-timer.C:
		case <-c.stop:
			c.tell()
			return
		}
	}
}

// tell empties the queue and says how long there is nothing to do.
func (c *Cluster) tell() time.Duration {
	for {
		c.mu.Lock()
		c.expireLocked()
		changes := c.queue
		c.queue = nil
		wait := time.Hour
		if next, ok := c.users.Next(); ok {
			wait = max(next.Sub(c.now()), 0)
		}
		c.mu.Unlock()
		if len(changes) == 0 {
			return wait
		}
		for _, change := range changes {
			c.onChange(change)
		}
	}
}
