// Package gatehouse is the whole of Gatehouse, to embed: it signs people in, knows which of their devices are here,
// and ends their sockets the moment a session is revoked.
//
//	cfg, err := gatehouse.Configure(nil, os.Environ(), nil)
//	…
//	g, err := gatehouse.Open(ctx, cfg, gatehouse.Options{})
//	…
//	err = g.Serve(ctx, listener) // until ctx ends, then drains
//
// A program with routes of its own puts Handler beside them, at /, guards them by Require, and answers messages of
// sockets by Options.Handlers; see the example.
//
// Open wires one store, one cluster, the rules, the HTTP API and the hub of sockets. What a call changes, the rules
// announce on the bus; the bus tells this node first, whose follower puts it into memory and then to the sockets.
package gatehouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-dev/gatehouse/httpapi"
	"github.com/gatehouse-dev/gatehouse/hub"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/clientaddr"
	"github.com/gatehouse-dev/gatehouse/internal/config"
	"github.com/gatehouse-dev/gatehouse/internal/events"
	"github.com/gatehouse-dev/gatehouse/internal/geo"
	"github.com/gatehouse-dev/gatehouse/internal/hints"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
	"github.com/gatehouse-dev/gatehouse/web"
)

// Config is every setting of a node; Configure makes one.
type Config = config.Config

// Configure reads settings from flags and from GATEHOUSE_ variables, as os.Environ gives them. Flags win. An error
// names the variable. warn, if not nil, is told of unknown ones.
func Configure(args, environ []string, warn func(string)) (Config, error) {
	if warn == nil {
		warn = func(string) {}
	}
	return config.Load(args, environ, warn)
}

// Version is the version of this build.
var Version = "dev"

// Gatehouse is one node.
type Gatehouse struct {
	// Static after construction.
	cfg      Config
	handlers map[string]Handler
	log      *slog.Logger
	now      func() time.Time
	node     string
	rules    *rules.Rules
	cluster  clustered
	memory   *revocation.Memory
	follower *revocation.Follower
	guard    *access.Guard
	limiter  limits
	places   *geo.DB
	visitors clientaddr.Resolver
	hub      *hub.Hub
	events   events.Broker
	api      *httpapi.API
	metrics  *prometheus.Registry
	measures *measures

	visits     chan webhook.Event // of devices that came and went, to be queued for webhooks
	lostVisits atomic.Int64
	rows       chan string // of the audit, to be announced
	draining   atomic.Bool
	heard      atomic.Int64       // when the bus was last known to work, in Unix nanoseconds
	stop       context.CancelFunc // of the background work
	work       sync.WaitGroup
}

