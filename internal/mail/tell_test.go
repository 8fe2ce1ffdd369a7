package mail

import (
	"context"
	"errors"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// queued are the jobs there are.
func (l *lab) queued() []outbox.Job {
	l.t.Helper()
	page, err := l.store.ListJobs(l.t.Context(), outbox.Query{})
	l.must(err)
	return page.Jobs
}

func TestLettersAreQueuedBeforeTheirFactAndDueAfter(t *testing.T) {
	l := open(t, nil)
	a, b := Letter{Kind: Welcome, To: "a@example.com"}, Letter{Kind: TOTP, To: "b@example.com"}
	l.must(l.Telling(t.Context(), func() error {
		jobs := l.queued()
		for _, j := range jobs {
			if !j.RunAt.After(l.time()) {
				t.Errorf("%s is due before its fact", j.Note)
			}
		}
		if len(jobs) != 2 {
			t.Errorf("%d jobs before the fact, want 2", len(jobs))
		}
		return nil
	}, a, b))
	for _, j := range l.queued() {
		if j.RunAt.After(l.time()) {
			t.Errorf("%s is not due after its fact", j.Note)
		}
	}
}

func TestLetterOfARefusalIsTakenBack(t *testing.T) {
	l := open(t, nil)
	for _, tt := range []struct {
		err  error
		left int
	}{
		{fault.ErrConflict, 0},
		{fault.ErrUnavailable, 1}, // it may have been done all the same
		{context.DeadlineExceeded, 2},
	} {
		if err := l.Telling(t.Context(), func() error { return tt.err }, Letter{Kind: Welcome}); !errors.Is(err, tt.err) {
			t.Errorf("answers %v, want %v", err, tt.err)
		}
		if n := len(l.queued()); n != tt.left {
			t.Errorf("after %v there are %d jobs, want %d", tt.err, n, tt.left)
		}
	}
	if err := l.Telling(t.Context(), func() error { return ErrNone }, Letter{Kind: Welcome}); err != nil || len(l.queued()) != 2 {
		t.Errorf("of nothing: %v, and %d jobs", err, len(l.queued()))
	}
}

func TestManyWhoTellOneFactQueueOneLetter(t *testing.T) {
	l := open(t, nil)
	for range 5 {
		l.must(l.TellingOnce(t.Context(), "ses_a", epoch, func() error { return nil }, Letter{Kind: TokenReuse, To: "a@example.com"}))
	}
	l.must(l.TellingOnce(t.Context(), "ses_b", epoch, func() error { return nil }, Letter{Kind: TokenReuse, To: "a@example.com"}))
	if n := len(l.queued()); n != 2 {
		t.Errorf("%d letters of two facts", n)
	}
}

func TestLetterThatIsAskedForIsMadeWhenItsTurnComes(t *testing.T) {
	l := open(t, nil)
	u := l.user(nil)
	answers := map[string]func() (Letter, error){
		u.Email:            func() (Letter, error) { return To(u, Welcome), nil },
		"none@example.com": func() (Letter, error) { return Letter{}, ErrNone },
		"away@example.com": func() (Letter, error) { return Letter{}, fault.ErrUnavailable },
	}
	l.Answer = func(_ context.Context, _ outbox.Task, asked Letter) (Letter, error) {
		if asked.Ask.For != "something" || asked.Ask.Hash != "hash" {
			t.Errorf("asked %+v", asked.Ask)
		}
		return answers[asked.To]()
	}
	for to, sent := range map[string]bool{u.Email: true, "none@example.com": false, "away@example.com": false} {
		task := l.post(Letter{Kind: VerifyEmail, To: to, Ask: &Ask{For: "something", Hash: "hash"}})
		err := l.Run(t.Context(), task)
		if _, is := l.eml()[task.ID+"-welcome.eml"]; is != sent || errors.Is(err, fault.ErrUnavailable) != (to == "away@example.com") {
			t.Errorf("%s: sent is %v, %v", to, is, err)
		}
	}
	task := l.post(Letter{Kind: VerifyEmail, To: u.Email, Ask: &Ask{For: "something", Hash: "hash"}})
	if task.Payload = nil; !outbox.IsPermanent(l.Run(t.Context(), task)) {
		t.Error("it was made although nobody knows any more of whom")
	}
}
