package gatehouse

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/httpapi"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
)

// limits count attempts on this node; where nodes meet in Redis, over all of them. They tell the metrics of refusals.
type limits struct {
	httpapi.Limiter
	refused func(limit string)
	alone   func() uint64 // how often this node had to count by itself, though there are others
}

func (g *Gatehouse) newLimits() limits {
	near := &ratelimit.Memory{Now: g.now}
	l := limits{near, g.measures.limited, func() uint64 { return 0 }}
	if far, ok := g.cluster.(ratelimit.Far); ok {
		shared := ratelimit.NewShared(far, near, g.log)
		l.Limiter, l.alone = shared, shared.Alone
	}
	return l
}

func (l limits) Take(ctx context.Context, limit ratelimit.Limit, key string) (ratelimit.Level, error) {
	level, err := l.Limiter.Take(ctx, limit, key)
	if level.Wait > 0 {
		l.refused(limit.Name)
	}
	return level, err
}
