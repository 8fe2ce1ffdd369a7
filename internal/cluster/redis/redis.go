// Package redis is the cluster of any number of nodes that share a Redis: one server, a Redis Cluster, or one behind
// Sentinel.
//
// The bus is pub/sub. A node listens to the hints for all and to its own channel, and to those of users it watches.
// Whatever was published while it did not listen is lost to it, so every new subscription is told to the owner as a
// gap (OnGap). A probe that a node sends to itself shows whether the bus works.
//
// The registry is a hash per user, in which each node has a field per session. A node writes when a session's count
// on it changes, and else only renews its lease: idle sockets cost nothing. Everything that belongs together is
// changed and published by one script. When a node dies, its lease runs out, and another node takes it over and
// removes what it left. Redis holds nothing that the nodes do not know: one that finds its lease gone takes a new id
// and registers everything anew, and after a server was replaced, nodes compare what it has with what they hold.
//
// While Redis cannot be reached nothing here fails or waits long: answers are of this node alone. Only the buckets of
// limits have an error then (Take): who counts has buckets of his own for that.
package redis

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// closeTimeout is how long Close lets Redis be told what is left.
const closeTimeout = 3 * time.Second

// Config is what a Cluster needs to know. Zero fields but URL have defaults.
type Config struct {
	URL    string        // redis:// or rediss://; with addr= a Cluster, with master_name= Sentinel
	Prefix string        // of keys and channels, without braces: gatehouse
	Node   string        // the id to begin with; new at every start
	Grace  time.Duration // how long a session stays online without a connection
	Lease  time.Duration // how long after a node's last sign of life its sessions go offline: 10 s
	Log    *slog.Logger

	Speaker bool // publishes only, and is no node: a shell's
}

func (cfg Config) withDefaults() Config {
	if cfg.Prefix == "" {
		cfg.Prefix = "gatehouse"
	}
	if cfg.Node == "" {
		cfg.Node = id.New(id.Node)
	}
	if cfg.Lease == 0 {
		cfg.Lease = 10 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// Cluster is one node's bus and registry. It is safe for concurrent use. Close it.
type Cluster struct {
	// Static after construction.
	cfg     Config
	log     *slog.Logger
	db      driver.UniversalClient
	names   names
	origin  string // of this process's hints, which it does not need to hear
	started time.Time
	ctx     context.Context // of all that is asked of Redis in the background
	cancel  context.CancelFunc
	closing chan struct{}

	pulse   *pulse
	out     *outbox
	told    *teller
	held    *holdings
	watches *watches
	leases  *leases
	trouble *trouble
	reads   chan struct{} // places for those who read, so that they leave connections to the lease
	takers  chan struct{} // places for those who count requests, likewise
	look    chan struct{} // capacity 1: look at the leases now
	unread  chan struct{} // capacity 1: the owner is to be told of a gap

	writers sync.WaitGroup // end first, when all is written
	work    sync.WaitGroup
	teller  sync.WaitGroup
	ended   sync.Once
	err     error // of closing

	writing sync.Mutex // held while something is written under this node's id, so that it can change in between

	reaping  atomic.Bool // one at a time
	reaped   atomic.Int64
	replaced atomic.Bool // a server may have been

	mu     sync.Mutex // guards the following
	node   string     // this node's id
	former string     // the id before, whose lease was lost; "" once that is written
	joined bool       // there is a lease under this id
	sure   bool       // and it was looked at since the present subscription began
	closed bool
	onHint func(cluster.Hint)
	onGap  func(context.Context) error
}

// Open starts a Cluster. It does not wait for Redis: that it cannot be reached is no error, but a bad URL is.
func Open(cfg Config) (*Cluster, error) {
	db, err := connect(cfg.URL)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	c := &Cluster{
		cfg: cfg, log: cfg.Log, db: db, names: names{cfg.Prefix}, origin: id.New(id.Node), started: time.Now(),
		closing: make(chan struct{}),
		pulse:   newPulse(), out: &outbox{names: names{cfg.Prefix}, wake: make(chan struct{}, 1)}, told: newTeller(), held: newHoldings(cfg.Grace),
		watches: &watches{byChannel: map[string]*watched{}}, leases: newLeases(cfg.Lease), trouble: &trouble{known: map[string]bool{}},
		reads: make(chan struct{}, mostReads), takers: takers(), look: make(chan struct{}, 1), unread: make(chan struct{}, 1),
		node:   cfg.Node,
		onHint: func(cluster.Hint) {}, onGap: func(context.Context) error { return nil },
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.writers.Go(c.send)
	c.teller.Go(c.told.run)
	if !cfg.Speaker {
		c.writers.Go(c.record)
		c.writers.Go(c.keep)
		c.work.Go(c.listen)
		c.work.Go(c.probe)
		c.work.Go(c.catchUp)
	}
	return c, nil
}

// ID is this node's id at present. A node that was taken for dead has a new one.
func (c *Cluster) ID() string { return c.id() }

func (c *Cluster) id() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.node
}

func (c *Cluster) hasJoined() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.joined
}

// registered tells whether there is a lease to write under. One that was taken before a subscription was lost may be
// lost too: nothing is written before it was looked at.
func (c *Cluster) registered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.joined && c.sure
}

