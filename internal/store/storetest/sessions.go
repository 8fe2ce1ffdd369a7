package storetest

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

func sessionRoundTrip(s suite) {
	full, bare := newSession("usr_a"), session.Session{ID: id.New(id.Session), UserID: "usr_a", CreatedAt: epoch}
	for name, rec := range map[string]session.Session{"full": full, "bare": bare, "ended": end(newSession("usr_a"), epoch)} {
		before := s.storeClock()
		stored := s.insertSession(rec)
		if stored.ChangedAt.Before(before) {
			s.t.Errorf("%s: stamped %v, before %v", name, stored.ChangedAt, before)
		}
		rec.Version, rec.ChangedAt = 1, stored.ChangedAt
		s.same(name+" inserted", stored, rec)
		s.same(name+" read", s.session(rec.ID), rec)
	}
	_, err := s.Session(s.ctx, id.New(id.Session))
	s.is(err, fault.ErrNotFound)
}

func replaceSession(s suite) {
	first := s.putSession()
	s.later()
	rec := first
	rec.Refresh.Generation, rec.ExpiresAt = 2, epoch.Add(2*time.Hour)
	quiet, err := s.ReplaceSession(s.ctx, rec, false)
	s.ok(err)
	rec.Version = 2
	s.same("replaced without stamp", quiet, rec)

	ended, err := s.ReplaceSession(s.ctx, end(quiet, epoch.Add(time.Minute)), true)
	s.ok(err)
	if !ended.ChangedAt.After(first.ChangedAt) {
		s.t.Errorf("stamped %v, not after %v", ended.ChangedAt, first.ChangedAt)
	}
	rec = end(rec, epoch.Add(time.Minute))
	rec.Version, rec.ChangedAt = 3, ended.ChangedAt
	s.same("ended", s.session(rec.ID), rec)

	_, err = s.ReplaceSession(s.ctx, quiet, true)
	s.is(err, fault.ErrMoved)
	s.same("after a stale replace", s.session(rec.ID), rec)
	_, err = s.ReplaceSession(s.ctx, newSession("usr_a"), true)
	s.is(err, fault.ErrNotFound)
}

// endSession: the end is all that changes, and it stays.
func endSession(s suite) {
	bare := session.Session{ID: id.New(id.Session), UserID: "usr_a", CreatedAt: epoch}
	for name, rec := range map[string]session.Session{"full": newSession("usr_a"), "bare": bare} {
		rec = s.insertSession(rec)
		s.ok(s.Touch(s.ctx, []session.Trace{{SessionID: rec.ID, LastSeenAt: epoch.Add(time.Hour), Acked: 2, OnlineSeq: 11}}))
		before := s.later()
		want := end(rec, epoch.Add(time.Minute))
		want.Version, want.LastSeenAt, want.Acked, want.Online, want.OnlineSeq = 2, epoch.Add(time.Hour), 2, false, 11
		got, ended, err := s.EndSession(s.ctx, rec.ID, ending(want.EndedAt))
		s.ok(err)
		if got.ChangedAt.Before(before) {
			s.t.Errorf("%s: stamped %v, before %v", name, got.ChangedAt, before)
		}
		want.ChangedAt = got.ChangedAt
		s.same(name+": ended", ended, true)
		s.same(name+": answer", got, want)
		s.same(name+": stored", s.session(rec.ID), want)
		s.later()

		second := ending(epoch.Add(2 * time.Minute))
		second.Reason, second.Message = "session_revoked", "again"
		got, ended, err = s.EndSession(s.ctx, rec.ID, second)
		s.ok(err)
		s.same(name+": ended again", ended, false)
		s.same(name+": answer again", got, want)
		s.same(name+": stored again", s.session(rec.ID), want)

		live, err := s.SessionsOf(s.ctx, rec.UserID)
		s.ok(err)
		s.sameIDs(name+": live", sessionIDs(live))
		s.ok(s.Purge(s.ctx, want.PurgeAt))
		_, _, err = s.EndSession(s.ctx, rec.ID, second)
		s.is(err, fault.ErrNotFound)
	}
}

