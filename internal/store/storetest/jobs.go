package storetest

import (
	"errors"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

func newJob(kind string, runAt time.Time) outbox.Job {
	return outbox.Job{
		ID: id.New(id.Job), Version: 1, Kind: kind, Subject: "whk_a", Note: []byte(`{"user_id":"usr_a"}`), Payload: []byte{0, 1, 255},
		State: outbox.Queued, RunAt: runAt, CreatedAt: epoch,
	}
}

func (s suite) putJob(kind string, runAt time.Time) outbox.Job {
	s.t.Helper()
	j := newJob(kind, runAt)
	s.ok(s.InsertJob(s.ctx, j))
	return j
}

// claim is the job that a worker gets, the zero one when there is none.
func (s suite) claim(c outbox.Claim) outbox.Job {
	s.t.Helper()
	if c.LeaseUntil.IsZero() {
		c.LeaseUntil = c.Now.Add(30 * time.Second)
	}
	j, err := s.ClaimJob(s.ctx, c)
	if !errors.Is(err, fault.ErrNotFound) {
		s.ok(err)
	}
	return j
}

func job(s suite) {
	j := s.putJob(outbox.Mail, epoch)
	got, err := s.Job(s.ctx, j.ID)
	s.ok(err)
	s.same("inserted", got, j)

	again := j
	again.Kind, again.State = outbox.Webhook, outbox.Dead
	s.ok(s.InsertJob(s.ctx, again))
	bare := outbox.Job{ID: id.New(id.Job), Version: 1, Kind: outbox.Location, State: outbox.Queued, RunAt: epoch, CreatedAt: epoch.Add(time.Second)}
	s.ok(s.InsertJob(s.ctx, bare))
	list, err := s.ListJobs(s.ctx, outbox.Query{})
	s.ok(err)
	s.same("newest first, each as it was inserted first", list, outbox.Page{Jobs: []outbox.Job{bare, j}, Total: 2})

	_, err = s.Job(s.ctx, id.New(id.Job))
	s.is(err, fault.ErrNotFound)
	s.ok(s.DeleteJob(s.ctx, j.ID))
	s.is(s.DeleteJob(s.ctx, j.ID), fault.ErrNotFound)
	_, err = s.Job(s.ctx, j.ID)
	s.is(err, fault.ErrNotFound)
}

func claimJob(s suite) {
	late, soon, next := s.putJob(outbox.Mail, epoch.Add(3*time.Second)), s.putJob(outbox.Mail, epoch), s.putJob(outbox.Mail, epoch.Add(time.Second))
	other := s.putJob(outbox.Webhook, epoch)
	now := epoch.Add(2 * time.Second)

	got := s.claim(outbox.Claim{Kind: outbox.Mail, Now: now})
	want := soon
	want.State, want.Attempts, want.Version, want.LeaseUntil = outbox.Running, 1, 2, now.Add(30*time.Second)
	s.same("the one that is due longest", got, want)
	s.same("the next", s.claim(outbox.Claim{Kind: outbox.Mail, Now: now}).ID, next.ID)
	s.same("none that is due later, or of another kind", s.claim(outbox.Claim{Kind: outbox.Mail, Now: now}).ID, "")
	s.same("at its time", s.claim(outbox.Claim{Kind: outbox.Mail, Now: late.RunAt}).ID, late.ID)
	s.same("of the other kind", s.claim(outbox.Claim{Kind: outbox.Webhook, Now: epoch}).ID, other.ID)
	_, err := s.ClaimJob(s.ctx, outbox.Claim{Kind: outbox.Location, Now: now, LeaseUntil: now})
	s.is(err, fault.ErrNotFound)
}

func jobsDue(s suite) {
	due := func(now time.Time, kinds ...string) bool {
		got, err := s.JobsDue(s.ctx, now, kinds...)
		s.ok(err)
		return got
	}
	kinds := []string{outbox.Location, outbox.Mail, outbox.Webhook}
	s.same("without jobs", due(epoch, kinds...), false)
	j := s.putJob(outbox.Mail, epoch.Add(time.Second))
	s.same("before its time", due(j.RunAt.Add(-time.Millisecond), kinds...), false)
	s.same("at its time", due(j.RunAt, kinds...), true)
	s.same("of other kinds", due(j.RunAt, outbox.Webhook, outbox.Location), false)
	s.same("of no kinds", due(j.RunAt), false)
	j = s.claim(outbox.Claim{Kind: outbox.Mail, Now: j.RunAt})
	s.same("under way", due(j.LeaseUntil.Add(-time.Millisecond), kinds...), false)
	s.same("when the lease has run out", due(j.LeaseUntil, kinds...), true)
	j.State, j.LeaseUntil = outbox.Done, time.Time{}
	_, err := s.ReplaceJob(s.ctx, j)
	s.ok(err)
	s.same("done", due(epoch.Add(time.Hour), kinds...), false)
}

func claimLeavesSubjects(s suite) {
	a, b, c := newJob(outbox.Webhook, epoch), newJob(outbox.Webhook, epoch.Add(time.Second)), newJob(outbox.Webhook, epoch.Add(2*time.Second))
	b.Subject, c.Subject = "whk_b", ""
	for _, j := range []outbox.Job{a, b, c} {
		s.ok(s.InsertJob(s.ctx, j))
	}
	now := epoch.Add(time.Minute)
	claim := func(except ...string) string {
		return s.claim(outbox.Claim{Kind: outbox.Webhook, Except: except, Now: now}).ID
	}
	s.same("but for two", claim("whk_b", "whk_a"), c.ID)
	s.same("but for the two that are left", claim("whk_b", "whk_a"), "")
	s.same("but for one", claim("whk_a"), b.ID)
	s.same("the rest", claim(), a.ID)
}

func leaseRunsOut(s suite) {
	s.putJob(outbox.Mail, epoch)
	until := epoch.Add(30 * time.Second)
	first := s.claim(outbox.Claim{Kind: outbox.Mail, Now: epoch, LeaseUntil: until})
	s.same("while it holds", s.claim(outbox.Claim{Kind: outbox.Mail, Now: until.Add(-time.Millisecond)}).ID, "")

	renewed := first
	renewed.LeaseUntil = until.Add(30 * time.Second)
	renewed, err := s.ReplaceJob(s.ctx, renewed)
	s.ok(err)
	s.same("while it is renewed", s.claim(outbox.Claim{Kind: outbox.Mail, Now: until}).ID, "")

	second := s.claim(outbox.Claim{Kind: outbox.Mail, Now: renewed.LeaseUntil})
	s.same("when it has run out", second.ID, first.ID)
	s.same("and counts", second.Attempts, 2)
	renewed.State = outbox.Done
	_, err = s.ReplaceJob(s.ctx, renewed)
	s.is(err, fault.ErrMoved) // the first worker lives after all, too late
	got, err := s.Job(s.ctx, first.ID)
	s.ok(err)
	s.same("is the second one's", got, second)
}

func replaceJob(s suite) {
	j := s.putJob(outbox.Mail, epoch)
	j.State, j.Attempts, j.LastError, j.Payload = outbox.Done, 7, "no answer", nil
	j.RunAt, j.LeaseUntil, j.PurgeAt = epoch.Add(time.Second), time.Time{}, epoch.Add(time.Hour)
	got, err := s.ReplaceJob(s.ctx, j)
	s.ok(err)
	j.Version = 2
	s.same("returned", got, j)
	got, err = s.Job(s.ctx, j.ID)
	s.ok(err)
	s.same("stored", got, j)
	s.same("nobody claims what is over", s.claim(outbox.Claim{Kind: outbox.Mail, Now: epoch.Add(24 * time.Hour)}).ID, "")

	j.Version = 1
	_, err = s.ReplaceJob(s.ctx, j)
	s.is(err, fault.ErrMoved)
	_, err = s.ReplaceJob(s.ctx, newJob(outbox.Mail, epoch))
	s.is(err, fault.ErrNotFound)

	j.Version, j.State, j.PurgeAt = 2, outbox.Queued, time.Time{}
	_, err = s.ReplaceJob(s.ctx, j)
	s.ok(err)
	s.same("back in the queue", s.claim(outbox.Claim{Kind: outbox.Mail, Now: j.RunAt}).ID, j.ID)
}

func hastenJobs(s suite) {
	waiting, due := s.putJob(outbox.Mail, epoch.Add(10*time.Second)), s.putJob(outbox.Mail, epoch.Add(-time.Second))
	s.putJob(outbox.Location, epoch)
	running := s.claim(outbox.Claim{Kind: outbox.Location, Now: epoch})
	left := s.putJob(outbox.Mail, epoch.Add(10*time.Second))

	got, err := s.HastenJobs(s.ctx, epoch, waiting.ID, due.ID, running.ID, id.New(id.Job))
	s.ok(err)
	waiting.RunAt, waiting.Version = epoch, 2
	s.same("the one that waited", got, []outbox.Job{waiting})
	for _, want := range []outbox.Job{waiting, due, running, left} {
		j, err := s.Job(s.ctx, want.ID)
		s.ok(err)
		s.same("stored", j, want)
	}
	s.same("in order", s.claim(outbox.Claim{Kind: outbox.Mail, Now: epoch}).ID, due.ID)
	s.same("and now", s.claim(outbox.Claim{Kind: outbox.Mail, Now: epoch}).ID, waiting.ID)
	got, err = s.HastenJobs(s.ctx, epoch)
	s.ok(err)
	s.same("of none", len(got), 0)
}

func jobsBySubject(s suite) {
	a, b, none := newJob(outbox.Webhook, epoch), newJob(outbox.Webhook, epoch), newJob(outbox.Webhook, epoch)
	b.Subject, none.Subject = "whk_b", ""
	for _, j := range []outbox.Job{a, b, none} {
		s.ok(s.InsertJob(s.ctx, j))
	}
	s.ok(s.DeleteJobsFor(s.ctx, "whk_a"))
	s.ok(s.DeleteJobsFor(s.ctx, ""))
	p, err := s.ListJobs(s.ctx, outbox.Query{})
	s.ok(err)
	s.sameIDs("left", jobIDs(p.Jobs), b.ID, none.ID)
}

func listJobs(s suite) {
	mail, hook := s.putJob(outbox.Mail, epoch), s.putJob(outbox.Webhook, epoch)
	dead := newJob(outbox.Mail, epoch)
	dead.State, dead.PurgeAt = outbox.Dead, epoch.Add(time.Hour)
	s.ok(s.InsertJob(s.ctx, dead))
	for _, tt := range []struct {
		name  string
		query outbox.Query
		want  []string
	}{
		{"all", outbox.Query{}, []string{mail.ID, hook.ID, dead.ID}},
		{"kind", outbox.Query{Kind: outbox.Mail}, []string{mail.ID, dead.ID}},
		{"state", outbox.Query{State: outbox.Queued}, []string{mail.ID, hook.ID}},
		{"both", outbox.Query{Kind: outbox.Mail, State: outbox.Dead}, []string{dead.ID}},
		{"none", outbox.Query{State: outbox.Running}, nil},
	} {
		p, err := s.ListJobs(s.ctx, tt.query)
		s.ok(err)
		s.sameIDs(tt.name, jobIDs(p.Jobs), tt.want...)
		s.same(tt.name+", counted", p.Total, len(tt.want))
	}
	p, err := s.ListJobs(s.ctx, outbox.Query{Limit: 2})
	s.ok(err)
	s.same("counted beyond the page", []int{len(p.Jobs), p.Total}, []int{2, 3})
}

func purgeJobs(s suite) {
	live := s.putJob(outbox.Mail, epoch)
	over := func(purgeAt time.Time) outbox.Job {
		j := newJob(outbox.Mail, epoch)
		j.State, j.PurgeAt = outbox.Done, purgeAt
		s.ok(s.InsertJob(s.ctx, j))
		return j
	}
	over(epoch.Add(time.Hour))
	late := over(epoch.Add(2 * time.Hour))
	s.ok(s.Purge(s.ctx, epoch.Add(time.Hour-time.Millisecond)))
	p, err := s.ListJobs(s.ctx, outbox.Query{})
	s.ok(err)
	s.same("before the time", p.Total, 3)
	s.ok(s.Purge(s.ctx, epoch.Add(time.Hour)))
	p, err = s.ListJobs(s.ctx, outbox.Query{})
	s.ok(err)
	s.sameIDs("at the time", jobIDs(p.Jobs), live.ID, late.ID)
}

// raceOfClaims: however many workers there are, each job runs once.
func raceOfClaims(s suite) {
	const jobs = 10 * racers
	want := make([]string, jobs)
	for i := range want {
		want[i] = s.putJob(outbox.Mail, epoch.Add(time.Duration(i%7)*time.Millisecond)).ID
	}
	var mu sync.Mutex
	var got []string
	for _, err := range race(racers, func(int) error {
		for {
			j, err := s.ClaimJob(s.ctx, outbox.Claim{Kind: outbox.Mail, Now: epoch.Add(time.Second), LeaseUntil: epoch.Add(time.Minute)})
			if errors.Is(err, fault.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			mu.Lock()
			got = append(got, j.ID)
			mu.Unlock()
		}
	}) {
		s.ok(err)
	}
	s.sameIDs("claimed", got, want...)
}

// raceOfTakers: of those who find a lease that ran out one gets the job, and its last owner can write nothing.
func raceOfTakers(s suite) {
	s.putJob(outbox.Mail, epoch)
	owner := s.claim(outbox.Claim{Kind: outbox.Mail, Now: epoch, LeaseUntil: epoch.Add(time.Second)})
	now := epoch.Add(time.Second)
	errs := race(racers, func(i int) error {
		if i == 0 {
			owner.LeaseUntil = now.Add(time.Minute)
			_, err := s.ReplaceJob(s.ctx, owner)
			return err
		}
		_, err := s.ClaimJob(s.ctx, outbox.Claim{Kind: outbox.Mail, Now: now, LeaseUntil: now.Add(time.Minute)})
		return err
	})
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
		case i == 0:
			s.is(err, fault.ErrMoved)
		default:
			s.is(err, fault.ErrNotFound)
		}
	}
	s.same("winners", won, 1)
}

func jobIDs(jobs []outbox.Job) []string {
	ids := make([]string, len(jobs))
	for i, j := range jobs {
		ids[i] = j.ID
	}
	return ids
}
