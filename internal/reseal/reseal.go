// Package reseal seals everything anew under the current master secret, so that the previous one can go. It works on a
// store that nodes serve, each record by one compare-and-set, and can be repeated: what is sealed well is left alone.
package reseal

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/transfer"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

// Store is the records with something sealed in them, and how each is replaced.
type Store interface {
	transfer.Records
	User(ctx context.Context, id string) (account.User, error)
	ReplaceUser(ctx context.Context, u account.User, stamp bool) (account.User, error)
	Session(ctx context.Context, id string) (session.Session, error)
	ReplaceSession(ctx context.Context, s session.Session, stamp bool) (session.Session, error)
	Job(ctx context.Context, id string) (outbox.Job, error)
	ReplaceJob(ctx context.Context, j outbox.Job) (outbox.Job, error)
	ReplaceWebhookSecret(ctx context.Context, id string, from, to []byte) error
}

// Keyset reseals the signing keys.
type Keyset interface {
	Reseal(ctx context.Context) (changed bool, err error)
}

// Service reseals. All fields are set before use and not changed after.
type Service struct {
	Store  Store
	Keyset Keyset
	Box    *seal.Box
}

// Report is what a run found.
type Report struct {
	Records  int     // that may have something sealed
	Resealed int     // which had it sealed with the previous secret
	Late     int     // those of them that were written while it ran: some node still seals with the previous secret
	Running  int     // jobs that run just now, with the previous secret; they are done or in the queue within a minute
	Unopened []error // records that neither secret opens, by their ids
}

// Done tells whether nothing needs the previous secret any more.
func (r Report) Done() bool { return r.Late == 0 && r.Running == 0 && len(r.Unopened) == 0 }

// errRunning leaves a job to the worker that has it: whoever replaced it now would take it from him.
var errRunning = errors.New("the job runs")

// Run goes through all records, and a second time to see whether everybody seals with the current secret.
func (s *Service) Run(ctx context.Context) (Report, error) {
	first, err := s.pass(ctx)
	if err != nil {
		return first, err
	}
	second, err := s.pass(ctx)
	second.Late = second.Resealed
	second.Resealed += first.Resealed
	return second, err
}

func (s *Service) pass(ctx context.Context) (r Report, err error) {
	changed, err := s.Keyset.Reseal(ctx)
	r.Records++
	if err := r.count(changed, "keyset", err); err != nil {
		return r, err
	}
	for _, kind := range []string{"users", "sessions", "jobs", "webhooks"} {
		err := transfer.Each(ctx, s.Store, kind, func(records []any) error {
			r.Records += len(records)
			for _, record := range records {
				changed, id, err := s.record(ctx, record)
				if err := r.count(changed, kind+" "+id, err); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// count returns what ends the run.
func (r *Report) count(changed bool, what string, err error) error {
	switch {
	case errors.Is(err, seal.ErrOpen):
		r.Unopened = append(r.Unopened, fmt.Errorf("%s: %w", what, seal.ErrOpen))
	case errors.Is(err, errRunning):
		r.Running++
	case err != nil:
		return fmt.Errorf("reseal %s: %w", what, err)
	case changed:
		r.Resealed++
	}
	return nil
}

func (s *Service) record(ctx context.Context, record any) (changed bool, id string, err error) {
	switch x := record.(type) {
	case account.User:
		changed, err = change(ctx, x, s.user, func() (account.User, error) { return s.Store.User(ctx, x.ID) })
		return changed, x.ID, err
	case session.Session:
		changed, err = change(ctx, x, s.session, func() (session.Session, error) { return s.Store.Session(ctx, x.ID) })
		return changed, x.ID, err
	case outbox.Job:
		changed, err = change(ctx, x, s.job, func() (outbox.Job, error) { return s.Store.Job(ctx, x.ID) })
		return changed, x.ID, err
	case webhook.Webhook:
		changed, err = s.webhook(ctx, x)
		return changed, x.ID, err
	}
	return false, "", fmt.Errorf("a %T has nothing sealed", record)
}

// change reseals one record until nobody came between. One that is gone needs nothing.
func change[R any](ctx context.Context, rec R, reseal func(context.Context, R) (bool, error), read func() (R, error)) (bool, error) {
	for {
		changed, err := reseal(ctx, rec)
		if errors.Is(err, fault.ErrMoved) {
			rec, err = read()
			if err == nil {
				continue
			}
		}
		if errors.Is(err, fault.ErrNotFound) {
			return false, nil
		}
		return changed, err
	}
}

func (s *Service) user(ctx context.Context, u account.User) (bool, error) {
	changed, err := factor.Reseal(&u, s.Box)
	if err == nil && changed {
		_, err = s.Store.ReplaceUser(ctx, u, false)
	}
	return changed, err
}

func (s *Service) session(ctx context.Context, rec session.Session) (bool, error) {
	changed, err := rec.Reseal(s.Box)
	if err == nil && changed {
		_, err = s.Store.ReplaceSession(ctx, rec, false)
	}
	return changed, err
}

func (s *Service) job(ctx context.Context, j outbox.Job) (bool, error) {
	changed, err := j.Reseal(s.Box)
	if err == nil && changed && j.State == outbox.Running {
		return false, errRunning
	}
	if err == nil && changed {
		_, err = s.Store.ReplaceJob(ctx, j)
	}
	return changed, err
}

// webhook is no loop: a secret never changes but by this. Whoever was first did the same.
func (s *Service) webhook(ctx context.Context, w webhook.Webhook) (bool, error) {
	secret, changed, err := w.Reseal(s.Box)
	if err == nil && changed {
		err = s.Store.ReplaceWebhookSecret(ctx, w.ID, w.Secret, secret)
	}
	if errors.Is(err, fault.ErrMoved) {
		return false, nil
	}
	return changed, err
}