func endSessionIfDue(s suite) {
	by := epoch.Add(time.Minute)
	idle, absolute := newSession("usr_a"), newSession("usr_a")
	idle.ExpiresAt, absolute.AbsoluteExpiresAt = by, by
	for _, rec := range []session.Session{idle, absolute} {
		rec = s.insertSession(rec)
		e := ending(by)
		e.Due = by.Add(-time.Millisecond)
		got, ended, err := s.EndSession(s.ctx, rec.ID, e)
		s.ok(err)
		s.same("ended before", ended, false)
		s.same("answer before", got, rec)
		s.same("stored before", s.session(rec.ID), rec)
		e.Due = by
		got, ended, err = s.EndSession(s.ctx, rec.ID, e)
		s.ok(err)
		want := end(rec, by)
		want.Version, want.ChangedAt = 2, got.ChangedAt
		s.same("ended then", ended, true)
		s.same("answer then", got, want)
	}
	e := ending(by)
	e.Due = by
	_, _, err := s.EndSession(s.ctx, id.New(id.Session), e)
	s.is(err, fault.ErrNotFound)
}

func replaceKeepsTraces(s suite) {
	rec := s.putSession()
	s.ok(s.Touch(s.ctx, []session.Trace{{SessionID: rec.ID, LastSeenAt: epoch.Add(time.Hour), IP: "198.51.100.1", Acked: 2, OnlineSeq: 11}}))
	rec.Name = "Tablet"
	got, err := s.ReplaceSession(s.ctx, rec, false) // with the traces from before
	s.ok(err)
	rec.Version, rec.LastSeenAt, rec.IP, rec.UserAgent, rec.Location = 2, epoch.Add(time.Hour), "198.51.100.1", "", nil
	rec.Acked, rec.Online, rec.OnlineSeq = 2, false, 11
	s.same("answer", got, rec)
	s.same("stored", s.session(rec.ID), rec)
}

func sessionsOf(s suite) {
	mine, other := id.New(id.User), id.New(id.User)
	live := s.insertSession(newSession(mine))
	gone := s.insertSession(end(newSession(mine), epoch))
	s.insertSession(end(newSession(mine), epoch))
	foreign := s.insertSession(newSession(other))
	foreignGone := s.insertSession(end(newSession(other), epoch))

	got, err := s.SessionsOf(s.ctx, mine)
	s.ok(err)
	s.sameIDs("live ones", sessionIDs(got), live.ID)
	got, err = s.SessionsOf(s.ctx, mine, gone.ID, live.ID, foreign.ID, foreignGone.ID, "ses_none")
	s.ok(err)
	s.sameIDs("and an ended one", sessionIDs(got), live.ID, gone.ID)
	got, err = s.SessionsOf(s.ctx, id.New(id.User))
	s.ok(err)
	s.sameIDs("of nobody", sessionIDs(got))
}

func dueSessions(s suite) {
	idle, absolute, later, ended := newSession("usr_a"), newSession("usr_a"), newSession("usr_a"), end(newSession("usr_a"), epoch)
	idle.ExpiresAt = epoch.Add(time.Minute)
	absolute.AbsoluteExpiresAt = epoch.Add(2 * time.Minute)
	ended.ExpiresAt = epoch.Add(time.Minute)
	for _, rec := range []session.Session{idle, absolute, later, ended} {
		s.insertSession(rec)
	}
	due := func(now time.Time, limit int, want ...string) {
		s.t.Helper()
		got, err := s.DueSessions(s.ctx, now, limit)
		s.ok(err)
		s.sameIDs("due", sessionIDs(got), want...)
	}
	due(epoch.Add(time.Minute-time.Millisecond), 10)
	due(epoch.Add(time.Minute), 10, idle.ID)
	due(epoch.Add(3*time.Minute), 10, idle.ID, absolute.ID)
	due(epoch.Add(3*time.Minute), 1, idle.ID)

	moved := s.session(idle.ID)
	moved.ExpiresAt = epoch.Add(time.Hour)
	_, err := s.ReplaceSession(s.ctx, moved, false)
	s.ok(err)
	due(epoch.Add(3*time.Minute), 10, absolute.ID)
	got, err := s.DueSessions(s.ctx, epoch.Add(48*time.Hour), 2)
	s.ok(err)
	if len(got) != 2 {
		s.t.Errorf("%d due sessions, the limit is 2", len(got))
	}
}

