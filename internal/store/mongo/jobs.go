package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

const jobTime = "created_at"

type jobDoc struct {
	ID         string    `bson:"_id"`
	Version    int       `bson:"version"`
	Kind       string    `bson:"kind"`
	Subject    string    `bson:"subject"`
	Note       []byte    `bson:"note"`
	Payload    []byte    `bson:"payload"`
	State      string    `bson:"state"`
	Attempts   int       `bson:"attempts"`
	RunAt      time.Time `bson:"run_at"`
	LeaseUntil time.Time `bson:"lease_until"`
	LastError  string    `bson:"last_error"`
	CreatedAt  time.Time `bson:"created_at"`

	// Missing where they would be zero, which the server would take for long past.
	DueAt   *time.Time `bson:"due_at,omitempty"` // from when a worker may claim it
	PurgeAt *time.Time `bson:"purge_at,omitempty"`
}

func newJobDoc(j outbox.Job) jobDoc {
	return jobDoc{
		ID: j.ID, Version: j.Version, Kind: j.Kind, Subject: j.Subject, Note: j.Note, Payload: j.Payload, State: j.State,
		Attempts: j.Attempts, RunAt: j.RunAt, LeaseUntil: j.LeaseUntil, LastError: j.LastError, CreatedAt: j.CreatedAt,
		DueAt: unlessZero(j.DueAt()), PurgeAt: unlessZero(j.PurgeAt),
	}
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (d jobDoc) job() outbox.Job {
	j := outbox.Job{
		ID: d.ID, Version: d.Version, Kind: d.Kind, Subject: d.Subject, Note: d.Note, Payload: d.Payload, State: d.State,
		Attempts: d.Attempts, RunAt: d.RunAt, LeaseUntil: d.LeaseUntil, LastError: d.LastError, CreatedAt: d.CreatedAt,
	}
	if d.PurgeAt != nil {
		j.PurgeAt = *d.PurgeAt
	}
	return j
}

// InsertJob is outbox.Store's.
func (s *Store) InsertJob(ctx context.Context, j outbox.Job) error {
	j.Version = 1
	return do(ctx, "insert job", callTimeout, func(ctx context.Context) error {
		_, err := s.jobs.InsertOne(ctx, newJobDoc(j))
		if driver.IsDuplicateKeyError(err) {
			return nil
		}
		return err
	})
}

// ClaimJob is outbox.Store's.
func (s *Store) ClaimJob(ctx context.Context, c outbox.Claim) (outbox.Job, error) {
	filter := bson.D{{Key: "kind", Value: c.Kind}, {Key: "due_at", Value: bson.D{{Key: "$lte", Value: c.Now}}}}
	if len(c.Except) > 0 {
		filter = append(filter, not(among("subject", c.Except))...)
	}
	update := bson.D{
		{Key: "$set", Value: bson.D{
			{Key: "state", Value: outbox.Running}, {Key: "lease_until", Value: c.LeaseUntil}, {Key: "due_at", Value: c.LeaseUntil},
		}},
		{Key: "$inc", Value: bson.D{{Key: "attempts", Value: 1}, {Key: "version", Value: 1}}},
	}
	opts := options.FindOneAndUpdate().SetReturnDocument(options.After).SetSort(ascending("due_at", "_id"))
	return call(ctx, "claim job", func(ctx context.Context) (outbox.Job, error) {
		var doc jobDoc
		err := s.jobs.FindOneAndUpdate(ctx, filter, update, opts).Decode(&doc)
		return doc.job(), err
	})
}

// JobsDue is outbox.Store's.
func (s *Store) JobsDue(ctx context.Context, now time.Time, kinds ...string) (bool, error) {
	filter := append(among("kind", kinds), bson.E{Key: "due_at", Value: bson.D{{Key: "$lte", Value: now}}})
	return call(ctx, "look for due jobs", func(ctx context.Context) (bool, error) {
		err := s.jobs.FindOne(ctx, filter, options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}})).Err()
		if errors.Is(err, driver.ErrNoDocuments) {
			return false, nil
		}
		return err == nil, err
	})
}

// ReplaceJob is outbox.Store's. What it returns is as given, with times as fine as they were.
func (s *Store) ReplaceJob(ctx context.Context, j outbox.Job) (outbox.Job, error) {
	from := j.Version
	j.Version++
	return call(ctx, "replace job", func(ctx context.Context) (outbox.Job, error) {
		result, err := s.jobs.ReplaceOne(ctx, version(j.ID, from), newJobDoc(j))
		if err == nil && result.MatchedCount == 0 {
			err = movedOrNotFound(ctx, s.jobs, j.ID, driver.ErrNoDocuments)
		}
		return j, err
	})
}

// HastenJobs is outbox.Store's.
func (s *Store) HastenJobs(ctx context.Context, now time.Time, ids ...string) (jobs []outbox.Job, err error) {
	err = do(ctx, "hasten jobs", callTimeout, func(ctx context.Context) error {
		for _, id := range ids {
			var doc jobDoc
			waiting := append(one(id), bson.E{Key: "state", Value: outbox.Queued}, bson.E{Key: "run_at", Value: bson.D{{Key: "$gt", Value: now}}})
			err := updated(ctx, s.jobs, waiting, bson.D{
				{Key: "$set", Value: bson.D{{Key: "run_at", Value: now}, {Key: "due_at", Value: now}}},
				{Key: "$inc", Value: bson.D{{Key: "version", Value: 1}}},
			}, &doc, false)
			if errors.Is(err, driver.ErrNoDocuments) {
				continue
			}
			if err != nil {
				return err
			}
			jobs = append(jobs, doc.job())
		}
		return nil
	})
	return jobs, err
}

// Job is outbox.Store's.
func (s *Store) Job(ctx context.Context, id string) (outbox.Job, error) {
	return call(ctx, "read job", func(ctx context.Context) (outbox.Job, error) {
		var doc jobDoc
		err := s.jobs.FindOne(ctx, one(id)).Decode(&doc)
		return doc.job(), err
	})
}

// ListJobs is outbox.Store's.
func (s *Store) ListJobs(ctx context.Context, q outbox.Query) (outbox.Page, error) {
	var filter bson.D
	for _, by := range []bson.E{{Key: "kind", Value: q.Kind}, {Key: "state", Value: q.State}} {
		if by.Value != "" {
			filter = append(filter, by)
		}
	}
	p := page{in: s.jobs, filter: filter, time: jobTime, cursor: q.Cursor, limit: q.Limit}
	return call(ctx, "list jobs", func(ctx context.Context) (out outbox.Page, err error) {
		out.Jobs, out.Next, err = readPage(ctx, p, jobDoc.job, func(j outbox.Job) position { return at(j.CreatedAt, j.ID) })
		if err == nil {
			out.Total, err = p.total(ctx)
		}
		return out, err
	})
}

// DeleteJob is outbox.Store's.
func (s *Store) DeleteJob(ctx context.Context, id string) error {
	return deleteOne(ctx, "delete job", s.jobs, id)
}

func deleteOne(ctx context.Context, op string, c *driver.Collection, id string) error {
	return do(ctx, op, callTimeout, func(ctx context.Context) error {
		result, err := c.DeleteOne(ctx, one(id))
		if err == nil && result.DeletedCount == 0 {
			err = fault.ErrNotFound
		}
		return err
	})
}

// DeleteJobsFor is outbox.Store's.
func (s *Store) DeleteJobsFor(ctx context.Context, subject string) error {
	if subject == "" {
		return nil
	}
	return remove(ctx, "delete jobs of subject", sweepTimeout, s.jobs, bson.D{{Key: "subject", Value: subject}})
}
