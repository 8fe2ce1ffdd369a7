package ratelimit_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit/limittest"
)

type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func newClock() *clock { return &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func TestMemory(t *testing.T) {
	limittest.Run(t, func(*testing.T) limittest.Subject {
		c := newClock()
		return limittest.Subject{Limiter: &ratelimit.Memory{Now: c.now}, Advance: c.advance}
	})
}

func exhaust(t *testing.T, m *ratelimit.Memory, limit ratelimit.Limit, key string) {
	t.Helper()
	for i := range limit.Burst {
		if level, _ := m.Take(context.Background(), limit, key); level.Wait != 0 {
			t.Fatalf("take %d of %s was refused for %s", i+1, limit.Name, level.Wait)
		}
	}
	if level, _ := m.Take(context.Background(), limit, key); level.Wait == 0 {
		t.Fatalf("%s let more than %d through", limit.Name, limit.Burst)
	}
}

func TestTheNamedLimitsHold(t *testing.T) {
	seen := map[string]bool{}
	for _, limit := range ratelimit.All() {
		if seen[limit.Name] {
			t.Errorf("two limits are named %s and would share their buckets", limit.Name)
		}
		seen[limit.Name] = true
		c := newClock()
		m := &ratelimit.Memory{Now: c.now}
		exhaust(t, m, limit, "k")
		c.advance(limit.Per)
		exhaust(t, m, limit, "k")
	}
}

func TestAFloodOfKeysForgetsTheOldestOfItsLimitOnly(t *testing.T) {
	c := newClock()
	m := &ratelimit.Memory{Now: c.now, MaxKeys: 100}
	ctx := context.Background()
	exhaust(t, m, ratelimit.LoginAccount, "victim")
	exhaust(t, m, ratelimit.Anonymous, "first")
	for i := range 100 {
		c.advance(time.Millisecond)
		m.Take(ctx, ratelimit.Anonymous, strconv.Itoa(i))
	}
	if level, _ := m.Take(ctx, ratelimit.LoginAccount, "victim"); level.Wait == 0 {
		t.Error("a flood of anonymous requests freed a login bucket")
	}
	if level, _ := m.Take(ctx, ratelimit.Anonymous, "first"); level.Wait != 0 {
		t.Error("the oldest of more keys than allowed is still kept")
	}
}

func TestABucketInUseOutlivesAFlood(t *testing.T) {
	c := newClock()
	m := &ratelimit.Memory{Now: c.now, MaxKeys: 100}
	exhaust(t, m, ratelimit.LoginAccount, "victim")
	for i := range 1000 {
		c.advance(time.Millisecond)
		m.Take(context.Background(), ratelimit.LoginAccount, strconv.Itoa(i))
		if level, _ := m.Take(context.Background(), ratelimit.LoginAccount, "victim"); level.Wait == 0 {
			t.Fatalf("the bucket was forgotten after %d other keys though it was asked all the time", i+1)
		}
	}
}

// TestWhoHardlyUsesALimitIsForgotten: a crowd that opens sockets, one each, leaves no bucket each.
func TestWhoHardlyUsesALimitIsForgotten(t *testing.T) {
	c := newClock()
	m := &ratelimit.Memory{Now: c.now}
	for i := range 1000 {
		c.advance(time.Millisecond)
		m.Take(context.Background(), ratelimit.Session, strconv.Itoa(i))
	}
	if n := m.Len(ratelimit.Session); n > 110 { // a place comes back in a tenth of a second
		t.Errorf("%d buckets are kept", n)
	}
}
