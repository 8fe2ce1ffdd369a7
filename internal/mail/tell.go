package mail

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// Telling queues letters, does what they tell of, and makes them due: so they are sent if that came true, whatever
// becomes of this process. When fact refuses, they are taken back, and also when it answers ErrNone because there was
// nothing to do, which is no error; after trouble they find out by themselves.
func (s *Service) Telling(ctx context.Context, fact func() error, letters ...Letter) error {
	return s.telling(ctx, fact, func(l Letter) (string, error) { return s.Post(ctx, l, outbox.Fallback) }, letters)
}

// TellingOnce is Telling of a fact that has a name and a time, of which many may hear at once: its letter is one.
func (s *Service) TellingOnce(ctx context.Context, name string, at time.Time, fact func() error, l Letter) error {
	jobID := id.Derived(id.Job, at, l.Kind+" "+name)
	return s.telling(ctx, fact, func(l Letter) (string, error) { return s.post(ctx, jobID, l, outbox.Fallback) }, []Letter{l})
}

func (s *Service) telling(ctx context.Context, fact func() error, post func(Letter) (string, error), letters []Letter) error {
	var jobs []string
	for _, l := range letters {
		jobID, err := post(l)
		if err != nil {
			s.takeBack(ctx, jobs)
			return err
		}
		jobs = append(jobs, jobID)
	}
	err := fact()
	switch {
	case err == nil:
		s.Outbox.Due(ctx, jobs...)
	case errors.Is(err, ErrNone):
		s.takeBack(ctx, jobs)
		return nil
	case refused(err):
		s.takeBack(ctx, jobs)
	}
	return err
}

// refused tells whether an error is certain that nothing was done.
func refused(err error) bool {
	kind := fault.As(err).Kind
	return kind != fault.Internal && kind != fault.Unavailable
}

func (s *Service) takeBack(ctx context.Context, jobs []string) {
	ctx = context.WithoutCancel(ctx)
	for _, jobID := range jobs {
		if err := s.Outbox.Delete(ctx, jobID); err != nil && !errors.Is(err, fault.ErrNotFound) {
			s.Log.Warn("a letter of what did not happen is not taken back; it will find out", "job", jobID, "error", err)
		}
	}
}
