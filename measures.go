package gatehouse

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
)

// measures are what is measured where it happens; what the parts count themselves, collector reads.
type measures struct {
	started time.Time

	requests    *prometheus.CounterVec
	requestTime *prometheus.HistogramVec
	kicks       *prometheus.HistogramVec
	revocations prometheus.Histogram
	storeTime   *prometheus.HistogramVec
	storeErrors *prometheus.CounterVec
	refusals    *prometheus.CounterVec

	answers sync.Map // of answer to *answered: there are few, and finding the metrics by their labels costs more
}

// answer is what answers are counted by, answered its metrics.
type (
	answer struct {
		method, route string
		status        int
	}
	answered struct {
		count prometheus.Counter
		time  prometheus.Observer
	}
)

// observed is a store that says how long it took.
type observed interface {
	Observe(func(operation string, took time.Duration, err error))
}

// latencies are the buckets of what takes from half a millisecond to ten seconds.
var latencies = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func newMeasures(r prometheus.Registerer, started time.Time) *measures {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "gatehouse", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "gatehouse", Name: name, Help: help, Buckets: latencies}, labels)
	}
	m := &measures{
		started:     started,
		requests:    counter("http_requests_total", "Requests answered, by the pattern of their route.", "method", "route", "status"),
		requestTime: histogram("http_request_duration_seconds", "How long requests took, by the pattern of their route.", "route"),
		kicks: histogram("kick_duration_seconds", "From the end in a session's record to the last frame on a socket of this node, by the end's reason.",
			"reason"),
		revocations: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "gatehouse", Name: "revocation_lag_seconds", Buckets: latencies,
			Help: "From a change's stamp in the store to this node's memory, where access tokens are checked against it.",
		}),
		storeTime:   histogram("store_duration_seconds", "How long the store took, by operation.", "operation"),
		storeErrors: counter("store_errors_total", "Operations of the store that failed by its own fault.", "operation"),
		refusals:    counter("rate_limited_total", "Attempts refused because there were too many, by limit.", "limit"),
	}
	for _, l := range ratelimit.All() {
		m.refusals.WithLabelValues(l.Name) // there from the beginning
	}
	r.MustRegister(m.requests, m.requestTime, m.kicks, m.revocations, m.storeTime, m.storeErrors, m.refusals)
	return m
}

func (m *measures) served(method, route string, status int, took time.Duration) {
	kind := answer{method, route, status}
	known, ok := m.answers.Load(kind)
	if !ok {
		known, _ = m.answers.LoadOrStore(kind, &answered{
			m.requests.WithLabelValues(method, route, strconv.Itoa(status)), m.requestTime.WithLabelValues(route),
		})
	}
	a := known.(*answered)
	a.count.Inc()
	a.time.Observe(took.Seconds())
}

func (m *measures) kicked(reason string, after time.Duration) {
	m.kicks.WithLabelValues(reason).Observe(after.Seconds())
}

// applied measures a change that memory has now, unless it is from before this node.
func (m *measures) applied(c revocation.Change, now time.Time) {
	if c.At.After(m.started) {
		m.revocations.Observe(max(now.Sub(c.At), 0).Seconds())
	}
}

func (m *measures) stored(operation string, took time.Duration, err error) {
	m.storeTime.WithLabelValues(operation).Observe(took.Seconds())
	failed := m.storeErrors.WithLabelValues(operation)
	if kind := fault.As(err).Kind; err != nil && (kind == fault.Internal || kind == fault.Unavailable) && !errors.Is(err, context.Canceled) {
		failed.Inc()
	}
}

func (m *measures) limited(limit string) { m.refusals.WithLabelValues(limit).Inc() }
