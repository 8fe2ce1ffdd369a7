package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	driver "modernc.org/sqlite"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// held is a store whose writer is busy until release, so that what is queued meanwhile waits together.
type held struct {
	*Store
	t       *testing.T
	release func()
	commits atomic.Int64 // counts those that come after release
}

func hold(t *testing.T) *held {
	t.Helper()
	h := &held{Store: open(t, filepath.Join(t.TempDir(), "gatehouse.db"), nil), t: t}
	h.each(func(c driver.HookRegisterer) {
		c.RegisterCommitHook(func() int32 {
			h.commits.Add(1)
			return 0
		})
	})
	busy, gate := make(chan struct{}), make(chan struct{})
	go func() {
		_ = h.writer.do(context.Background(), &job{alone: true, done: make(chan error, 1), run: func(*tx) error {
			close(busy)
			<-gate
			return nil
		}})
	}()
	<-busy
	h.release = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(h.release)
	return h
}

func (h *held) each(f func(driver.HookRegisterer)) {
	h.t.Helper()
	if err := h.writer.tx.conn.Raw(func(c any) error { f(c.(driver.HookRegisterer)); return nil }); err != nil {
		h.t.Fatal(err)
	}
}

// queue starts n writes and returns when all of them wait; what they got comes later.
func (h *held) queue(ctx context.Context, n int, write func(ctx context.Context, i int) error) (results func() []error) {
	errs := make([]error, n)
	var wg sync.WaitGroup
	before := len(h.writer.queue)
	for i := range n {
		wg.Go(func() { errs[i] = write(ctx, i) })
		for len(h.writer.queue) == before+i {
			runtime.Gosched()
		}
	}
	return func() []error { wg.Wait(); return errs }
}

func newUser(email string) account.User {
	return account.User{ID: id.New(id.User), Email: email, Roles: []string{account.RoleUser}}
}

func (h *held) insert(ctx context.Context, i int) error {
	_, err := h.InsertUser(ctx, newUser(fmt.Sprintf("%d@example.com", i)))
	return err
}

func (h *held) users() int {
	h.t.Helper()
	page, err := h.ListUsers(h.t.Context(), account.Query{Limit: 1})
	if err != nil {
		h.t.Fatal(err)
	}
	return page.Total
}

func TestWritesThatWaitShareACommit(t *testing.T) {
	h := hold(t)
	results := h.queue(t.Context(), 100, h.insert)
	h.release()
	if err := errors.Join(results()...); err != nil {
		t.Fatal(err)
	}
	if n := h.commits.Load(); n != 1 || h.users() != 100 {
		t.Errorf("%d commits for 100 writes; %d users", n, h.users())
	}
}

func TestGroupsAreBounded(t *testing.T) {
	h := hold(t)
	results := h.queue(t.Context(), 2*groupLength, h.insert)
	h.release()
	if err := errors.Join(results()...); err != nil {
		t.Fatal(err)
	}
	if n := h.commits.Load(); n != 2 {
		t.Errorf("%d commits for two groups", n)
	}
}

func TestErrorOfOneWriteIsItsOwn(t *testing.T) {
	h := hold(t)
	broken := errors.New("a mistake of the caller's")
	results := h.queue(t.Context(), 9, func(ctx context.Context, i int) error {
		switch i {
		case 2: // refused by a constraint, after an earlier one of the same group
			_, err := h.InsertUser(ctx, newUser("0@example.com"))
			return err
		case 4: // fails after it has written
			return h.write(ctx, "half", func(tx *tx) error {
				if err := insertUser(tx, newUser("half@example.com")); err != nil {
					return err
				}
				return broken
			})
		case 6: // not SQL
			return h.write(ctx, "nonsense", func(tx *tx) error {
				_, err := tx.exec(`INSERT INTO nowhere VALUES (1)`)
				return err
			})
		}
		return h.insert(ctx, i)
	})
	h.release()
	for i, err := range results() {
		switch {
		case i == 2 && errors.Is(err, account.ErrEmailTaken), i == 4 && errors.Is(err, broken), i == 6 && err != nil:
		case i == 2, i == 4, i == 6, err != nil:
			t.Errorf("write %d: %v", i, err)
		}
	}
	if n := h.commits.Load(); n != 1 || h.users() != 6 {
		t.Errorf("%d commits, %d users; want one commit and the six that were good", n, h.users())
	}
	if _, err := h.UserByEmail(t.Context(), "half@example.com"); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("what a failing write had written: %v", err)
	}
}

func TestTroubleOfTheWholeGroupIsEverybodys(t *testing.T) {
	h := hold(t)
	results := h.queue(t.Context(), 3, func(ctx context.Context, i int) error {
		if i != 1 {
			return h.insert(ctx, i)
		}
		return h.write(ctx, "roll back", func(tx *tx) error { // as SQLite does by itself when the disk is full
			_, err := tx.exec(`ROLLBACK`)
			return errors.Join(err, errors.New("disk full"))
		})
	})
	h.release()
	for i, err := range results() {
		if err == nil {
			t.Errorf("write %d was acknowledged, and is not there", i)
		}
	}
	if h.users() != 0 {
		t.Errorf("%d users", h.users())
	}
	if err := h.insert(t.Context(), 9); err != nil {
		t.Errorf("the next group: %v", err)
	}
}

func TestWriteWhoseCallerLeftWhileItWaitedIsNotDone(t *testing.T) {
	h := hold(t)
	ctx, cancel := context.WithCancel(t.Context())
	gone := h.queue(ctx, 2, h.insert)
	stays := h.queue(t.Context(), 1, func(ctx context.Context, _ int) error { return h.insert(ctx, 9) })
	cancel()
	for _, err := range gone() {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("answer %v", err)
		}
	}
	h.release()
	if err := errors.Join(stays()...); err != nil {
		t.Fatal(err)
	}
	if h.users() != 1 {
		t.Errorf("%d users, want the one whose caller stayed", h.users())
	}
}

func TestQueueOfWritesIsBounded(t *testing.T) {
	h := hold(t)
	results := h.queue(t.Context(), queueLength, func(ctx context.Context, _ int) error {
		return h.write(ctx, "nothing", func(*tx) error { return nil })
	})
	if err := h.insert(t.Context(), -1); !errors.Is(err, fault.ErrUnavailable) || !errors.Is(err, errQueueFull) {
		t.Errorf("one more than the queue has room for: %v", err)
	}
	h.release()
	if err := errors.Join(results()...); err != nil {
		t.Fatal(err)
	}
}

func TestCloseFinishesWhatIsQueued(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	h := &held{Store: open(t, path, nil), t: t}
	var acknowledged atomic.Int64
	var wg sync.WaitGroup
	started := make(chan struct{}, 200)
	for i := range 200 {
		wg.Go(func() {
			started <- struct{}{}
			if h.insert(context.Background(), i) == nil {
				acknowledged.Add(1)
			}
		})
	}
	for range 100 {
		<-started
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	again := &held{Store: open(t, path, nil), t: t}
	if n := again.users(); int64(n) != acknowledged.Load() {
		t.Errorf("%d users are there, %d were acknowledged", n, acknowledged.Load())
	}
}
