package mongo

import (
	"context"
	"errors"
	"slices"
	"sync"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// mostTogether is how many rows are written by one command.
const mostTogether = 256

// appender writes rows of the audit. While one command is under way, the rows that come wait and share the next one:
// a busy node pays for the commands that the server is able to take, not for each row. A row alone waits for nothing.
type appender struct {
	to   *driver.Collection
	turn chan struct{} // capacity 1, held by the batch that is being written

	mu   sync.Mutex // guards next and its rows
	next *batch     // nil: whoever comes begins one
}

// batch is rows that go together. What follows rows is there once done is closed.
type batch struct {
	rows []any
	done chan struct{}
	errs []error // one for each row, or none
	left bool    // who began it went away: it may not have been written
}

func newAppender(to *driver.Collection) *appender {
	return &appender{to: to, turn: make(chan struct{}, 1)}
}

// append writes a row, by itself or with others, and returns what became of it. Where whoever wrote for all went away,
// the others write again: a row that is there already is no error.
func (a *appender) append(ctx context.Context, row eventDoc) error {
	for {
		b, i := a.join(row)
		if i == 0 { // who began it writes it
			a.send(ctx, b)
		}
		select {
		case <-b.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !b.left || ctx.Err() != nil {
			return b.of(i)
		}
	}
}

// send writes a batch when it is its turn.
func (a *appender) send(ctx context.Context, b *batch) {
	defer close(b.done)
	select {
	case a.turn <- struct{}{}:
		a.leave(b)
		b.errs = a.write(ctx, b.rows)
		<-a.turn
	case <-ctx.Done():
		a.leave(b)
		b.errs = slices.Repeat([]error{ctx.Err()}, len(b.rows))
	}
	b.left = ctx.Err() != nil && b.errs != nil
}

// of is what became of a row.
func (b *batch) of(i int) error {
	if b.errs == nil {
		return nil
	}
	return b.errs[i]
}

func (a *appender) join(row eventDoc) (b *batch, i int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		a.next = &batch{done: make(chan struct{})}
	}
	b, i = a.next, len(a.next.rows)
	if b.rows = append(b.rows, row); len(b.rows) == mostTogether {
		a.next = nil
	}
	return b, i
}

// leave closes a batch to those who come.
func (a *appender) leave(b *batch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == b {
		a.next = nil
	}
}

// write is the errors of the rows, nil where there is none. A row that is there already is no error.
func (a *appender) write(ctx context.Context, rows []any) []error {
	if len(rows) == 1 {
		_, err := a.to.InsertOne(ctx, rows[0])
		if err == nil || driver.IsDuplicateKeyError(err) {
			return nil
		}
		return []error{err}
	}
	_, err := a.to.InsertMany(ctx, rows, options.InsertMany().SetOrdered(false))
	if err == nil {
		return nil
	}
	var some driver.BulkWriteException
	if !errors.As(err, &some) || some.WriteConcernError != nil {
		return slices.Repeat([]error{err}, len(rows))
	}
	errs := make([]error, len(rows))
	for _, e := range some.WriteErrors {
		if !driver.IsDuplicateKeyError(e.WriteError) {
			errs[e.Index] = e.WriteError
		}
	}
	return errs
}
