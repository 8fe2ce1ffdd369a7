package redis

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// pair is two nodes on a Redis of their own.
func pair(b *testing.B) (s *servertest.Redis, nodes [2]*Cluster) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	s = servertest.StartRedis(b)
	for i := range nodes {
		c, err := Open(Config{URL: s.URL(), Grace: time.Hour, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close() })
		servertest.Eventually(b, "the node is healthy", func() bool { return c.Healthy() && c.writable() })
		nodes[i] = c
	}
	return s, nodes
}

// oneByOne measures how long each of a thousand takes, from send to the word that it arrived, and reports the median and
// the 99th percentile.
func oneByOne(b *testing.B, send func(i int), arrived <-chan struct{}) {
	b.Helper()
	const n = 1000
	took := make([]time.Duration, n)
	for i := range took {
		time.Sleep(time.Millisecond) // one at a time, not one after the other
		began := time.Now()
		send(i)
		<-arrived
		took[i] = time.Since(began)
	}
	report(b, took)
}

func report(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	us := func(i int) float64 { return float64(took[i]) / float64(time.Microsecond) }
	b.ReportMetric(us(len(took)/2), "p50-us")
	b.ReportMetric(us(len(took)*99/100), "p99-us")
}

// BenchmarkWay is how long something takes from one node to the other. The floor is what Redis and its driver take for
// a PUBLISH to somebody who listens.
func BenchmarkWay(b *testing.B) {
	body, _ := json.Marshal(map[string]any{"at": time.Now(), "version": 2, "user_id": "usr_1", "session_id": "ses_1", "ended": map[string]any{"reason": "kicked", "at": time.Now()}})
	hint := func(kind string) cluster.Hint {
		return cluster.Hint{Kind: kind, UserID: "usr_1", SessionID: "ses_1", Body: body}
	}
	arrived := make(chan struct{}, 1)
	b.Run("floor", func(b *testing.B) {
		s, _ := pair(b)
		a, l := client(b, s.URL()), client(b, s.URL())
		sub := l.Subscribe(b.Context(), "floor")
		defer sub.Close()
		if _, err := sub.Receive(b.Context()); err != nil {
			b.Fatal(err)
		}
		go func() {
			for {
				if _, err := sub.ReceiveMessage(context.Background()); err != nil {
					return
				}
				arrived <- struct{}{}
			}
		}()
		oneByOne(b, func(int) { a.Publish(b.Context(), "floor", body) }, arrived)
	})
	b.Run("hint-to-all", func(b *testing.B) {
		_, nodes := pair(b)
		nodes[1].Subscribe(func(cluster.Hint) { arrived <- struct{}{} })
		oneByOne(b, func(int) { _ = nodes[0].Publish(b.Context(), hint(cluster.KindSession)) }, arrived)
	})
	b.Run("message", func(b *testing.B) {
		_, nodes := pair(b)
		nodes[1].Report("usr_1", "ses_1", 1)
		servertest.Eventually(b, "it is known", func() bool { t, _ := nodes[0].Totals(b.Context()); return t.Sessions == 1 })
		nodes[1].Subscribe(func(cluster.Hint) { arrived <- struct{}{} })
		oneByOne(b, func(int) { _ = nodes[0].Publish(b.Context(), hint(cluster.KindMessage)) }, arrived)
	})
	b.Run("presence", func(b *testing.B) {
		_, nodes := pair(b)
		nodes[1].OnChange(func(presence.Change) { arrived <- struct{}{} })
		defer nodes[1].WatchAll(b.Context())()
		oneByOne(b, func(i int) { nodes[0].Report("usr_1", fmt.Sprint("ses_", i%20), 1+i/20) }, arrived)
	})
}

// BenchmarkRush is how long hints take while 4,000 a second are sent, as for 2,000 kicks, each with its row of the audit.
func BenchmarkRush(b *testing.B) {
	const n, each = 4000, 10 * time.Millisecond
	_, nodes := pair(b)
	sent := make([]atomic.Int64, n)
	took, arrived := make([]time.Duration, n), make(chan struct{}, n)
	nodes[1].Subscribe(func(h cluster.Hint) {
		var i int
		_ = json.Unmarshal(h.Body, &i)
		took[i] = time.Duration(time.Now().UnixNano() - sent[i].Load())
		arrived <- struct{}{}
	})
	tick := time.NewTicker(each)
	defer tick.Stop()
	per := int(4000 * each / time.Second)
	for i := range n {
		if i%per == 0 {
			<-tick.C
		}
		sent[i].Store(time.Now().UnixNano())
		h := cluster.Hint{Kind: cluster.KindSession, UserID: "usr_1", SessionID: fmt.Sprint("ses_", i), Body: fmt.Append(nil, i)}
		if err := nodes[0].Publish(b.Context(), h); err != nil {
			b.Fatal(err)
		}
	}
	for range n {
		<-arrived
	}
	report(b, took)
}

// BenchmarkHints is how many hints a second one node can send and another hear.
func BenchmarkHints(b *testing.B) {
	const n = 100_000
	_, nodes := pair(b)
	arrived := make(chan struct{}, n)
	nodes[1].Subscribe(func(cluster.Hint) { arrived <- struct{}{} })
	h := cluster.Hint{Kind: cluster.KindSession, UserID: "usr_1", SessionID: "ses_1", Body: json.RawMessage(`{"version":2}`)}
	began := time.Now()
	for i := range n {
		for nodes[0].Publish(b.Context(), h) != nil {
			time.Sleep(time.Millisecond) // as many as fit
		}
		if i >= 2000 {
			<-arrived
		}
	}
	for range 2000 {
		<-arrived
	}
	b.ReportMetric(n/time.Since(began).Seconds(), "hints/s")
}
