package ratelimit_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit/limittest"
)

// elsewhere is the buckets of all nodes, which may be away or slow.
type elsewhere struct {
	ratelimit.Memory
	away  error
	takes time.Duration
	asked atomic.Int64
}

func (e *elsewhere) answer(ctx context.Context) error {
	e.asked.Add(1)
	select {
	case <-time.After(e.takes):
		return e.away
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *elsewhere) Take(ctx context.Context, l ratelimit.Limit, key string) (ratelimit.Level, error) {
	if err := e.answer(ctx); err != nil {
		return ratelimit.Level{}, err
	}
	return e.Memory.Take(ctx, l, key)
}

func (e *elsewhere) Return(ctx context.Context, l ratelimit.Limit, key string) error {
	if err := e.answer(ctx); err != nil {
		return err
	}
	return e.Memory.Return(ctx, l, key)
}

func node(far ratelimit.Far) *ratelimit.Shared {
	return ratelimit.NewShared(far, &ratelimit.Memory{}, slog.New(slog.DiscardHandler))
}

func took(t *testing.T, s *ratelimit.Shared) bool {
	t.Helper()
	level, err := s.Take(context.Background(), ratelimit.LoginAccount, "victim")
	if err != nil {
		t.Fatal(err)
	}
	return level.Wait == 0
}

func TestSharedWhileTheOthersAnswer(t *testing.T) {
	suiteOf(t, func() ratelimit.Far { return &both{} })
}

func TestSharedWhileTheOthersAreAway(t *testing.T) {
	suiteOf(t, func() ratelimit.Far { return &elsewhere{away: errors.New("away")} })
}

// both is a clean slate that answers from several goroutines.
type both struct{ ratelimit.Memory }

func suiteOf(t *testing.T, far func() ratelimit.Far) {
	limittest.Run(t, func(t *testing.T) limittest.Subject {
		c := newClock()
		f := far()
		if b, ok := f.(*both); ok {
			b.Now = c.now
		}
		s := ratelimit.NewShared(f, &ratelimit.Memory{Now: c.now}, slog.New(slog.DiscardHandler))
		return limittest.Subject{Limiter: s, Advance: c.advance}
	})
}

func TestNodesShareOneBucket(t *testing.T) {
	far := &elsewhere{}
	a, b := node(far), node(far)
	for i := range ratelimit.LoginAccount.Burst {
		if !took(t, []*ratelimit.Shared{a, b}[i%2]) {
			t.Fatalf("take %d was refused", i+1)
		}
	}
	if took(t, a) || took(t, b) {
		t.Error("two nodes let more through than one bucket has")
	}
}

func TestWhatIsReachedHereStaysReachedWhenTheOthersGo(t *testing.T) {
	far := &elsewhere{}
	s := node(far)
	for range ratelimit.LoginAccount.Burst {
		took(t, s)
	}
	asked := far.asked.Load()
	if took(t, s) || far.asked.Load() != asked {
		t.Errorf("a limit that is reached here was asked for elsewhere %d times", far.asked.Load()-asked)
	}
	far.away = errors.New("gone")
	if took(t, s) {
		t.Error("losing the shared buckets gave a place")
	}
}

func TestAwayIsNeverOpen(t *testing.T) {
	s := node(&elsewhere{away: errors.New("away")})
	for range ratelimit.LoginAccount.Burst {
		if !took(t, s) {
			t.Fatal("refused within the burst")
		}
	}
	if took(t, s) {
		t.Error("without the shared buckets there is no limit")
	}
	if level, _ := s.Take(context.Background(), ratelimit.LoginAccount, "somebody else"); level.Wait != 0 {
		t.Error("without the shared buckets all share one")
	}
	if s.Alone() == 0 {
		t.Error("that this node decided alone is not counted")
	}
}

// TestSlowDelaysOneRequestASecond: a server that hangs costs a request tens of milliseconds, once; then it is left
// alone, tried by one request a second, and asked again by all when it answers.
func TestSlowDelaysOneRequestASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := &elsewhere{takes: time.Hour}
		s := node(far)
		spend := func() time.Duration {
			began := time.Now()
			_, _ = s.Take(context.Background(), ratelimit.Session, "ses_1")
			return time.Since(began)
		}
		if d := spend(); d == 0 || d > 100*time.Millisecond {
			t.Errorf("the first waited %s", d)
		}
		for range 100 {
			if d := spend(); d != 0 {
				t.Fatalf("one after it waited %s", d)
			}
		}
		if far.asked.Load() != 1 {
			t.Errorf("asked %d times while it hangs", far.asked.Load())
		}
		time.Sleep(1100 * time.Millisecond)
		spend()
		if d := spend(); far.asked.Load() != 2 || d != 0 {
			t.Errorf("a second later: asked %d times, the second waited %s", far.asked.Load(), d)
		}
		far.takes = 0
		time.Sleep(1100 * time.Millisecond)
		spend()
		spend()
		if far.asked.Load() != 4 {
			t.Errorf("once it answers, asked %d times, want 4", far.asked.Load())
		}
	})
}

func TestAClientThatGoesIsNotTheOthersFault(t *testing.T) {
	far := &elsewhere{}
	s := node(far)
	gone, leave := context.WithCancel(context.Background())
	leave()
	for range 3 {
		_, _ = s.Take(gone, ratelimit.LoginAccount, "victim")
	}
	if far.asked.Load() != 3 || s.Alone() != 0 {
		t.Errorf("asked %d times, alone %d times", far.asked.Load(), s.Alone())
	}
}
