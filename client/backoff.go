package client

import (
	"context"
	"math/rand/v2"
	"time"
)

// The first and the longest span of the backoff.
const (
	backoffBase = 500 * time.Millisecond
	backoffCap  = 30 * time.Second
)

// settled is how long a connection must have lived for its end to count as a first failure.
const settled = 5 * time.Second

// jitter is a random wait before the attempt after so many failures: anything up to a span that doubles ("full
// jitter"), so that clients which failed together do not come back together.
func jitter(failures int) time.Duration {
	span := backoffCap
	if failures < 8 { // base·2⁶ is past the cap
		span = min(backoffBase<<max(failures-1, 0), backoffCap)
	}
	return rand.N(span)
}

// backoff counts failures in a row.
type backoff struct{ failures int }

// next is how long to wait after a loss.
func (b *backoff) next(l loss) time.Duration {
	if l.lived >= settled || l.told {
		b.failures = 0
	}
	if l.told {
		return l.after // spread by the server
	}
	b.failures++
	if l.expired && b.failures == 1 {
		return 0 // what was wrong is known, and a refresh mends it
	}
	return l.retryAfter + jitter(b.failures)
}

// sleep waits and tells whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