// verify notes whether the lease was looked at, and tells whether that is news.
func (c *Cluster) verify(sure bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	news := sure != c.sure
	c.sure = sure
	return news
}

func (c *Cluster) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Close writes and tells what is left, hands the lease back and stops. Nobody goes offline by it: a node that leaves
// has reported its counts before, and what is in its grace is left to the other nodes. Later reports are ignored.
// Without Redis it waits a few seconds at most.
func (c *Cluster) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.ended.Do(c.end)
	return c.err
}

func (c *Cluster) end() {
	defer time.AfterFunc(closeTimeout, c.cancel).Stop()
	close(c.closing)
	c.writers.Wait()
	if c.able() {
		c.await()
	}
	if c.hasJoined() {
		c.leave()
	}
	c.cancel()
	c.work.Wait()
	c.told.end()
	c.teller.Wait()
	c.err = c.db.Close()
}

// await waits until all that this node has written has come back to it: a probe sent after it, by every server that was
// written to, has.
func (c *Cluster) await() {
	ctx, cancel := context.WithTimeout(c.ctx, probeLimit)
	defer cancel()
	var turn sync.Mutex // one probe at a time: they are told apart by when they were sent
	_ = c.servers(ctx, func(ctx context.Context, server *driver.Client) error {
		turn.Lock()
		defer turn.Unlock()
		sent := time.Now()
		if err := server.Publish(ctx, c.names.node(c.id()), c.pulse.probe()).Err(); err != nil {
			return err
		}
		for !c.pulse.heardSince(sent) {
			select {
			case <-c.pulse.beats:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
}

// Stats are counts for metrics.
type Stats struct {
	WaitingHints   int   // on their way out
	LostHints      int64 // not sent to other nodes, or not known whether
	DroppedChanges int64 // did not fit; a gap was told
	Reaped         int64 // sessions of dead nodes that this node removed
	Lag            time.Duration
}

// Stats of this node so far; Lag is how long the latest probe took.
func (c *Cluster) Stats() Stats {
	s := Stats{Reaped: c.reaped.Load(), Lag: c.pulse.delay()}
	c.out.mu.Lock()
	s.WaitingHints, s.LostHints = len(c.out.queue), c.out.lost
	c.out.mu.Unlock()
	c.told.mu.Lock()
	s.DroppedChanges = c.told.dropped
	c.told.mu.Unlock()
	return s
}

// trouble is what is known to go wrong.
type trouble struct {
	mu    sync.Mutex // guards the following
	known map[string]bool
}

// note logs once that something goes wrong, and once that it is over.
func (c *Cluster) note(what string, err error) {
	c.trouble.mu.Lock()
	defer c.trouble.mu.Unlock()
	switch {
	case c.ctx.Err() != nil:
		return // nothing else was to be expected
	case err != nil && !c.trouble.known[what]:
		c.log.Warn(what, "error", err)
	case err == nil && c.trouble.known[what]:
		c.log.Info("no longer: " + what)
	}
	c.trouble.known[what] = err != nil
}
