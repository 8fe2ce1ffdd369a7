package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
	"github.com/gatehouse-dev/gatehouse/internal/cluster/clustertest"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// How nodes live here, if a test does not say otherwise.
const (
	testGrace = 300 * time.Millisecond
	testLease = 1500 * time.Millisecond
)

// TestSuite holds the kind to what all kinds of cluster do.
func TestSuite(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	clustertest.Run(t, suite(s.URL()))
}

// suite opens clusters that share a Redis and nothing else.
func suite(url string) clustertest.Open {
	var mu sync.Mutex
	opened := 0
	return func(t *testing.T, n int) []clustertest.Node {
		mu.Lock()
		opened++
		prefix := fmt.Sprint("suite", opened)
		mu.Unlock()
		nodes := make([]clustertest.Node, n)
		for i := range nodes {
			nodes[i] = open(t, Config{URL: url, Prefix: prefix, Grace: clustertest.Grace, Lease: 10 * time.Second})
		}
		return nodes
	}
}

// open opens a node and waits until it is connected and registered.
func open(t *testing.T, cfg Config) *Cluster {
	t.Helper()
	c := openNow(t, cfg)
	servertest.Eventually(t, "the node is healthy", func() bool { return c.Healthy() && c.writable() })
	return c
}

func openNow(t *testing.T, cfg Config) *Cluster {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// observer collects what a node is told.
type observer struct {
	*Cluster
	t *testing.T

	mu      sync.Mutex // guards the following
	changes []presence.Change
	hints   []cluster.Hint
	gaps    int
}

func observe(t *testing.T, c *Cluster) *observer {
	o := &observer{Cluster: c, t: t}
	c.OnChange(func(p presence.Change) { o.mu.Lock(); o.changes = append(o.changes, p); o.mu.Unlock() })
	c.Subscribe(func(h cluster.Hint) { o.mu.Lock(); o.hints = append(o.hints, h); o.mu.Unlock() })
	c.OnGap(func(context.Context) error { o.mu.Lock(); o.gaps++; o.mu.Unlock(); return nil })
	return o
}

// lab opens so many observed nodes on one Redis.
func lab(t *testing.T, url string, n int) []*observer {
	t.Helper()
	nodes := make([]*observer, n)
	for i := range nodes {
		nodes[i] = observe(t, open(t, Config{URL: url, Grace: testGrace, Lease: testLease}))
	}
	for _, o := range nodes {
		servertest.Eventually(t, "the owner was told of the first gap", o.Healthy)
	}
	return nodes
}

func (o *observer) told(fits func(presence.Change) bool) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, c := range o.changes {
		if fits(c) {
			n++
		}
	}
	return n
}

func (o *observer) gapsTold() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.gaps
}

// offlines is how often the node was told that the session went offline.
func (o *observer) offlines(session string) int {
	return o.told(func(c presence.Change) bool { return c.SessionID == session && !c.Online })
}

// counts waits until the node's answer for the session is a number of connections; -1 for offline.
func (o *observer) counts(user, session string, n int) {
	o.t.Helper()
	var got int
	servertest.Eventually(o.t, fmt.Sprintf("%s has %d connections", session, n), func() bool {
		got = -1
		states, err := o.Presence(o.t.Context(), user)
		if s, ok := states[session]; ok && (err == nil || errors.Is(err, cluster.ErrPartial)) {
			got = s.Connections
		}
		return got == n
	})
}

func (o *observer) totals(want presence.Totals) {
	o.t.Helper()
	servertest.Eventually(o.t, fmt.Sprintf("totals are %+v", want), func() bool {
		got, err := o.Totals(o.t.Context())
		return err == nil && got == want
	})
}