func touch(s suite) {
	rec := s.putSession()
	steps := []struct {
		name  string
		trace session.Trace
		want  func(*session.Session)
	}{
		{"zero members leave theirs", session.Trace{}, func(*session.Session) {}},
		{"older and lower leave theirs", session.Trace{LastSeenAt: epoch.Add(-time.Second), Acked: -1, Online: false, OnlineSeq: 9}, func(*session.Session) {}},
		{"the same seq leaves online", session.Trace{Online: false, OnlineSeq: 10}, func(*session.Session) {}},
		{"later", session.Trace{LastSeenAt: epoch.Add(time.Second)}, func(r *session.Session) { r.LastSeenAt = epoch.Add(time.Second) }},
		{"higher", session.Trace{Acked: 5}, func(r *session.Session) { r.Acked = 5 }},
		{"offline", session.Trace{OnlineSeq: 11}, func(r *session.Session) { r.Online, r.OnlineSeq = false, 11 }},
		{"address", session.Trace{IP: "2001:db8::1", UserAgent: "agent/2", Location: &wire.Location{Country: "FR"}}, func(r *session.Session) {
			r.IP, r.UserAgent, r.Location = "2001:db8::1", "agent/2", &wire.Location{Country: "FR"}
		}},
		{"address without a place", session.Trace{IP: "10.0.0.1", UserAgent: "agent/3"}, func(r *session.Session) {
			r.IP, r.UserAgent, r.Location = "10.0.0.1", "agent/3", nil
		}},
	}
	for _, step := range steps {
		s.later()
		step.trace.SessionID = rec.ID
		s.ok(s.Touch(s.ctx, []session.Trace{step.trace}))
		step.want(&rec)
		s.same(step.name, s.session(rec.ID), rec) // version and stamp as they were
	}
}

func touchMany(s suite) {
	const many = 1200
	a, b := s.putSession(), s.putSession()
	traces := make([]session.Trace, 0, many+2)
	traces = append(traces, session.Trace{SessionID: a.ID, Acked: 7})
	for range many {
		traces = append(traces, session.Trace{SessionID: id.New(id.Session), Acked: 7})
	}
	s.ok(s.Touch(s.ctx, append(traces, session.Trace{SessionID: b.ID, Acked: 8})))
	if a, b := s.session(a.ID).Acked, s.session(b.ID).Acked; a != 7 || b != 8 {
		s.t.Errorf("acked %d and %d around those that are gone, want 7 and 8", a, b)
	}
	_, err := s.Session(s.ctx, traces[1].SessionID)
	s.is(err, fault.ErrNotFound)
	s.ok(s.Touch(s.ctx, nil))
}

// stripSessions: nothing personal stays, nor does it come back by a trace that is late.
func stripSessions(s suite) {
	mine, other := end(newSession("usr_a"), epoch), s.insertSession(newSession("usr_b"))
	mine = s.insertSession(mine)
	s.ok(s.StripSessions(s.ctx, "usr_a"))
	s.ok(s.Touch(s.ctx, []session.Trace{{SessionID: mine.ID, LastSeenAt: epoch.Add(time.Hour), IP: "192.0.2.9", UserAgent: "late"}}))
	got := s.session(mine.ID)
	mine.Version, mine.Name, mine.Device, mine.IP, mine.UserAgent, mine.Location = 2, "", wire.Device{Kind: "unknown"}, "", "", nil
	mine.LastSeenAt = epoch.Add(time.Hour)
	s.same("stripped", got, mine)
	s.same("another user's", s.session(other.ID), other)
	s.ok(s.StripSessions(s.ctx, "usr_none"))
}

func resetOnline(s suite) {
	on, off := s.putSession(), s.putSession()
	s.ok(s.Touch(s.ctx, []session.Trace{{SessionID: off.ID, OnlineSeq: 11}}))
	s.later()
	s.ok(s.ResetOnline(s.ctx))
	on.Online, on.OnlineSeq = false, 0
	off.Online, off.OnlineSeq = false, 0
	s.same("was online", s.session(on.ID), on) // version and stamp as they were
	s.same("was offline", s.session(off.ID), off)

	s.ok(s.Touch(s.ctx, []session.Trace{{SessionID: on.ID, Online: true, OnlineSeq: 1}})) // a lower one than before
	on.Online, on.OnlineSeq = true, 1
	s.same("online again", s.session(on.ID), on)
}
