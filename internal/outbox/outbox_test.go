package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// idle is how long workers may take to see what nobody tells them.
const idle = 1100 * time.Millisecond

func TestJobIsDoneAndForgetsWhatItSaid(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		var got outbox.Task
		l.pool(func(_ context.Context, t outbox.Task) error {
			got = t
			return nil
		})
		began := time.Now()
		id := l.enqueue(outbox.New{Subject: "usr_a", Note: []byte(`{"n":1}`), Payload: []byte("the secret")})
		sleep(time.Millisecond) // no poll is needed
		if got.ID != id || got.Subject != "usr_a" || got.Attempt != 1 || string(got.Note) != `{"n":1}` || string(got.Payload) != "the secret" || !got.CreatedAt.Equal(began) {
			t.Errorf("ran %+v", got)
		}
		j := l.job(id)
		if j.State != outbox.Done || j.Payload != nil || string(j.Note) != `{"n":1}` || !j.PurgeAt.Equal(began.Add(24*time.Hour)) {
			t.Errorf("left %+v", j)
		}
		// A worker may be as quick as who enqueued it.
		if states := l.states(id); len(states) != 3 || !slices.Contains(states[:2], outbox.Queued) || !slices.Contains(states[:2], outbox.Running) || states[2] != outbox.Done {
			t.Errorf("announced %q", states)
		}
	})
}

func TestPayloadIsSealedToItsJobAndNeverAnnounced(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		id := l.enqueue(outbox.New{Payload: []byte("the secret"), Delay: time.Hour})
		j := l.job(id)
		if bytes.Contains(j.Payload, []byte("secret")) || len(j.Payload) == 0 {
			t.Errorf("stored %q", j.Payload)
		}
		for _, c := range l.changes {
			if c.Job.Payload != nil {
				t.Errorf("announced %q", c.Job.Payload)
			}
		}
		other := outbox.Job{ID: "job_other", Kind: outbox.Mail, Payload: j.Payload, State: outbox.Queued, RunAt: time.Now(), CreatedAt: time.Now()}
		if err := l.store.InsertJob(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		l.pool(func(context.Context, outbox.Task) error {
			t.Error("ran with another's payload")
			return nil
		})
		sleep(idle)
		if j := l.job(other.ID); j.State != outbox.Queued || j.LastError == "" {
			t.Errorf("left %+v", j)
		}
	})
}

func TestJobWaitsForItsFactOrItsDelay(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		began := time.Now()
		var mu sync.Mutex
		ran := make(map[string]time.Time)
		after := func(id string) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return ran[id].Sub(began)
		}
		l.pool(func(_ context.Context, task outbox.Task) error {
			mu.Lock()
			defer mu.Unlock()
			ran[task.ID] = time.Now()
			return nil
		})
		lost := l.enqueue(outbox.New{Delay: outbox.Fallback}) // who queued it died
		told := l.enqueue(outbox.New{Delay: outbox.Fallback})
		sleep(2 * time.Second)
		if after(lost) > 0 || after(told) > 0 {
			t.Fatal("ran before the fact")
		}
		l.Due(t.Context(), told)
		sleep(time.Millisecond)
		if at := after(told); at != 2*time.Second {
			t.Errorf("made due after 2 s, ran after %v", at)
		}
		sleep(outbox.Fallback)
		if at := after(lost); at < outbox.Fallback || at > outbox.Fallback+idle {
			t.Errorf("ran by its delay after %v", at)
		}
		l.Due(t.Context(), told) // once more, late
		if j := l.job(told); j.State != outbox.Done {
			t.Errorf("made due when done: %+v", j)
		}
	})
}

// TestFactThatIsSlowToComeIsNotMissed: whoever writes it may have to wait longer than the job's delay.
func TestFactThatIsSlowToComeIsNotMissed(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		began := time.Now()
		var told atomic.Int32
		l.pool(func(_ context.Context, task outbox.Task) error {
			if string(task.Note) == "never" || time.Since(began) < 25*time.Second {
				return outbox.ErrNoFact
			}
			told.Add(1)
			return nil
		})
		slow := l.enqueue(outbox.New{Delay: outbox.Fallback})
		never := l.enqueue(outbox.New{Delay: outbox.Fallback, Note: []byte("never"), Payload: []byte("x")})
		sleep(25 * time.Second)
		if j := l.job(slow); j.State != outbox.Queued || j.Attempts != 0 || j.LastError != "" {
			t.Errorf("before its fact: %+v", j)
		}
		l.Due(t.Context(), slow)
		sleep(time.Millisecond)
		if j := l.job(slow); told.Load() != 1 || j.State != outbox.Done || j.Attempts != 1 {
			t.Errorf("after its fact: told %d times, left %+v", told.Load(), j)
		}
		sleep(time.Minute)
		if j := l.job(never); j.State != outbox.Done || j.LastError != "" || j.Payload != nil {
			t.Errorf("without its fact: %+v", j)
		}
	})
}

func TestQueuedAgainUnderItsIdIsOneJob(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		for range 2 {
			l.enqueue(outbox.New{ID: "job_fact", Payload: []byte("x")})
		}
		p, err := l.List(t.Context(), outbox.Query{})
		if err != nil || p.Total != 1 {
			t.Errorf("%d jobs, %v", p.Total, err)
		}
	})
}

