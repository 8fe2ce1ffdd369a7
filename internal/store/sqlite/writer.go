package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

const (
	queueLength = 2048 // writes that wait; more are refused
	groupLength = 256  // writes that share a commit, at most
)

var errQueueFull = errors.New("too many writes are waiting")

// writer runs what callers queue on the one connection that writes. Whatever waits when it gets there shares a
// transaction, and so the wait for the disk; each has a savepoint of its own, so that one that fails undoes only itself.
type writer struct {
	// Static after construction.
	queue chan *job
	done  chan struct{} // closed when run has returned
	log   *slog.Logger

	// Owned by run.
	tx tx

	mu     sync.RWMutex // guards the following, and sends to queue against its closing
	closed bool
}

// job is one write. Whoever moves state from waiting decides: the writer runs it, or the caller takes it back.
type job struct {
	run   func(*tx) error
	alone bool // outside of a transaction
	state atomic.Int32
	err   error      // set before done
	done  chan error // has room for the answer
}

const (
	waiting = iota
	taken
	withdrawn
)

// newWriter starts the writer, which owns conn until close.
func newWriter(conn *sql.Conn, log *slog.Logger) *writer {
	w := &writer{
		queue: make(chan *job, queueLength), done: make(chan struct{}), log: log,
		tx: tx{conn: conn, stmts: map[string]*sql.Stmt{}},
	}
	go w.run()
	return w
}

// write runs f in a transaction and returns when that is on disk. When ctx ends first, f was not run; once it runs
// it is not interrupted, since that would undo the others of its group.
func (s *Store) write(ctx context.Context, op string, f func(*tx) error) error {
	began := time.Now()
	err := wrap(op, s.writer.do(ctx, &job{run: f, done: make(chan error, 1)}))
	s.observe(op, began, err)
	return err
}

func (w *writer) do(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.enqueue(j); err != nil {
		return fault.ErrUnavailable.Because(err)
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
	}
	if j.state.CompareAndSwap(waiting, withdrawn) {
		return ctx.Err()
	}
	return <-j.done
}

func (w *writer) enqueue(j *job) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errClosed
	}
	select {
	case w.queue <- j:
		return nil
	default:
		return errQueueFull
	}
}

func (w *writer) isClosed() bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.closed
}

// close lets what is queued finish.
func (w *writer) close() error {
	w.mu.Lock()
	again := w.closed
	w.closed = true
	if !again {
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.done
	if again {
		return nil
	}
	return w.tx.conn.Close()
}

func (w *writer) run() {
	defer close(w.done)
	for first := range w.queue {
		w.group(w.collect(first))
	}
	for _, stmt := range w.tx.stmts {
		stmt.Close()
	}
}

// collect takes what waits. Those that need no transaction are answered at once.
func (w *writer) collect(first *job) []*job {
	group := make([]*job, 0, 16)
	for j := first; j != nil; j = w.next(len(group)) {
		switch {
		case !j.state.CompareAndSwap(waiting, taken):
		case j.alone:
			j.done <- j.run(&w.tx)
		default:
			group = append(group, j)
		}
	}
	return group
}

func (w *writer) next(have int) *job {
	if have == groupLength {
		return nil
	}
	select {
	case j := <-w.queue: // nil when closed
		return j
	default:
		return nil
	}
}

func (w *writer) group(jobs []*job) {
	if len(jobs) == 0 {
		return
	}
	err := w.transact(jobs)
	if err != nil {
		w.tx.exec(`ROLLBACK`) // fails where SQLite did it already
		w.log.Warn("a group of writes failed", "writes", len(jobs), "error", err)
	}
	for _, j := range jobs {
		if err != nil {
			j.err = err
		}
		j.done <- j.err
	}
}

// transact runs the jobs and commits. Its own error is that of all of them.
func (w *writer) transact(jobs []*job) error {
	if _, err := w.tx.exec(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	for _, j := range jobs {
		if err := w.step(j); err != nil {
			return err
		}
	}
	_, err := w.tx.exec(`COMMIT`)
	return err
}

// step runs one job and keeps its error with it. An error of step's own ends the transaction: some troubles, such
// as a full disk, make SQLite undo all of it.
func (w *writer) step(j *job) error {
	if _, err := w.tx.exec(`SAVEPOINT job`); err != nil {
		return err
	}
	if j.err = j.run(&w.tx); j.err != nil {
		if _, err := w.tx.exec(`ROLLBACK TO job`); err != nil {
			return errors.Join(j.err, err)
		}
	}
	_, err := w.tx.exec(`RELEASE job`)
	return err
}
