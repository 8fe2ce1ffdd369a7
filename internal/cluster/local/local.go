// Package local is the cluster of a single process: a bus that is a function call, and a registry in memory.
package local

import (
	"context"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
)

// Config is what a Cluster needs to know.
type Config struct {
	Node  string           // the id of this process
	Grace time.Duration    // how long a session stays online without a connection
	Now   func() time.Time // nil: time.Now
}

// Cluster is both bus and registry of one node. Close it.
type Cluster struct {
	// Static after construction, but for what Subscribe and OnChange set before use.
	node     string
	started  time.Time
	now      func() time.Time
	hints    func(cluster.Hint)
	onChange func(presence.Change)
	wake     chan struct{} // capacity 1: there is something to tell, or an earlier deadline
	stop     chan struct{}
	stopped  chan struct{}

	mu     sync.Mutex // guards the following
	users  *presence.Users
	queue  []presence.Change // not told yet; whoever watches must keep up
	closed bool
}

// New starts a Cluster.
func New(cfg Config) *Cluster {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Cluster{
		node:     cfg.Node,
		started:  cfg.Now(),
		now:      cfg.Now,
		hints:    func(cluster.Hint) {},
		onChange: func(presence.Change) {},
		wake:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		stopped:  make(chan struct{}),
		users:    presence.New(cfg.Grace),
	}
	go c.run()
	return c
}

// ID is the id of this process.
func (c *Cluster) ID() string { return c.node }

// Nodes is this one.
func (c *Cluster) Nodes(context.Context) ([]cluster.Node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return []cluster.Node{{ID: c.node, StartedAt: c.started, Connections: c.users.Totals().Connections}}, nil
}

// OnGap names who is told that something may have been missed. A function call misses nothing.
func (c *Cluster) OnGap(func(context.Context) error) {}

// Watch has a user's changes told to this node, which they are anyway.
func (c *Cluster) Watch(context.Context, string) (stop func()) { return func() {} }

// WatchAll is Watch for everybody.
func (c *Cluster) WatchAll(context.Context) (stop func()) { return func() {} }

// Healthy tells whether hints reach all nodes: there is only this one.
func (c *Cluster) Healthy() bool { return true }

// Close tells what is still to be told and stops. Nobody goes offline by it: a node that leaves has reported its
// counts before. Later reports are ignored.
func (c *Cluster) Close() error {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	if first {
		close(c.stop)
	}
	<-c.stopped
	return nil
}