func TestFailingJobIsTriedTenTimesEverLater(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		var tries []time.Time
		l.pool(func(_ context.Context, task outbox.Task) error {
			tries = append(tries, time.Now())
			if task.Attempt != len(tries) {
				t.Errorf("try %d is told to be %d", len(tries), task.Attempt)
			}
			return errors.New("connection\nrefused")
		})
		id := l.enqueue(outbox.New{Payload: []byte("x")})
		for began := time.Now(); l.job(id).State != outbox.Dead && time.Since(began) < 3*time.Hour; { // all waits at their longest
			sleep(time.Minute)
		}
		if len(tries) != outbox.MaxAttempts {
			t.Fatalf("%d tries", len(tries))
		}
		ceiling := 2 * time.Second
		for i := range tries[1:] {
			if wait := tries[i+1].Sub(tries[i]); wait > ceiling+idle {
				t.Errorf("waited %v before try %d, at most %v", wait, i+2, ceiling)
			}
			ceiling = min(3*ceiling, time.Hour)
		}
		j := l.job(id)
		if j.State != outbox.Dead || j.Attempts != 10 || j.LastError != "connection refused" || j.Payload != nil {
			t.Errorf("left %+v", j)
		}
		last := tries[len(tries)-1]
		if !j.PurgeAt.Equal(last.Add(30 * 24 * time.Hour)) {
			t.Errorf("is kept for %v", j.PurgeAt.Sub(last))
		}
	})
}

func TestHopelessJobDiesAtOnce(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		l.pool(func(context.Context, outbox.Task) error {
			return outbox.Permanent(errors.New("no such mailbox " + strings.Repeat("x", 500)))
		})
		id := l.enqueue(outbox.New{})
		sleep(time.Millisecond)
		j := l.job(id)
		if j.State != outbox.Dead || j.Attempts != 1 || !strings.HasPrefix(j.LastError, "no such mailbox") || len([]rune(j.LastError)) > 200 {
			t.Errorf("left %+v", j)
		}
	})
}

func TestStaffRetriesJobs(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		fail, tasks := true, []outbox.Task{}
		stop := l.pool(func(_ context.Context, task outbox.Task) error {
			tasks = append(tasks, task)
			if fail {
				return outbox.Permanent(errors.New("no"))
			}
			return nil
		})
		dead := l.enqueue(outbox.New{Note: []byte(`{}`), Payload: []byte("x")})
		sleep(time.Millisecond)
		fail = false
		j, err := l.Retry(t.Context(), dead)
		if err != nil || j.State != outbox.Queued || j.Attempts != 0 || !j.PurgeAt.IsZero() || j.LastError != "no" {
			t.Errorf("retried %+v, %v", j, err)
		}
		sleep(time.Millisecond)
		if last := tasks[len(tasks)-1]; len(tasks) != 2 || last.Attempt != 1 || last.Payload != nil || string(last.Note) != `{}` {
			t.Errorf("ran %+v", tasks)
		}
		if j := l.job(dead); j.State != outbox.Done || j.LastError != "" {
			t.Errorf("left %+v", j)
		}
		if _, err := l.Retry(t.Context(), dead); !errors.Is(err, outbox.ErrDone) || fault.As(err).Kind != fault.Conflict {
			t.Errorf("done, retried: %v", err)
		}

		later := l.enqueue(outbox.New{Delay: time.Hour})
		if j, err := l.Retry(t.Context(), later); err != nil || !j.RunAt.Equal(time.Now()) {
			t.Errorf("queued, retried: %+v, %v", j, err)
		}
		sleep(time.Millisecond)
		if j := l.job(later); j.State != outbox.Done {
			t.Errorf("left %+v", j)
		}
		stop()
		runs := l.enqueue(outbox.New{})
		claimed := l.claim()
		if j, err := l.Retry(t.Context(), runs); err != nil || j.Version != claimed.Version {
			t.Errorf("running, retried: %+v, %v", j, err)
		}
		if _, err := l.Retry(t.Context(), "job_none"); !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("none, retried: %v", err)
		}
	})
}

func TestDeletedJobIsStoppedAndStaysAway(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		var stopped atomic.Bool
		l.pool(func(ctx context.Context, _ outbox.Task) error {
			<-ctx.Done()
			stopped.Store(true)
			return ctx.Err()
		}, func(lane *outbox.Lane) { lane.Timeout = time.Hour })
		id := l.enqueue(outbox.New{})
		sleep(time.Second)
		if err := l.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		sleep(11 * time.Second)
		if !stopped.Load() {
			t.Error("goes on")
		}
		if _, err := l.store.Job(t.Context(), id); !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("left: %v", err)
		}
		if err := l.Delete(t.Context(), id); !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
		if states := l.states(id); len(states) != 3 || !slices.Contains(states[:2], outbox.Queued) || !slices.Contains(states[:2], outbox.Running) || states[2] != "deleted" {
			t.Errorf("announced %q", states)
		}
	})
}

func TestForgottenSubjectHasNoJobs(t *testing.T) {
	run(t, func(t *testing.T, l *lab) {
		l.enqueue(outbox.New{Subject: "whk_a"})
		left := l.enqueue(outbox.New{Subject: "whk_b"})
		if err := l.Forget(t.Context(), "whk_a"); err != nil {
			t.Fatal(err)
		}
		p, err := l.List(t.Context(), outbox.Query{})
		if err != nil || p.Total != 1 || p.Jobs[0].ID != left {
			t.Errorf("left %+v, %v", p, err)
		}
	})
}
