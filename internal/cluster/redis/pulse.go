package redis

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// How the bus is watched. Two nodes that do nothing else make fewer than five commands a second with this.
const (
	probeEvery = 1250 * time.Millisecond
	probeLimit = time.Second
	healthyFor = probeEvery + probeLimit // after a probe that came back
	ableFor    = 2 * healthyFor          // a probe or two may be late before Redis is not asked any more
	silence    = ableFor                 // of the subscription, before another is made
)

// pulse is how this node's subscription fares.
type pulse struct {
	started time.Time     // of this process; probes carry the time since
	beats   chan struct{} // capacity 1: a probe came back
	rose    chan struct{} // capacity 1: a subscription was confirmed; probe at once

	mu    sync.Mutex // guards the following
	live  int64      // the number of the subscription; 0 while there is none
	last  int64      // the latest number
	heard time.Time  // when the newest probe that came back on it was sent
	lag   time.Duration
	read  int64 // the subscription since which the owner has read the store
}

func newPulse() *pulse {
	return &pulse{started: time.Now(), beats: make(chan struct{}, 1), rose: make(chan struct{}, 1)}
}

// up says that a subscription was confirmed. Whatever was published before it is a gap.
func (p *pulse) up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	p.live, p.heard = p.last, time.Time{}
	signal(p.rose)
}

func (p *pulse) down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live, p.heard = 0, time.Time{}
}

// gap says that something was lost though the subscription stands.
func (p *pulse) gap() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	if p.live != 0 {
		p.live = p.last
	}
	signal(p.rose)
}

// beat says that a probe came back, and tells whether none had for long.
func (p *pulse) beat(sent time.Time) (again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live == 0 || !sent.After(p.heard) {
		return false
	}
	again = time.Since(p.heard) >= ableFor
	p.heard, p.lag = sent, time.Since(sent)
	signal(p.beats)
	return again
}

// beating tells whether a probe came back lately.
func (p *pulse) beating(within time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live != 0 && time.Since(p.heard) < within
}

// probe is the message of one that is sent now.
func (p *pulse) probe() string { return fmt.Sprint("p ", time.Since(p.started).Nanoseconds()) }

func (p *pulse) heardSince(t time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.heard.Before(t)
}

// unread is the subscription since which the owner has not read the store; 0 when there is none.
func (p *pulse) unread() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.read == p.live {
		return 0
	}
	return p.live
}

func (p *pulse) caughtUp(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read = max(p.read, n)
}

func (p *pulse) delay() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lag
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Healthy tells whether hints reach this node: a probe of its own came back lately on its subscription, and since
// that subscription began the owner has read what it may have missed.
func (c *Cluster) Healthy() bool {
	return c.pulse.beating(healthyFor) && c.pulse.unread() == 0
}

// able tells whether it is worth asking Redis.
func (c *Cluster) able() bool { return c.pulse.beating(ableFor) }

// probe sends a probe at intervals, and at once when a subscription was confirmed.
func (c *Cluster) probe() {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
		case <-c.pulse.rose:
			signal(c.unread)
		}
		if !c.pulse.beating(healthyFor) {
			c.out.drop() // its server may not be the one that is heard
		}
		_ = c.probeOnce(c.ctx) // what does not come back says it all
	}
}

func (c *Cluster) probeOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	message := c.pulse.probe()
	if c.out.probe(c.names.node(c.id()), message) {
		return nil
	}
	server, err := c.hintServer(ctx)
	if err != nil {
		return err
	}
	return server.Publish(ctx, c.names.node(c.id()), message).Err()
}

// probed hears a probe come back. The first, or the first for long, opens the way to Redis.
func (c *Cluster) probed(text string) {
	nanos, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return
	}
	if c.pulse.beat(c.pulse.started.Add(time.Duration(nanos))) {
		c.log.Info("connected to redis")
		c.replaced.Store(true)
		c.held.kick()
		signal(c.look)
		signal(c.out.wake)
	}
}

// OnGap names who is told that hints and changes may have been missed: at every new subscription to the bus, the
// first one too. It is called in a goroutine of its own, again a second later when it fails, and the bus is not
// healthy before it has returned nil. What it is to do: read from the store what ended, and have those who watch
// presence read it again.
func (c *Cluster) OnGap(f func(context.Context) error) {
	c.mu.Lock()
	c.onGap = f
	c.mu.Unlock()
	c.pulse.gap()
}

// catchUp calls the owner after gaps.
func (c *Cluster) catchUp() {
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.unread:
		case <-again.C:
		}
		n := c.pulse.unread()
		if n == 0 {
			continue
		}
		c.mu.Lock()
		f := c.onGap
		c.mu.Unlock()
		if err := f(c.ctx); err != nil {
			again.Reset(time.Second)
			continue
		}
		c.pulse.caughtUp(n)
	}
}
