package outbox

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// MaxAttempts is how often a job is tried before it is dead.
const MaxAttempts = 10

const (
	firstBackoff = 2 * time.Second
	maxBackoff   = time.Hour
	maxError     = 200 // code points of LastError
	factWithin   = time.Minute
)

// backoff is how long to wait after an attempt: with full jitter, so that what failed together does not come back
// together. It grows threefold, so that ten attempts reach the longest wait: an outage of an hour or so is outlived.
func backoff(attempt int) time.Duration {
	ceiling := firstBackoff
	for range attempt - 1 {
		ceiling = min(3*ceiling, maxBackoff)
	}
	return 1 + rand.N(ceiling)
}

var errInterrupted = errors.New("the worker died each time")

// try runs one attempt of a claimed job, renewing the lease, and writes down how it went.
func (l *lane) try(ctx context.Context, j Job) {
	if j.Attempts > MaxAttempts { // nobody lived to say so
		l.settle(ctx, j, Permanent(errInterrupted))
		return
	}
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.Timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(parting, cancel) })
	defer stop()
	done := make(chan error, 1)
	go func(claimed Job) { done <- l.handle(work, claimed) }(j)
	renew := time.NewTicker(renewEvery)
	defer renew.Stop()
	for {
		select {
		case err := <-done:
			if err != nil && ctx.Err() != nil && errors.Is(work.Err(), context.Canceled) {
				err = errParted
			}
			l.settle(ctx, j, err)
			return
		case <-renew.C:
		}
		next, err := l.renew(ctx, j)
		if lost(err) {
			cancel()
			<-done
			return
		}
		if err == nil {
			j = next
		}
	}
}

// errParted is of a try that the end of the pool cut off.
var errParted = errors.New("the node was stopped")

// lost tells that the job is another worker's now, or gone.
func lost(err error) bool { return errors.Is(err, fault.ErrMoved) || errors.Is(err, fault.ErrNotFound) }

func (l *lane) renew(ctx context.Context, j Job) (Job, error) {
	ctx, cancel := l.call(ctx)
	defer cancel()
	j.LeaseUntil = l.s.Now().Add(lease)
	return l.s.Store.ReplaceJob(ctx, j)
}

// settle writes down how an attempt went. While the store is away it tries again until the lease has run out: then
// another worker does the job again.
func (l *lane) settle(ctx context.Context, j Job, result error) {
	until := j.LeaseUntil
	l.judge(&j, result)
	for {
		err := l.replace(ctx, j)
		if err == nil || lost(err) {
			return
		}
		if ctx.Err() != nil || l.s.Now().After(until) {
			l.log.Warn("how a job went is not written, it will be run again", "job", j.ID, "kind", j.Kind, "error", err)
			return
		}
		select {
		case <-time.After(writeAgain):
		case <-ctx.Done():
		}
	}
}

func (l *lane) replace(ctx context.Context, j Job) error {
	ctx, cancel := l.call(ctx)
	defer cancel()
	j, err := l.s.Store.ReplaceJob(ctx, j)
	if err == nil {
		l.s.changed(ctx, j)
	}
	return err
}

// judge decides what becomes of a job.
func (l *lane) judge(j *Job, result error) {
	now := l.s.Now()
	switch {
	case result == nil:
		j.LastError = ""
		j.finish(Done, now)
	case errors.Is(result, ErrNoFact) && now.Sub(j.CreatedAt) >= factWithin:
		j.finish(Done, now)
	case errors.Is(result, ErrNoFact):
		j.Attempts--
		j.requeue(now.Add(Fallback))
	case errors.Is(result, errParted):
		j.Attempts--
		j.requeue(now)
	case j.Attempts >= MaxAttempts, IsPermanent(result):
		j.LastError = plain(result)
		j.finish(Dead, now)
		l.log.Error("a job is dead", "job", j.ID, "kind", j.Kind, "attempts", j.Attempts)
	default:
		j.LastError = plain(result)
		j.requeue(now.Add(backoff(j.Attempts)))
		l.log.Warn("a job failed and will be tried again", "job", j.ID, "kind", j.Kind, "attempts", j.Attempts, "at", j.RunAt)
	}
}

// plain is an error as one short line.
func plain(err error) string {
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, err.Error())
	if r := []rune(text); len(r) > maxError {
		text = string(r[:maxError-1]) + "…"
	}
	return text
}
