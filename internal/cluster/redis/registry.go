package redis

import (
	"context"
	"errors"
	"slices"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/gatehouse-dev/gatehouse/internal/presence"
)

// How counts are written.
const (
	reportBatch = 512                   // commands in a pipeline, or a few more
	pace        = time.Millisecond      // between pipelines: what a storm reports shares them, what comes alone goes at once
	gracePace   = 20 * time.Millisecond // between looks for graces that are over
	retryFirst  = 250 * time.Millisecond
	retryMost   = 5 * time.Second
)

// OnChange names who is told of changes. It is called once, before the first Report. f runs outside all locks, one
// call at a time, in the order of the changes. While Redis cannot be reached, the changes of this node's own
// connections are told with Seq 0.
func (c *Cluster) OnChange(f func(presence.Change)) {
	c.told.mu.Lock()
	defer c.told.mu.Unlock()
	c.told.f = f
}

// Report says how many connections the session has on this node now. It never blocks.
func (c *Cluster) Report(userID, sessionID string, connections int) {
	if c.isClosed() {
		return
	}
	now := time.Now()
	if c.held.report(userID, sessionID, connections, now) && !c.writable() {
		c.tell(presence.Change{
			UserID: userID, SessionID: sessionID, Online: true, Connections: max(connections, 0), LastSeen: now.UTC(),
		})
	}
}

// record writes counts until the end, and then what is left.
func (c *Cluster) record() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	retry, began := retryFirst, time.Time{}
	for ended := false; !ended; {
		select {
		case <-c.held.wake:
		case <-timer.C:
		case <-c.closing:
			ended = true
		}
		if rest := pace - time.Since(began); rest > 0 {
			c.sleep(rest)
		}
		began = time.Now()
		wait, err := c.turn()
		if err == nil {
			retry = retryFirst
		} else {
			wait = min(wait, retry)
			retry = min(2*retry, retryMost)
		}
		timer.Reset(max(wait, gracePace))
	}
}

// turn lets graces end and writes what there is to write. It returns how long there is nothing else to do.
func (c *Cluster) turn() (wait time.Duration, err error) {
	gone, wait := c.held.expire(time.Now())
	if !c.writable() {
		c.tellAlone(gone)
		return wait, nil
	}
	loaded := false
	for batch := c.held.take(reportBatch); len(batch) > 0; batch = c.held.take(reportBatch) {
		failed, err := c.write(batch)
		c.held.giveBack(failed)
		if unknown(err) && !loaded {
			loaded, err = true, c.load(c.ctx) // and again at once
		}
		c.note("presence cannot be written", err)
		if err != nil {
			c.tellAlone(failed)
			return wait, err
		}
	}
	return wait, nil
}

// writable tells whether there is a Redis and a lease to write under.
func (c *Cluster) writable() bool { return c.able() && c.registered() }

// tellAlone tells the owner what this node alone knows.
func (c *Cluster) tellAlone(entries []entry) {
	for _, e := range entries {
		state, online := c.held.of(e.user)[e.session]
		if !online {
			state.LastSeen = time.Now()
		}
		c.tell(presence.Change{
			UserID: e.user, SessionID: e.session, Online: online, Connections: state.Connections, LastSeen: state.LastSeen.UTC(),
		})
	}
}

// write writes a batch in one pipeline. It returns what was not written, and why.
func (c *Cluster) write(batch []entry) (failed []entry, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	ctx, cancel := context.WithTimeout(c.ctx, writeTimeout)
	defer cancel()
	id := c.id()
	pipe := c.db.Pipeline()
	pipe.Ping(ctx) // see courtesy
	for _, e := range batch {
		c.pipe(ctx, pipe, id, e)
	}
	cmds, _ := pipe.Exec(ctx)
	cmds = cmds[1:]
	for _, e := range batch {
		n := e.commands()
		if trouble := firstError(cmds[:n]); trouble != nil {
			failed, err = append(failed, e), trouble
		} else {
			c.held.written(e)
		}
		cmds = cmds[n:]
	}
	return failed, err
}

// stepBatch is how many steps of a session one script takes. Each numbers a change, and the numbers may not get ahead
// of the clock that they began with, by microseconds.
const stepBatch = 4

func (e entry) commands() int {
	n := (len(e.steps) + stepBatch - 1) / stepBatch
	if e.gone {
		n++
	}
	return n
}

func (c *Cluster) pipe(ctx context.Context, pipe driver.Pipeliner, id string, e entry) {
	part := partOf(e.user)
	keys := []string{c.names.user(e.user), c.names.index(part, id), c.names.totals(part)}
	for some := range slices.Chunk(e.steps, stepBatch) {
		args := append(make([]any, 0, 4+stepBatch), c.cfg.Prefix, e.user, e.session, id)
		for _, n := range some {
			args = append(args, n)
		}
		reportScript.EvalSha(ctx, pipe, keys, args...)
	}
	if e.gone {
		removeScript.EvalSha(ctx, pipe, keys, c.cfg.Prefix, e.user, e.session, id, id)
	}
}

func firstError(cmds []driver.Cmder) error {
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil && !errors.Is(err, driver.Nil) {
			return err
		}
	}
	return nil
}
