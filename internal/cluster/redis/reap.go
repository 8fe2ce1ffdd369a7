package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	driver "github.com/redis/go-redis/v9"
)

// reapBatch is how many sessions of a dead node are removed in one pipeline.
const reapBatch = 256

// bury takes over what has run out, if this node may, and returns when to look again.
func (c *Cluster) bury() time.Duration {
	members, next := c.leases.due()
	if len(members) == 0 || !c.reaping.CompareAndSwap(false, true) {
		return next
	}
	c.work.Go(func() {
		defer c.reaping.Store(false)
		for _, m := range members {
			c.note("a dead node cannot be reaped", c.claim(c.ctx, m))
		}
	})
	return next
}

// claim reaps a member if this node is the one that gets it.
func (c *Cluster) claim(ctx context.Context, m string) error {
	node := strings.TrimPrefix(m, dead)
	keys := []string{c.names.leases(), c.names.records()}
	got, err := claimScript.Run(ctx, c.db, keys, c.id(), m, node, c.cfg.Lease.Microseconds()).Int()
	if err != nil || got == 0 {
		return err
	}
	return c.reap(ctx, node)
}

// reap removes all that a dead node left. When it fails midway, the mark of it runs out as a lease does, and somebody
// goes on.
func (c *Cluster) reap(ctx context.Context, node string) error {
	began, removed := time.Now(), int64(0)
	for part := range parts {
		for left := true; left; {
			n, err := c.reapSome(ctx, part, node)
			removed, left = removed+n, n > 0
			c.reaped.Add(n)
			if err != nil {
				return fmt.Errorf("reap: %w", err)
			}
		}
	}
	if removed > 0 {
		c.log.Info("reaped a dead node", "node", node, "sessions", removed, "took", time.Since(began).Round(time.Millisecond))
	}
	return c.db.ZRem(ctx, c.names.leases(), dead+node).Err()
}

// reapSome removes a batch of a part's sessions and returns how many that were; none when there are no more.
func (c *Cluster) reapSome(ctx context.Context, part int, node string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	index := c.names.index(part, node)
	members, err := c.db.SRandMemberN(ctx, index, reapBatch).Result()
	if err != nil || len(members) == 0 {
		return 0, err
	}
	by, pipe := c.id(), c.db.Pipeline()
	for _, m := range members {
		user, session := splitMember(m)
		keys := []string{c.names.user(user), index, c.names.totals(part)}
		removeScript.EvalSha(ctx, pipe, keys, c.cfg.Prefix, user, session, node, by)
	}
	cmds, _ := pipe.Exec(ctx)
	if err = firstError(cmds); unknown(err) {
		return 0, errors.Join(err, c.load(ctx)) // for whoever takes it up again
	}
	return int64(len(members)), err
}

// audit looks, once under every id of this node, for what others left.
func (c *Cluster) audit(ctx context.Context) {
	if c.leases.audited {
		return
	}
	err := c.findOrphans(ctx)
	c.note("what nodes without lease left cannot be found", err)
	c.leases.audited = err == nil
}

// findOrphans leaves to the reapers what nodes left of whom there is no lease at all: a server lost the leases, but
// not what others have. Parts are read before leases, so that a new node is not taken for one; a node whose lease is
// gone never writes under that id again.
func (c *Cluster) findOrphans(ctx context.Context) error {
	all, err := c.allTotals(ctx)
	if err != nil {
		return err
	}
	if err := c.readLeases(ctx); err != nil {
		return err
	}
	for _, totals := range all {
		for field := range totals {
			node, ok := strings.CutPrefix(field, "node:")
			if !ok || c.leases.mentions(node) {
				continue
			}
			if err := c.db.ZAddNX(ctx, c.names.leases(), driver.Z{Member: dead + node}).Err(); err != nil {
				return err
			}
			c.leases.mark(dead + node)
		}
	}
	return nil
}

// compare looks, once in a lease and after every new subscription, whether a server was replaced. Then what it has
// may be older than what this node wrote.
func (c *Cluster) compare(ctx context.Context) {
	due := time.Since(c.leases.compared) >= c.cfg.Lease
	if !c.replaced.Swap(false) && !due {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	runs, err := c.runs(ctx)
	if err == nil && c.leases.runs != nil && !within(runs, c.leases.runs) {
		err = c.reconcile(ctx)
	}
	c.note("what redis has cannot be compared", err)
	if err != nil {
		c.replaced.Store(true)
		return
	}
	c.leases.runs, c.leases.compared = runs, time.Now()
}

func within(some, all map[string]bool) bool {
	for s := range some {
		if !all[s] {
			return false
		}
	}
	return true
}

// reconcile writes everything once more, which is harmless where it is known, and has sessions removed that Redis
// believes to be here. Nothing is written meanwhile.
func (c *Cluster) reconcile(ctx context.Context) error {
	c.log.Info("redis has a new server: comparing what it knows")
	if err := c.load(ctx); err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	node, pipe := c.id(), c.db.Pipeline()
	for part := range parts {
		pipe.SMembers(ctx, c.names.index(part, node))
	}
	cmds, _ := pipe.Exec(ctx)
	if err := firstError(cmds); err != nil {
		return err
	}
	now := time.Now()
	for _, cmd := range cmds {
		for _, m := range cmd.(*driver.StringSliceCmd).Val() {
			user, session := splitMember(m)
			c.held.adopt(user, session, now)
		}
	}
	c.held.again()
	return nil
}
