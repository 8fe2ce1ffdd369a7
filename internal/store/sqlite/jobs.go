package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

const jobColumns = `id, version, kind, subject, note, payload, state, attempts, run_at, lease_until, last_error, created_at, purge_at`

func scanJob(r *sql.Rows) (j outbox.Job, err error) {
	var run, lease, created, purge int64
	err = r.Scan(&j.ID, &j.Version, &j.Kind, &j.Subject, &j.Note, &j.Payload, &j.State, &j.Attempts, &run, &lease, &j.LastError, &created, &purge)
	j.RunAt, j.LeaseUntil, j.CreatedAt, j.PurgeAt = fromMicros(run), fromMicros(lease), fromMicros(created), fromMicros(purge)
	return j, err
}

// InsertJob is outbox.Store's.
func (s *Store) InsertJob(ctx context.Context, j outbox.Job) error {
	j.Version = 1
	return s.write(ctx, "insert job", func(t *tx) error { return insertJob(t, j) })
}

func insertJob(t *tx, j outbox.Job) error {
	_, err := t.exec(`INSERT INTO jobs (`+jobColumns+`, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		j.ID, j.Version, j.Kind, j.Subject, j.Note, j.Payload, j.State, j.Attempts, micros(j.RunAt), micros(j.LeaseUntil), j.LastError,
		micros(j.CreatedAt), micros(j.PurgeAt), micros(j.DueAt()))
	return err
}

// ClaimJob is outbox.Store's.
func (s *Store) ClaimJob(ctx context.Context, c outbox.Claim) (outbox.Job, error) {
	jobs, err := s.changeJobs(ctx, "claim job", `UPDATE jobs
		SET state = ?, attempts = attempts + 1, version = version + 1, lease_until = ?2, due_at = ?2
		WHERE id = (SELECT id FROM jobs WHERE kind = ? AND due_at <> 0 AND due_at <= ? AND subject NOT IN (SELECT value FROM json_each(?))
			ORDER BY due_at, id LIMIT 1)
		RETURNING `+jobColumns, outbox.Running, micros(c.LeaseUntil), c.Kind, micros(c.Now), list(c.Except))
	if err == nil && len(jobs) == 0 {
		err = fault.ErrNotFound
	}
	if err != nil {
		return outbox.Job{}, err
	}
	return jobs[0], nil
}

// changeJobs is the jobs that a statement changed.
func (s *Store) changeJobs(ctx context.Context, op, query string, args ...any) (jobs []outbox.Job, err error) {
	err = s.write(ctx, op, func(t *tx) error {
		rows, err := t.query(query, args...)
		if err == nil {
			jobs, err = all(rows, scanJob)
		}
		return err
	})
	return jobs, err
}

// JobsDue is outbox.Store's.
func (s *Store) JobsDue(ctx context.Context, now time.Time, kinds ...string) (bool, error) {
	const query = `SELECT EXISTS (SELECT 1 FROM jobs WHERE kind IN (SELECT value FROM json_each(?)) AND due_at <> 0 AND due_at <= ?)`
	due, err := first(ctx, s, scanInt, query, list(kinds), micros(now))
	return due != 0, wrap("look for due jobs", err)
}

// ReplaceJob is outbox.Store's.
func (s *Store) ReplaceJob(ctx context.Context, j outbox.Job) (outbox.Job, error) {
	err := s.write(ctx, "replace job", func(t *tx) error {
		var version int
		err := t.one([]any{&version}, `UPDATE jobs SET version = version + 1, note = ?, payload = ?, state = ?, attempts = ?, run_at = ?,
			lease_until = ?, last_error = ?, purge_at = ?, due_at = ? WHERE id = ? AND version = ? RETURNING version`,
			j.Note, j.Payload, j.State, j.Attempts, micros(j.RunAt), micros(j.LeaseUntil), j.LastError, micros(j.PurgeAt),
			micros(j.DueAt()), j.ID, j.Version)
		if err != nil {
			return movedOrNotFound(t, `SELECT 1 FROM jobs WHERE id = ?`, j.ID, err)
		}
		j.Version = version
		return nil
	})
	return orZero(j, err)
}

// HastenJobs is outbox.Store's.
func (s *Store) HastenJobs(ctx context.Context, now time.Time, ids ...string) ([]outbox.Job, error) {
	return s.changeJobs(ctx, "hasten jobs", `UPDATE jobs SET version = version + 1, run_at = ?1, due_at = ?1
		WHERE id IN (SELECT value FROM json_each(?)) AND state = ? AND run_at > ?1 RETURNING `+jobColumns, micros(now), list(ids), outbox.Queued)
}

// Job is outbox.Store's.
func (s *Store) Job(ctx context.Context, id string) (outbox.Job, error) {
	j, err := first(ctx, s, scanJob, `SELECT `+jobColumns+` FROM jobs WHERE id = ?`, id)
	return orZero(j, wrap("read job", orNotFound(err)))
}

// ListJobs is outbox.Store's.
func (s *Store) ListJobs(ctx context.Context, q outbox.Query) (outbox.Page, error) {
	var w where
	w.equal("kind", q.Kind)
	w.equal("state", q.State)
	p := page{table: "jobs", columns: jobColumns, time: "created_at", where: w, cursor: q.Cursor, limit: q.Limit}
	jobs, next, err := readPage(ctx, s, p, scanJob, func(j outbox.Job) position { return at(j.CreatedAt, j.ID) })
	if err != nil {
		return outbox.Page{}, wrap("list jobs", err)
	}
	total, err := s.total(ctx, p.table, w)
	return orZero(outbox.Page{Jobs: jobs, Next: next, Total: total}, wrap("list jobs", err))
}

// DeleteJob is outbox.Store's.
func (s *Store) DeleteJob(ctx context.Context, id string) error {
	return s.write(ctx, "delete job", func(t *tx) error { return deleteOne(t, `DELETE FROM jobs WHERE id = ?`, id) })
}

func deleteOne(t *tx, query, id string) error {
	n, err := t.exec(query, id)
	if err == nil && n == 0 {
		err = fault.ErrNotFound
	}
	return err
}

// DeleteJobsFor is outbox.Store's.
func (s *Store) DeleteJobsFor(ctx context.Context, subject string) error {
	return s.write(ctx, "delete jobs of subject", func(t *tx) error {
		_, err := t.exec(`DELETE FROM jobs WHERE subject = ? AND subject <> ''`, subject)
		return err
	})
}
