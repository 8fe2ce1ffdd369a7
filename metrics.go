package gatehouse

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatehouse-dev/gatehouse/internal/cluster/redis"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// registerMetrics completes the registry behind /metrics: what the parts count is read when it is asked for.
func (g *Gatehouse) registerMetrics() {
	g.metrics.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newCollector(g),
	)
}

func (g *Gatehouse) metricsHandler() http.Handler {
	return promhttp.HandlerFor(g.metrics, promhttp.HandlerOpts{})
}

// collector reads the counters of a node.
type collector struct {
	g *Gatehouse

	build, fenced, undeclared                          *prometheus.Desc
	connections, waiting, handshakes, closes           *prometheus.Desc
	framesIn, framesOut, slow, limited                 *prometheus.Desc
	drops, queues                                      *prometheus.Desc
	hashes, hashesRefused, hashesWaiting               *prometheus.Desc
	followerAge, followerReads, followerFailed, recent *prometheus.Desc
	busHealthy, busLag, busLost, reaped                *prometheus.Desc
	alone, jobs                                        *prometheus.Desc
}

func newCollector(g *Gatehouse) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("gatehouse_"+name, help, labels, nil)
	}
	return &collector{
		g:             g,
		build:         desc("build_info", "1; the labels say what runs.", "version", "node"),
		fenced:        desc("fenced", "1 while this node knows too little to admit anybody."),
		undeclared:    desc("undeclared_proxy", "1 while all requests come through a proxy that GATEHOUSE_TRUSTED_PROXIES does not name."),
		connections:   desc("sockets", "Authenticated sockets of this node."),
		waiting:       desc("sockets_waiting", "Sockets that have not authenticated yet."),
		handshakes:    desc("handshakes_total", "WebSocket handshakes by outcome.", "outcome"),
		closes:        desc("closes_total", "Closed sockets by close reason.", "reason"),
		framesIn:      desc("frames_received_total", "Frames from clients."),
		framesOut:     desc("frames_sent_total", "Frames to clients."),
		slow:          desc("slow_consumers_total", "Sockets closed because a write missed its deadline."),
		limited:       desc("frames_limited_total", "Client frames refused because there were too many."),
		drops:         desc("drops_total", "What did not fit where it had to wait: feed_change and presence_change are made good by a snapshot.", "what"),
		queues:        desc("queue_length", "What waits, by queue.", "queue"),
		hashes:        desc("password_hashes_total", "Passwords hashed."),
		hashesRefused: desc("password_hashes_refused_total", "Password hashes refused because too many waited."),
		hashesWaiting: desc("password_hashes_waiting", "Password hashes that wait for a slot."),
		followerAge:   desc("follower_age_seconds", "Time since this node last read from the store what ended."),
		followerReads: desc("follower_reads_total", "Reads of the store for what ended."),
		followerFailed: desc("follower_failed_reads_total",
			"Reads of the store for what ended that failed."),
		recent:     desc("revocation_memory_records", "Recent changes that access tokens are checked against."),
		busHealthy: desc("bus_healthy", "1 while hints of other nodes reach this one."),
		busLag:     desc("bus_lag_seconds", "How long the latest probe took through the bus."),
		busLost:    desc("bus_lost_hints_total", "Hints that other nodes may not have got; they read the store."),
		reaped:     desc("reaped_sessions_total", "Sessions of dead nodes that this node took out of presence."),
		alone:      desc("rate_limits_alone_total", "Attempts that this node counted by itself because Redis could not be asked."),
		jobs:       desc("jobs", "Jobs of the outbox by state, over all nodes.", "state"),
	}
}

// Describe sends nothing: the collector is unchecked, its metrics are those of Collect.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads all counters.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	to := sink(out)
	to.gauge(c.build, 1, Version, c.g.cluster.ID())
	to.gauge(c.fenced, flag(c.g.guard.Admit() != nil))
	to.gauge(c.undeclared, flag(c.g.api.BehindUndeclaredProxy()))
	c.sockets(to)
	c.revocations(to)
	c.bus(to)
	c.work(to)
}

func (c *collector) sockets(to sink) {
	s := c.g.hub.Stats()
	to.gauge(c.connections, float64(s.Connections))
	to.gauge(c.waiting, float64(s.Waiting))
	for outcome, n := range s.Handshakes {
		to.count(c.handshakes, float64(n), outcome)
	}
	for reason, n := range s.Closes {
		to.count(c.closes, float64(n), reason)
	}
	to.count(c.framesIn, float64(s.FramesIn))
	to.count(c.framesOut, float64(s.FramesOut))
	to.count(c.slow, float64(s.SlowConsumers))
	to.count(c.limited, float64(s.LimitedFrames))
	to.count(c.drops, float64(s.DroppedChanges), "feed_change")
	to.count(c.drops, float64(s.LostMessages), "message")
}

func (c *collector) revocations(to sink) {
	f := c.g.follower.Stats()
	to.gauge(c.followerAge, c.g.follower.Age().Seconds())
	to.count(c.followerReads, float64(f.Reads))
	to.count(c.followerFailed, float64(f.Failed))
	to.gauge(c.recent, float64(c.g.memory.Len()))
}

// bus is of what nodes share. A node alone has a bus without delay, on which nothing is lost.
func (c *collector) bus(to sink) {
	var s redis.Stats
	if shared, ok := c.g.cluster.(interface{ Stats() redis.Stats }); ok {
		s = shared.Stats()
	}
	to.gauge(c.busHealthy, flag(c.g.cluster.Healthy()))
	to.gauge(c.busLag, s.Lag.Seconds())
	to.count(c.busLost, float64(s.LostHints))
	to.count(c.reaped, float64(s.Reaped))
	to.count(c.drops, float64(s.DroppedChanges), "presence_change")
	to.gauge(c.queues, float64(s.WaitingHints), "bus")
	to.count(c.alone, float64(c.g.limiter.alone()))
}

func (c *collector) work(to sink) {
	r := c.g.rules
	hashes, refused := r.Accounts.Hasher.Counts()
	to.count(c.hashes, float64(hashes))
	to.count(c.hashesRefused, float64(refused))
	to.gauge(c.hashesWaiting, float64(r.Accounts.Hasher.Waiting()))
	to.count(c.drops, float64(r.Traces.Dropped()), "trace")
	if s, ok := r.Store.(interface{ Queued() int }); ok {
		to.gauge(c.queues, float64(s.Queued()), "store")
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	for _, state := range []string{outbox.Queued, outbox.Running, outbox.Done, outbox.Dead} {
		page, err := r.Queue.List(ctx, outbox.Query{State: state, Limit: 1})
		if err != nil {
			return // the store's own metrics say so
		}
		to.gauge(c.jobs, float64(page.Total), state)
	}
}

// scrapeTimeout is what a scrape waits for the store.
const scrapeTimeout = 2 * time.Second

// sink takes metrics.
type sink chan<- prometheus.Metric

func (to sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (to sink) count(d *prometheus.Desc, v float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

func flag(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
