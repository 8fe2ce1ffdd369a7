package redis

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/gatehouse-dev/gatehouse/internal/presence"
)

// How counts are written.
const (
	reportBatch = 512                   // commands in a pipeline, or a few more
	pace        = time.Millisecond      // between writes: what a storm reports shares them, what comes alone goes at once
	paceEach    = 50 * time.Microsecond // for each session that was written, up to that
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
	retry, began, wrote := retryFirst, time.Time{}, 0
	for ended := false; !ended; {
		select {
		case <-c.held.wake:
		case <-timer.C:
		case <-c.closing:
			ended = true
		}
		if rest := min(pace, time.Duration(wrote)*paceEach) - time.Since(began); rest > 0 {
			c.sleep(rest)
		}
		began = time.Now()
		n, wait, err := c.turn()
		wrote = n
		if err == nil {
			retry = retryFirst
		} else {
			wait = min(wait, retry)
			retry = min(2*retry, retryMost)
		}
		timer.Reset(max(wait, gracePace))
	}
}

// turn lets graces end and writes what there is to write. It returns how many sessions that were, and how long there is
// nothing else to do.
func (c *Cluster) turn() (wrote int, wait time.Duration, err error) {
	gone, wait := c.held.expire(time.Now())
	if !c.writable() {
		c.tellAlone(gone)
		return 0, wait, nil
	}
	loaded := false
	for batch := c.held.take(reportBatch); len(batch) > 0; batch = c.held.take(reportBatch) {
		wrote += len(batch)
		failed, err := c.write(batch)
		c.held.giveBack(failed)
		if unknown(err) && !loaded {
			loaded, err = true, c.load(c.ctx) // and again at once
		}
		c.note("presence cannot be written", err)
		if err != nil {
			c.tellAlone(failed)
			return wrote, wait, err
		}
	}
	return wrote, wait, nil
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

// write writes a batch at once. It returns what was not written, and why.
func (c *Cluster) write(batch []entry) (failed []entry, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	ctx, cancel := context.WithTimeout(c.ctx, writeTimeout)
	defer cancel()
	id, commands := c.id(), [][]string(nil)
	counts := make([]int, len(batch)) // of commands
	for i, e := range batch {
		own := c.commands(id, e)
		commands, counts[i] = append(commands, own...), len(own)
	}
	errs, ok := c.byLine(ctx, commands)
	if !ok {
		errs = c.byPipeline(ctx, commands)
	}
	for i, e := range batch {
		if trouble := cmp.Or(errs[:counts[i]]...); trouble != nil {
			failed, err = append(failed, e), trouble
		} else {
			c.held.written(e)
		}
		errs = errs[counts[i]:]
	}
	return failed, err
}

// byLine is for a few commands: the line is faster, but not for as many as a storm has. It is false when they did not
// go that way.
func (c *Cluster) byLine(ctx context.Context, commands [][]string) (errs []error, ok bool) {
	answers := make(chan answer, len(commands))
	batch := make([]letter, len(commands))
	for i, command := range commands {
		batch[i] = letter{command: command, answer: answers}
	}
	if !c.out.writeNow(batch) {
		return nil, false
	}
	errs = make([]error, len(commands))
	for i := range errs {
		select {
		case a := <-answers:
			errs[i] = a.err
		case <-ctx.Done():
			errs[i] = ctx.Err()
		}
	}
	return errs, true
}

func (c *Cluster) byPipeline(ctx context.Context, commands [][]string) (errs []error) {
	pipe := c.db.Pipeline()
	for _, command := range commands {
		args := make([]any, len(command))
		for i, arg := range command {
			args[i] = arg
		}
		pipe.Do(ctx, args...)
	}
	cmds, _ := pipe.Exec(ctx)
	for _, cmd := range cmds {
		errs = append(errs, cmd.Err())
	}
	return errs
}

// stepBatch is how many steps of a session one script takes. Each numbers a change, and the numbers may not get ahead
// of the clock that they began with, by microseconds.
const stepBatch = 4

// commands are those of an entry.
func (c *Cluster) commands(id string, e entry) (all [][]string) {
	part := partOf(e.user)
	user, index, totals := c.names.user(e.user), c.names.index(part, id), c.names.totals(part)
	begin := func(script *driver.Script) []string {
		return append(make([]string, 0, 10+stepBatch), "EVALSHA", script.Hash(), "3", user, index, totals, c.cfg.Prefix, e.user, e.session, id)
	}
	for some := range slices.Chunk(e.steps, stepBatch) {
		one := begin(reportScript)
		for _, n := range some {
			one = append(one, strconv.Itoa(n))
		}
		all = append(all, one)
	}
	if e.gone {
		all = append(all, append(begin(removeScript), id))
	}
	return all
}

func firstError(cmds []driver.Cmder) error {
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil && !errors.Is(err, driver.Nil) {
			return err
		}
	}
	return nil
}
