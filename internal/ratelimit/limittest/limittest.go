// Package limittest holds what every keeper of rate buckets must do.
package limittest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
)

// Limiter is what is tested. Take takes a place, or says in how long one will be free; Return gives one back.
type Limiter interface {
	Take(ctx context.Context, limit ratelimit.Limit, key string) (ratelimit.Level, error)
	Return(ctx context.Context, limit ratelimit.Limit, key string) error
}

// Subject is a limiter with the clock that it goes by: Advance lets that time pass, or waits for it.
type Subject struct {
	Limiter
	Advance func(time.Duration)
}

// limit is small enough for a subject that has only real time, and slow enough that a test does not refill it.
var limit = ratelimit.Limit{Name: "limittest", Burst: 4, Per: 4 * time.Second}

// Run tests limiters that open makes, each without any bucket. Those that wait for their clock wait together.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for name, test := range map[string]func(*testing.T, Subject){
		"a bucket has its burst":              burst,
		"a refusal takes nothing":             refusalTakesNothing,
		"retry after is when a place is free": retryAfter,
		"places come back one by one":         refill,
		"a full bucket does not grow":         noOverflow,
		"a returned place is free":            returned,
		"a return never overfills":            returnedTwice,
		"what is left is counted":             left,
		"full is when all places are free":    full,
		"keys and limits are apart":           apart,
		"a race has exactly burst winners":    race,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func (s Subject) take(t *testing.T, l ratelimit.Limit, key string) time.Duration {
	t.Helper()
	return s.level(t, l, key).Wait
}

func (s Subject) level(t *testing.T, l ratelimit.Limit, key string) ratelimit.Level {
	t.Helper()
	level, err := s.Take(context.Background(), l, key)
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	return level
}

// takes demands that exactly n places are free, and takes them.
func (s Subject) takes(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		if wait := s.take(t, limit, "k"); wait != 0 {
			t.Fatalf("take %d of %d was refused for %s", i+1, n, wait)
		}
	}
	if s.take(t, limit, "k") == 0 {
		t.Fatalf("more than %d places were free", n)
	}
}

func (s Subject) giveBack(t *testing.T) {
	t.Helper()
	if err := s.Return(context.Background(), limit, "k"); err != nil {
		t.Fatalf("return: %v", err)
	}
}

func burst(t *testing.T, s Subject) { s.takes(t, limit.Burst) }

func refusalTakesNothing(t *testing.T, s Subject) {
	s.takes(t, limit.Burst)
	for range 20 {
		s.take(t, limit, "k")
	}
	s.Advance(1100 * time.Millisecond)
	s.takes(t, 1)
}

func retryAfter(t *testing.T, s Subject) {
	s.takes(t, limit.Burst)
	wait := s.take(t, limit, "k")
	if wait <= 0 || wait > time.Second {
		t.Fatalf("retry after %s, want at most the second in which a place comes back", wait)
	}
	s.Advance(wait + 20*time.Millisecond) // two buckets in a row are not filled at the very same moment
	if again := s.take(t, limit, "k"); again != 0 {
		t.Fatalf("refused for another %s after waiting %s", again, wait)
	}
}

func refill(t *testing.T, s Subject) {
	s.takes(t, limit.Burst)
	s.Advance(2100 * time.Millisecond)
	s.takes(t, 2)
}

func noOverflow(t *testing.T, s Subject) {
	s.takes(t, limit.Burst)
	s.Advance(limit.Per * 3 / 2)
	s.takes(t, limit.Burst)
}

func returned(t *testing.T, s Subject) {
	s.takes(t, limit.Burst)
	s.giveBack(t)
	s.takes(t, 1)
}

func returnedTwice(t *testing.T, s Subject) {
	s.take(t, limit, "k")
	for range 3 {
		s.giveBack(t)
	}
	s.takes(t, limit.Burst)
}

func left(t *testing.T, s Subject) {
	for want := limit.Burst - 1; want >= 0; want-- {
		if got := s.level(t, limit, "k"); got.Left != want {
			t.Fatalf("%d left, want %d", got.Left, want)
		}
	}
	if refused := s.level(t, limit, "k"); refused.Left != 0 || refused.Wait == 0 {
		t.Fatalf("refused with %+v", refused)
	}
	s.giveBack(t)
	s.giveBack(t)
	if got := s.level(t, limit, "k"); got.Left != 1 {
		t.Fatalf("%d left after two places came back and one was taken, want 1", got.Left)
	}
}

func full(t *testing.T, s Subject) {
	first := s.level(t, limit, "k").Full
	if first <= 0 || first > time.Second {
		t.Errorf("full in %s after one take, want at most the second in which its place comes back", first)
	}
	second := s.level(t, limit, "k").Full
	if second <= first || second > 2*time.Second {
		t.Errorf("full in %s after two, %s after one", second, first)
	}
	s.Advance(second + time.Millisecond)
	s.takes(t, limit.Burst)
}

func apart(t *testing.T, s Subject) {
	s.takes(t, limit.Burst)
	if wait := s.take(t, limit, "other"); wait != 0 {
		t.Errorf("another key was refused for %s", wait)
	}
	other := limit
	other.Name = "limittest_other"
	if wait := s.take(t, other, "k"); wait != 0 {
		t.Errorf("another limit was refused for %s", wait)
	}
}

func race(t *testing.T, s Subject) {
	var won atomic.Int32
	var failed sync.Map
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			level, err := s.Take(context.Background(), limit, "k")
			if err != nil {
				failed.Store(err.Error(), true)
			} else if level.Wait == 0 {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	failed.Range(func(err, _ any) bool { t.Error(fmt.Sprint("take: ", err)); return true })
	if int(won.Load()) != limit.Burst {
		t.Errorf("%d of 16 got a place, want %d", won.Load(), limit.Burst)
	}
}
