package outbox

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// The kinds of job.
const (
	Mail     = "mail"
	Webhook  = "webhook"
	Location = "location"
)

// The states of a job.
const (
	Queued  = "queued"
	Running = "running"
	Done    = "done"
	Dead    = "dead"
)

// Job is one piece of work as it is stored.
//
// A replace of the record is a compare-and-set on Version. A claim raises it, so that a worker whose lease has run out
// can write nothing over the one that took the job from it.
type Job struct {
	ID         string
	Version    int
	Kind       string
	Subject    string // the id of what it is for, such as a webhook's, or ""; one subject cannot take all workers
	Note       []byte // JSON of ids and names of kinds, which may stay as long as the row
	Payload    []byte // sealed: what may not; nil once the job is done or dead
	State      string
	Attempts   int       // tries begun
	RunAt      time.Time // when it is due, or became so
	LeaseUntil time.Time // while it runs: when others may take it
	LastError  string
	CreatedAt  time.Time
	PurgeAt    time.Time // when a done or dead row may go
}

// DueAt is from when a worker may claim the job; zero for one that is over.
func (j Job) DueAt() time.Time {
	switch j.State {
	case Queued:
		return j.RunAt
	case Running:
		return j.LeaseUntil
	}
	return time.Time{}
}

// Over tells whether nothing more is done about the job by itself.
func (j Job) Over() bool { return j.State == Done || j.State == Dead }

// finish ends the job. What it was to say goes now, the row stays a while for staff to see.
func (j *Job) finish(state string, now time.Time) {
	j.State, j.LeaseUntil, j.Payload = state, time.Time{}, nil
	j.PurgeAt = now.Add(doneKept)
	if state == Dead {
		j.PurgeAt = now.Add(deadKept)
	}
}

// requeue puts the job back.
func (j *Job) requeue(at time.Time) {
	j.State, j.RunAt, j.LeaseUntil, j.PurgeAt = Queued, at, time.Time{}, time.Time{}
}

// How long rows stay.
const (
	doneKept = 24 * time.Hour
	deadKept = 30 * 24 * time.Hour
)

// Claim is what a worker asks for.
type Claim struct {
	Kind       string
	Except     []string // subjects that have enough workers already
	Now        time.Time
	LeaseUntil time.Time
}

// Query selects jobs for a list of staff, newest first. Zero members select all.
type Query struct {
	Kind, State string
	Cursor      string
	Limit       int
}

// Page is a part of a list of jobs.
type Page struct {
	Jobs  []Job
	Next  string
	Total int
}

// ErrDone refuses to run once more what is done.
var ErrDone = &fault.Error{Kind: fault.Conflict, Code: "conflict", Detail: "the job is done"}
