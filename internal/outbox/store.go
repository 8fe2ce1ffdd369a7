package outbox

import (
	"context"
	"time"
)

// Store keeps jobs. All of it is safe for concurrent use on any number of nodes.
type Store interface {
	// InsertJob stores a new job as version 1; inserting an id again changes nothing.
	InsertJob(ctx context.Context, j Job) error
	// ClaimJob takes the job of the kind that has been due longest, queued or with a lease that ran out, in one atomic
	// step: it runs from now on, with one attempt more. fault.ErrNotFound when none is due.
	ClaimJob(ctx context.Context, c Claim) (Job, error)
	// JobsDue tells whether ClaimJob would find a job of any of the kinds, whatever its subject.
	JobsDue(ctx context.Context, now time.Time, kinds ...string) (bool, error)
	// ReplaceJob stores j as version j.Version+1 in one compare-and-set: fault.ErrMoved, fault.ErrNotFound.
	ReplaceJob(ctx context.Context, j Job) (Job, error)
	// HastenJobs makes those of the jobs due now that wait for a later time, and returns them.
	HastenJobs(ctx context.Context, now time.Time, ids ...string) ([]Job, error)
	// Job answers fault.ErrNotFound when there is none.
	Job(ctx context.Context, id string) (Job, error)
	ListJobs(ctx context.Context, q Query) (Page, error)
	// DeleteJob answers fault.ErrNotFound when there is none.
	DeleteJob(ctx context.Context, id string) error
	// DeleteJobsFor removes the jobs for a subject.
	DeleteJobsFor(ctx context.Context, subject string) error
}
