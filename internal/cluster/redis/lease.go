package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// retryLease is how long after a failure the lease is tried again, at most.
const retryLease = 500 * time.Millisecond

// record is what a node says of itself.
type record struct {
	StartedAt   time.Time `json:"started_at"`
	Connections int       `json:"connections"`
	LagMS       int64     `json:"lag_ms"`
}

// describe is what this node says of itself.
func (c *Cluster) describe() record {
	n, _ := c.held.count()
	return record{StartedAt: c.started.UTC(), Connections: n, LagMS: c.pulse.delay().Milliseconds()}
}

// keep holds this node's lease, and looks after those of others, until the end.
func (c *Cluster) keep() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-c.closing:
			return
		case <-c.look:
		case <-timer.C:
		}
		timer.Reset(c.tend())
	}
}

// tend does what is due and returns how long there is nothing to do.
func (c *Cluster) tend() time.Duration {
	every := c.cfg.Lease / 3
	err := c.hold(c.ctx)
	c.note("the lease cannot be held", err)
	if err != nil {
		return min(every/2, retryLease)
	}
	if c.verify(true) {
		c.held.kick()
	}
	c.audit(c.ctx)
	c.compare(c.ctx)
	return min(every, c.bury())
}

// hold renews the lease, or takes one. A node that finds its lease gone was taken for dead, or Redis lost it.
func (c *Cluster) hold(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(c.cfg.Lease/3, retryLease))
	defer cancel()
	if !c.hasJoined() {
		return c.join(ctx)
	}
	status, err := c.renew(ctx)
	if err != nil || status != leaseGone {
		return err
	}
	c.log.Warn("this node was taken for dead, or redis lost its data: registering anew")
	c.rename()
	return c.join(ctx)
}

// rename gives this node a new id, under which everything is written again and heard.
func (c *Cluster) rename() {
	c.writing.Lock()
	c.mu.Lock()
	c.former, c.node, c.joined, c.sure = c.node, id.New(id.Node), false, false
	c.mu.Unlock()
	c.writing.Unlock()
	c.held.again()
	c.watches.drop()
}

func (c *Cluster) join(ctx context.Context) error {
	if err := c.load(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	node, former := c.node, c.former
	c.mu.Unlock()
	now := c.describe()
	data, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	keys := []string{c.names.leases(), c.names.records()}
	got, err := joinScript.Run(ctx, c.db, keys, node, c.cfg.Lease.Microseconds(), data, former).Slice()
	if err != nil {
		return err
	}
	if err := c.leases.read(got, node, true); err != nil {
		return err
	}
	c.leases.said, c.leases.audited = now, false
	c.mu.Lock()
	c.former, c.joined = "", true
	c.mu.Unlock()
	return nil
}

func (c *Cluster) renew(ctx context.Context) (status int64, err error) {
	node, now := c.id(), c.describe()
	var data []byte
	if now.differs(c.leases.said) {
		if data, err = json.Marshal(now); err != nil {
			return 0, fmt.Errorf("encode record: %w", err)
		}
	}
	keys := []string{c.names.leases(), c.names.records()}
	got, err := renewScript.Run(ctx, c.db, keys, node, c.cfg.Lease.Microseconds(), data).Slice()
	if err != nil {
		return 0, err
	}
	if data != nil {
		c.leases.said = now
	}
	status, _ = got[0].(int64)
	return status, c.leases.read(got, node, status == leaseLate)
}

// differs tells whether the record is worth writing: not for a millisecond of lag.
func (r record) differs(old record) bool {
	change := r.LagMS - old.LagMS
	return r.Connections != old.Connections || change*change >= 25
}

// leave hands the lease back. What is still in its grace has until its end.
func (c *Cluster) leave() {
	ctx, cancel := context.WithTimeout(c.ctx, probeLimit)
	defer cancel()
	left := max(c.cfg.Grace, time.Millisecond).Microseconds()
	if _, empty := c.held.count(); empty {
		left = 0
	}
	keys := []string{c.names.leases(), c.names.records()}
	err := leaveScript.Run(ctx, c.db, keys, c.id(), left, c.cfg.Prefix).Err()
	c.note("the lease cannot be handed back", err)
}

// readLeases looks at the leases without renewing.
func (c *Cluster) readLeases(ctx context.Context) error {
	got, err := leasesScript.Run(ctx, c.db, []string{c.names.leases()}).Slice()
	if err != nil {
		return err
	}
	return c.leases.read(got, c.id(), false)
}

var errAnswer = errors.New("redis answered something else than leases")

// parseLeases reads {status, clock, member, end, …}.
func parseLeases(got []any) (clock int64, ends map[string]int64, err error) {
	if len(got) < 2 || len(got)%2 != 0 {
		return 0, nil, errAnswer
	}
	ends = map[string]int64{}
	for i := 1; i < len(got); i++ {
		text, ok := got[i].(string)
		if !ok {
			return 0, nil, errAnswer
		}
		if i%2 == 0 {
			continue
		}
		micros, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, nil, errAnswer
		}
		if i == 1 {
			clock = int64(micros)
		} else {
			ends[got[i-1].(string)] = int64(micros)
		}
	}
	return clock, ends, nil
}

// dead marks what a dead node left, among the leases.
const dead = "dead:"

func isDead(member string) bool { return strings.HasPrefix(member, dead) }