// Open makes a node ready to serve: it opens the store, and reads what ended lately. Its background work runs until
// Close.
func Open(ctx context.Context, cfg Config, o Options) (_ *Gatehouse, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	log := cmp.Or(o.Log, slog.Default())
	g := &Gatehouse{cfg: cfg, handlers: o.Handlers, log: log, now: time.Now, node: id.New(id.Node), memory: revocation.NewMemory(), visits: make(chan webhook.Event, maxVisits), rows: make(chan string, maxRows)}
	g.visitors = clientaddr.Resolver{Trusted: cfg.TrustedProxies}
	if g.places, err = geo.Open(cfg.GeoIPDB); err != nil {
		return nil, fmt.Errorf("GATEHOUSE_GEOIP_DB: %w", err)
	}
	if g.rules, err = rules.Open(ctx, cfg, g.now, log); err != nil {
		return nil, errors.Join(err, g.places.Close())
	}
	if g.cluster, err = g.openCluster(); err != nil {
		return nil, errors.Join(err, g.rules.Close(), g.places.Close())
	}
	g.wire()
	if err := g.start(ctx); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

func (g *Gatehouse) wire() {
	g.metrics = prometheus.NewRegistry()
	g.measures = newMeasures(g.metrics, g.now())
	g.limiter = g.newLimits()
	if s, ok := g.rules.Store.(observed); ok {
		s.Observe(g.measures.stored)
	}
	g.guard = &access.Guard{
		Keys: g.rules.Keyset.Keys, Memory: g.memory, Fresh: g.fresh, Fence: g.cfg.FenceAfter,
		MustHaveFactor: rules.MustHaveFactor(g.cfg), Used: g.used, Now: g.now,
	}
	g.follower = revocation.NewFollower(revocation.Config{
		Source: g.rules.Store, Memory: g.memory, Applied: g.applied, Now: g.now, Log: g.log, Horizon: rules.Horizon(g.cfg),
		Hurry: func() bool { return !g.cluster.Healthy() }, Poll: g.followEvery(),
	})
	announcer := hints.Announcer(g.cluster, g.log)
	announcer.Audit = g.rowAdded
	g.rules.Announce(announcer)
	g.hub = hub.New(hub.Config{
		Node: g.node, Origins: g.cfg.AllowedOrigins, Auth: authenticator{g}, Devices: directory{g}, Presence: registry{g},
		Courier: courier{g}, Observer: observer{g}, Sessions: everybody{g}, Records: records{g},
		PresenceVisible: g.cfg.PresenceVisibility == config.PresenceOfUsers,
		Factors:         factors{g}, Handlers: g.handlers, ClientAddr: g.visitors.Of,
		Ended: g.measures.kicked, Log: g.log,
		Limits: hub.Limits{DrainWindow: g.cfg.DrainWindow, ReconnectSpread: max(g.cfg.PresenceGrace/2, 1)},
	})
	g.rules.Keys.Deleted = func(_ context.Context, keyID string) { g.events.CloseKey(keyID) }
	g.cluster.OnChange(g.presenceChanged)
	g.cluster.Subscribe(g.hint)
	g.cluster.OnGap(g.missed)
	g.registerMetrics()
	g.api = httpapi.New(g.apiConfig())
}

// Handler serves the HTTP API, the sockets at /ws and the pages. Its paths begin at the root of the public URL.
func (g *Gatehouse) Handler() http.Handler { return g.api }

// SetupLink is the one-time link that makes the first admin, alive for an hour; "" once there is one. Earlier links
// die.
func (g *Gatehouse) SetupLink(ctx context.Context) (string, error) {
	secret, err := g.rules.SignIn.SetupLink(ctx)
	if err != nil || secret == "" {
		return "", err
	}
	return g.cfg.PublicURL.String() + "/setup#token=" + secret, nil
}

// Timeouts of the HTTP server.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
	finishTimeout = 10 * time.Second // for requests under way when a drain ends
)

// Serve serves ln until ctx ends. Then it drains: not ready any more, sockets asked to reconnect and closed over the
// drain window, requests finished, the store closed. Nobody is signed out.
func (g *Gatehouse) Serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler: g.api, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve: %w", err), g.Close())
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.cfg.DrainWindow+finishTimeout)
	defer cancel()
	err := g.Drain(end)
	err = errors.Join(err, server.Shutdown(end))
	<-failed
	return errors.Join(err, g.Close())
}

// ServeMetrics serves /metrics alone on ln, until ctx ends.
func (g *Gatehouse) ServeMetrics(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", g.metricsHandler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}

// ready tells whether the node should get new clients.
func (g *Gatehouse) ready(ctx context.Context) error {
	if g.draining.Load() {
		return errors.New("draining")
	}
	if err := g.guard.Admit(); err != nil {
		return err
	}
	return g.rules.Store.Ping(ctx)
}

func (g *Gatehouse) apiConfig() httpapi.Config {
	r := g.rules
	cfg := httpapi.Config{
		Accounts: r.Accounts, Sessions: r.Sessions, SignIn: r.SignIn, Address: r.Address, Factors: r.Factors, Staff: r.Staff, Queue: r.Queue, Hooks: r.Hooks, Keys: r.Keys,
		Events: &g.events, History: g.history(), Audit: r.Store, Guard: g.guard,
		Presence: whoIsHere{g}, Send: g.send, Nodes: g.nodes, Limiter: g.limiter, RateLimits: g.cfg.RateLimits, SignupOpen: g.cfg.SignupOpen,
		Addresses: g.visitors, Locate: g.places.Lookup, PublicURL: g.cfg.PublicURL, Origins: g.cfg.AllowedOrigins,
		StepUpAge: g.cfg.StepUpAge, JWKS: func() []byte { return r.Keyset.Keys().JWKS() }, Ready: g.ready,
		Socket: g.hub, App: web.Handler(), Pages: web.Built(), Served: g.measures.served, Version: Version, Now: g.now, Log: g.log,
	}
	if g.cfg.MetricsListen == "" {
		cfg.Metrics = g.metricsHandler()
	}
	return cfg
}
