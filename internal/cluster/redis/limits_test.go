package redis

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit/limittest"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// TestLimits holds the buckets in Redis to what those in memory do, and so the two together.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	var opened atomic.Int64
	fresh := func(t *testing.T) *Cluster {
		prefix := "limits" + string(rune('a'+opened.Add(1)))
		return open(t, Config{URL: s.URL(), Prefix: prefix, Grace: testGrace, Lease: testLease})
	}
	t.Run("redis", func(t *testing.T) {
		limittest.Run(t, func(t *testing.T) limittest.Subject {
			return limittest.Subject{Limiter: fresh(t), Advance: wait}
		})
	})
	t.Run("both", func(t *testing.T) {
		limittest.Run(t, func(t *testing.T) limittest.Subject {
			return limittest.Subject{Limiter: limiter(fresh(t)), Advance: wait}
		})
	})
}

// wait lets Redis's clock go on, which is nobody's to turn.
func wait(d time.Duration) { <-time.After(d) }

// limiter is a node's, as it is wired.
func limiter(c *Cluster) *ratelimit.Shared {
	return ratelimit.NewShared(c, &ratelimit.Memory{}, slog.New(slog.DiscardHandler))
}

func takes(t *testing.T, l limittest.Limiter, limit ratelimit.Limit, key string) (n int) {
	t.Helper()
	for range 2 * limit.Burst {
		level, err := l.Take(t.Context(), limit, key)
		if err != nil {
			t.Fatal(err)
		}
		if level.Wait == 0 {
			n++
		}
	}
	return n
}

func TestNodesShareLimits(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	nodes := lab(t, s.URL(), 2)
	limit := ratelimit.LoginAddress
	var won atomic.Int64
	var all sync.WaitGroup
	for i := range 4 * limit.Burst {
		all.Go(func() {
			level, err := nodes[i%2].Take(context.Background(), limit, "192.0.2.1")
			if err != nil {
				t.Error(err)
			} else if level.Wait == 0 {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if int(won.Load()) != limit.Burst {
		t.Errorf("two nodes let %d through, want %d", won.Load(), limit.Burst)
	}
}

// TestLimitsOutliveRedis: what a node counted stays counted when Redis dies, others have buckets of their own, and no
// request waits for a server that is gone or hangs.
func TestLimitsOutliveRedis(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(*servertest.Redis){
		"dies":  (*servertest.Redis).Kill,
		"hangs": func(s *servertest.Redis) { s.Signal(syscall.SIGSTOP) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := servertest.StartRedis(t)
			l := limiter(lab(t, s.URL(), 1)[0].Cluster)
			if n := takes(t, l, ratelimit.LoginAccount, "victim"); n != ratelimit.LoginAccount.Burst {
				t.Fatalf("%d went through", n)
			}
			end(s)
			began := time.Now()
			if n := takes(t, l, ratelimit.LoginAccount, "victim"); n != 0 {
				t.Errorf("%d more went through", n)
			}
			for _, key := range []string{"a", "b", "c"} {
				if n := takes(t, l, ratelimit.LoginAccount, key); n != ratelimit.LoginAccount.Burst {
					t.Errorf("%d of another's went through, want %d", n, ratelimit.LoginAccount.Burst)
				}
			}
			if d := time.Since(began); d > time.Second {
				t.Errorf("60 requests waited %s", d)
			}
		})
	}
}

func TestBucketsExpireAndNameNobody(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	c := lab(t, s.URL(), 1)[0].Cluster
	db := client(t, s.URL())
	if _, err := c.Take(t.Context(), ratelimit.LoginAccount, "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	keys, err := db.Keys(t.Context(), "gatehouse:limit:*").Result()
	if err != nil || len(keys) != 1 || strings.Contains(keys[0], "ada") {
		t.Fatalf("keys %q, %v", keys, err)
	}
	refill := ratelimit.LoginAccount.Refill()
	if ttl, err := db.PTTL(t.Context(), keys[0]).Result(); err != nil || ttl <= refill-10*time.Second || ttl > refill {
		t.Errorf("it expires in %s, %v; want when it is full, in %s", ttl, err, refill)
	}
	if err := c.Return(t.Context(), ratelimit.LoginAccount, "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	if n, err := db.Exists(t.Context(), keys[0]).Result(); err != nil || n != 0 {
		t.Errorf("a full bucket is kept: %d, %v", n, err)
	}
}

// TestAClockThatWentBackLocksNobodyOut: a server that takes over may be behind the one before.
func TestAClockThatWentBackLocksNobodyOut(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	c := lab(t, s.URL(), 1)[0].Cluster
	limit := ratelimit.LoginAccount
	later := time.Now().Add(24 * time.Hour).UnixMicro()
	if err := client(t, s.URL()).Set(t.Context(), c.names.bucket(limit.Name, "k"), later, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if level, err := c.Take(t.Context(), limit, "k"); err != nil || level.Wait > limit.Refill() {
		t.Errorf("%+v, %v; want a place within %s", level, err, limit.Refill())
	}
}
