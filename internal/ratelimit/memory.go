package ratelimit

import (
	"container/list"
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// defaultMaxKeys bounds a limit's memory at some 20 MB, reached only under attack.
const defaultMaxKeys = 1 << 16

// Memory keeps the buckets of one node. It is safe for concurrent use and its zero value is ready.
type Memory struct {
	// Static after first use.
	Now     func() time.Time // time.Now when nil
	MaxKeys int              // buckets per limit; 65,536 when zero. Beyond it the longest unused is forgotten

	mu     sync.Mutex // guards the following
	limits map[string]*buckets
}

// buckets are those of one limit, so that a flood of one kind of key cannot wash out the counts of another.
type buckets struct {
	byKey map[string]*list.Element
	order *list.List // of *bucket, the longest unused in front
}

type bucket struct {
	key     string
	limiter *rate.Limiter
}

// Take takes a place of the key's bucket, and says how that stands then. When none is free it takes nothing. The
// error is always nil: memory cannot be away.
func (m *Memory) Take(_ context.Context, limit Limit, key string) (Level, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	b := m.buckets(limit).use(limit, key, now, m.maxKeys())
	taken := b.AllowN(now, 1)
	places := b.TokensAt(now)
	refill := func(n float64) time.Duration { return time.Duration(n * float64(limit.Refill())) }
	level := Level{Left: int(places + rounding), Full: max(refill(float64(limit.Burst)-places), 0)}
	if !taken {
		level.Wait = max(refill(1-places), 1)
	}
	return level, nil
}

// rounding is what a sum of parts of places may be off.
const rounding = 1e-6

// Return gives a taken place back, as a good sign-in does. A bucket never holds more than its burst.
func (m *Memory) Return(_ context.Context, limit Limit, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.buckets(limit).byKey[key]; ok {
		e.Value.(*bucket).limiter.AllowN(m.now(), -1)
	}
	return nil
}

func (m *Memory) now() time.Time {
	if m.Now == nil {
		return time.Now()
	}
	return m.Now()
}

func (m *Memory) maxKeys() int {
	if m.MaxKeys == 0 {
		return defaultMaxKeys
	}
	return m.MaxKeys
}

func (m *Memory) buckets(limit Limit) *buckets {
	b, ok := m.limits[limit.Name]
	if !ok {
		if m.limits == nil {
			m.limits = make(map[string]*buckets)
		}
		b = &buckets{byKey: make(map[string]*list.Element), order: list.New()}
		m.limits[limit.Name] = b
	}
	return b
}

// use finds or makes a bucket and moves it to the end of the order.
func (b *buckets) use(limit Limit, key string, now time.Time, most int) *rate.Limiter {
	b.forgetFull(limit, now)
	if e, ok := b.byKey[key]; ok {
		b.order.MoveToBack(e)
		return e.Value.(*bucket).limiter
	}
	for len(b.byKey) >= most {
		b.forget(b.order.Front())
	}
	l := rate.NewLimiter(rate.Every(limit.Refill()), limit.Burst)
	b.byKey[key] = b.order.PushBack(&bucket{key: key, limiter: l})
	return l
}

// forgetFull drops buckets that are full again, which says the same as having none. Two at a time outpace growth. One
// that was hardly used is full at once: of those who merely open a socket and stay, nothing is kept.
func (b *buckets) forgetFull(limit Limit, now time.Time) {
	for range 2 {
		front := b.order.Front()
		if front == nil || front.Value.(*bucket).limiter.TokensAt(now) < float64(limit.Burst) {
			return
		}
		b.forget(front)
	}
}

func (b *buckets) forget(e *list.Element) {
	delete(b.byKey, e.Value.(*bucket).key)
	b.order.Remove(e)
}
