package hub

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

const subscribeAudit, subscribeJobs = `{"type":"subscribe","feed":"audit"}`, `{"type":"subscribe","feed":"jobs"}`

// trail are the rows of the audit that came, in their order.
func (c *client) trail() (ids []string) {
	for _, f := range c.all("audit.added") {
		ids = append(ids, f.Event.ID)
	}
	return ids
}

func TestAuditIsTold(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.office.happened("aud_0", "before")
		c := l.connect(l.signIn("usr_1", "moderator"))
		if f := c.ask(subscribeAudit); f.Type != "ack" {
			t.Fatal(f.raw)
		}
		for i := range 3 {
			l.office.happened(fmt.Sprint("aud_", i+1), "kick")
		}
		l.hub.AuditAdded("aud_gone") // of which there is no row
		if got := c.trail(); !slices.Equal(got, []string{"aud_1", "aud_2", "aud_3"}) {
			t.Errorf("told %v", got)
		}
		if f := c.last(); f.Event.Action != "kick" || f.Event.Details == nil {
			t.Error(f.raw)
		}
		c.ask(`{"type":"unsubscribe","feed":"audit"}`)
		reads := l.office.reads
		l.office.happened("aud_4", "kick")
		if got := c.trail(); len(got) != 3 || l.office.reads != reads {
			t.Errorf("told %v, %d reads for nobody", got, l.office.reads-reads)
		}
	})
}

func TestJobsAreTold(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1", "admin"))
		c.ask(subscribeJobs)
		for _, state := range []string{"queued", "running", "dead"} {
			l.office.with(func() { l.office.jobs["job_1"] = wire.Job{ID: "job_1", State: state} })
			l.hub.JobChanged("job_1")
			if f := c.last(); f.Type != "jobs.changed" || f.Job.State != state {
				t.Error(f.raw)
			}
		}
		l.office.happened("aud_1", "kick")
		c.none("audit.added")
	})
}

// There is no snapshot that could make good what was dropped: so the feed is lost, which the client is told.
func TestRowsThatWereDropped(t *testing.T) {
	inTime(t, Limits{QueueBytes: 1000, WriteTimeout: time.Hour, PingInterval: time.Hour}, func(t *testing.T, l *lab) {
		c := l.deaf(l.signIn("usr_1", "admin"))
		steady := l.connect(l.signIn("usr_2", "admin"))
		c.send(subscribeAudit)
		steady.ask(subscribeAudit)
		for i := range 30 {
			l.office.happened(fmt.Sprint("aud_", i), "kick")
			l.rest()
		}
		c.listen()
		if f := c.one("error"); f.Code != "unavailable" || f.Feed != "audit" || f.RetryAfter != 1 || c.last().raw != f.raw {
			t.Error(c.story())
		}
		if n := len(steady.trail()); n != 30 {
			t.Errorf("the steady one got %d", n)
		}
		got := len(c.trail())
		c.ask(subscribeAudit)
		l.office.happened("aud_later", "kick")
		if now := c.trail(); len(now) != got+1 || got > 20 {
			t.Errorf("%d rows, then %v", got, now)
		}
	})
}

func TestRowsAfterAGap(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1", "admin"))
		c.ask(subscribeAudit)
		c.ask(subscribeJobs)
		l.hub.Resync()
		lost := c.all("error")
		if len(lost) != 2 || lost[0].Code != "unavailable" || lost[1].Code != "unavailable" || lost[0].Feed == lost[1].Feed {
			t.Error(c.story())
		}
	})
}

func TestRowsWhileTheStoreFails(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1", "admin"))
		c.ask(subscribeAudit)
		l.office.with(func() { l.office.worse = errTorn })
		l.office.happened("aud_1", "kick")
		l.office.happened("aud_2", "kick")
		time.Sleep(10 * time.Second)
		l.office.happened("aud_3", "kick")
		c.none("error")
		l.office.with(func() { l.office.worse = nil })
		time.Sleep(retryAtMost)
		if got := c.trail(); !slices.Equal(got, []string{"aud_1", "aud_2", "aud_3"}) {
			t.Errorf("told %v", got)
		}
		l.office.with(func() { l.office.worse = errTorn })
		for i := range mostRowsDue + mostRows + 2 {
			l.office.happened(fmt.Sprint("aud_many", i), "kick")
		}
		if f := c.one("error"); f.Code != "unavailable" || f.Feed != "audit" {
			t.Error(f.raw)
		}
	})
}

// A hub that was given no records serves no feed of them.
func TestFeedsThatAreNotServed(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.hub.cfg.Observer, l.hub.cfg.Sessions, l.hub.cfg.Records = nil, nil, nil
		c := l.connect(l.signIn("usr_1", "admin"))
		for _, request := range []string{subscribeAudit, subscribeJobs, subscribeAll, watchPeople("usr_1")} {
			if f := c.ask(request); f.Code != "invalid_request" {
				t.Errorf("%s: %s", request, f.raw)
			}
		}
	})
}
