package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// Fallback is how long a job waits that is queued before its fact, in case nobody lives to make it due.
const Fallback = 10 * time.Second

// Box seals payloads.
type Box interface {
	Seal(purpose string, plaintext, aad []byte) []byte
	Open(purpose string, sealed, aad []byte) ([]byte, error)
}

const purpose = "outbox"

// Change is something that happened to a job.
type Change struct {
	Job     Job
	Deleted bool
}

// Service queues jobs, and lets staff see to them. All exported fields are set before use and not changed after.
type Service struct {
	Store    Store
	Box      Box
	Announce func(ctx context.Context, c Change) // told of every change that this node makes; nil for nobody
	Now      func() time.Time
	Log      *slog.Logger

	mu    sync.Mutex // guards the following
	bells map[string]chan struct{}
}

// New is a job to queue.
type New struct {
	ID      string // "" for a fresh one; one that is there already stays as it is
	Kind    string
	Subject string
	Note    []byte // see Job
	Payload []byte // not yet sealed; nil when the note says it all
	Delay   time.Duration
}

// Enqueue stores a job and returns its id. Once it returns, the job will be run, whatever becomes of this process.
// What follows from a fact is queued before the fact is written, with Fallback as its delay, and made due after.
func (s *Service) Enqueue(ctx context.Context, n New) (string, error) {
	now := s.Now()
	j := Job{ID: n.ID, Version: 1, Kind: n.Kind, Subject: n.Subject, Note: n.Note, State: Queued, RunAt: now.Add(n.Delay), CreatedAt: now}
	if j.ID == "" {
		j.ID = id.New(id.Job)
	}
	if n.Payload != nil {
		j.Payload = s.Box.Seal(purpose, n.Payload, []byte(j.ID))
	}
	if err := s.Store.InsertJob(ctx, j); err != nil {
		return "", fmt.Errorf("queue job: %w", err)
	}
	s.changed(ctx, j)
	if n.Delay <= 0 {
		s.ring(j.Kind)
	}
	return j.ID, nil
}

// Due runs jobs at once whose fact is written now. A job that stays as it was, because the store is away, runs when its
// delay is over; so this never fails the call that wrote the fact.
func (s *Service) Due(ctx context.Context, ids ...string) {
	if len(ids) == 0 {
		return
	}
	jobs, err := s.Store.HastenJobs(context.WithoutCancel(ctx), s.Now(), ids...)
	if err != nil {
		s.Log.Warn("jobs not made due, they run a little later", "jobs", len(ids), "error", err)
		return
	}
	for _, j := range jobs {
		s.changed(ctx, j)
		s.ring(j.Kind)
	}
}

// List is a page of jobs.
func (s *Service) List(ctx context.Context, q Query) (Page, error) { return s.Store.ListJobs(ctx, q) }

// Retry runs a job that waits or is dead at once, a dead one with all its attempts anew. One that runs is left to it;
// ErrDone for one that is done.
func (s *Service) Retry(ctx context.Context, jobID string) (Job, error) {
	for {
		j, err := s.Store.Job(ctx, jobID)
		if err != nil {
			return Job{}, fmt.Errorf("read job: %w", err)
		}
		switch j.State {
		case Done:
			return Job{}, ErrDone
		case Running:
			return j, nil
		case Dead:
			j.Attempts = 0
		}
		j.requeue(s.Now())
		j, err = s.Store.ReplaceJob(ctx, j)
		if errors.Is(err, fault.ErrMoved) {
			continue
		}
		if err != nil {
			return Job{}, fmt.Errorf("retry job: %w", err)
		}
		s.changed(ctx, j)
		s.ring(j.Kind)
		return j, nil
	}
}

// Delete removes a job. One that runs is stopped within a third of its lease, where it can be.
func (s *Service) Delete(ctx context.Context, jobID string) error {
	j, err := s.Store.Job(ctx, jobID)
	if err == nil {
		err = s.Store.DeleteJob(ctx, jobID)
	}
	if err != nil {
		return fmt.Errorf("delete job: %w", err)
	}
	s.announce(ctx, Change{Job: j, Deleted: true})
	return nil
}

// Forget removes the jobs for a subject that is no more.
func (s *Service) Forget(ctx context.Context, subject string) error {
	if err := s.Store.DeleteJobsFor(ctx, subject); err != nil {
		return fmt.Errorf("delete jobs: %w", err)
	}
	return nil
}

func (s *Service) changed(ctx context.Context, j Job) { s.announce(ctx, Change{Job: j}) }

// announce leaves out what is sealed.
func (s *Service) announce(ctx context.Context, c Change) {
	if s.Announce != nil {
		c.Job.Payload = nil
		s.Announce(ctx, c)
	}
}

// ring wakes this node's workers of a kind. Other nodes see by themselves that a job is due.
func (s *Service) ring(kind string) {
	select {
	case s.bell(kind) <- struct{}{}:
	default: // it is ringing
	}
}

func (s *Service) bell(kind string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bells == nil {
		s.bells = make(map[string]chan struct{})
	}
	if s.bells[kind] == nil {
		s.bells[kind] = make(chan struct{}, 1)
	}
	return s.bells[kind]
}
