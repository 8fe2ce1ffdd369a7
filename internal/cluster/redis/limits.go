package redis

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
)

var errNotConnected = errors.New("redis is not connected")

// takers are the places for those who count, so that a flood of requests leaves connections to the rest: the driver's
// pool has ten per processor.
func takers() chan struct{} { return make(chan struct{}, 4*runtime.GOMAXPROCS(0)) }

// Take takes a place of a bucket that all nodes share, by Redis's clock. Who calls it bounds ctx: without Redis there
// is an error, and ratelimit.Shared knows what to do then.
func (c *Cluster) Take(ctx context.Context, limit ratelimit.Limit, key string) (ratelimit.Level, error) {
	return c.count(ctx, limit, key, 1)
}

// Return gives a taken place back. A bucket never holds more than its burst.
func (c *Cluster) Return(ctx context.Context, limit ratelimit.Limit, key string) error {
	_, err := c.count(ctx, limit, key, -1)
	return err
}

func (c *Cluster) count(ctx context.Context, limit ratelimit.Limit, key string, places int) (ratelimit.Level, error) {
	if !c.able() {
		return ratelimit.Level{}, errNotConnected
	}
	select {
	case c.takers <- struct{}{}:
		defer func() { <-c.takers }()
	case <-ctx.Done():
		return ratelimit.Level{}, ctx.Err()
	}
	keys := []string{c.names.bucket(limit.Name, key)}
	got, err := bucketScript.Run(ctx, c.db, keys, limit.Burst, limit.Refill().Microseconds(), places).Int64Slice()
	if err != nil {
		return ratelimit.Level{}, fmt.Errorf("count %s: %w", limit.Name, err)
	}
	if len(got) != 3 {
		return ratelimit.Level{}, fmt.Errorf("count %s: %d values", limit.Name, len(got))
	}
	return ratelimit.Level{Wait: span(got[0]), Left: int(got[1]), Full: span(got[2])}, nil
}

func span(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
