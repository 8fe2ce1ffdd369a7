package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// seenOnceAcknowledged: what a call acknowledged, every later read shows, whoever makes it.
func seenOnceAcknowledged(s suite) {
	for _, err := range race(racers, func(i int) error {
		u, rec := newUser(fmt.Sprintf("racer-%d@example.com", i)), newSession(id.New(id.User))
		var err error
		if u, err = s.InsertUser(s.ctx, u); err != nil {
			return err
		}
		if rec, err = s.InsertSession(s.ctx, rec); err != nil {
			return err
		}
		for n := range 10 {
			u.Epoch, rec.Refresh.Generation = n, n
			if u, err = s.ReplaceUser(s.ctx, u, true); err != nil {
				return err
			}
			if rec, err = s.ReplaceSession(s.ctx, rec, true); err != nil {
				return err
			}
			gotUser, err := s.UserByEmail(s.ctx, u.Email)
			if err != nil || gotUser.Version != u.Version || gotUser.Epoch != n {
				return fmt.Errorf("user of version %d reads as %d: %w", u.Version, gotUser.Version, err)
			}
			got, err := s.SessionsOf(s.ctx, rec.UserID)
			if err != nil || len(got) != 1 || got[0].Refresh.Generation != n {
				return fmt.Errorf("session of generation %d reads as %+v: %w", n, got, err)
			}
			c, err := s.Changes(s.ctx, rec.ChangedAt)
			has := slices.ContainsFunc(c.Sessions, func(x session.Session) bool { return x.ID == rec.ID && x.Version == rec.Version })
			if err != nil || !has {
				return fmt.Errorf("a stamped session is not among the changes: %w", err)
			}
		}
		return nil
	}) {
		if err != nil {
			s.t.Error(err)
		}
	}
}

// followingMissesNothing: who reads what changed since the clock of his last read, less an overlap, hears of all of
// it, however many write at the same time.
func followingMissesNothing(s suite) {
	const each, overlap = 20, 30 * time.Second
	since := s.storeClock()
	var done atomic.Bool
	heard := map[string]int{}
	read := func() error {
		c, err := s.Changes(s.ctx, since.Add(-overlap))
		if err != nil {
			return err
		}
		since = c.Now
		for _, rec := range c.Sessions {
			heard[rec.ID] = max(heard[rec.ID], rec.Version)
		}
		return nil
	}
	var mu sync.Mutex
	wrote := map[string]int{}
	var readErr error
	var reader sync.WaitGroup
	reader.Go(func() {
		for !done.Load() && readErr == nil {
			readErr = read()
		}
	})
	for _, err := range race(racers, func(int) error {
		for range each { // time goes by with the writes: many overlaps, but much less than one from stamp to commit
			s.clock.advance(time.Second)
			rec, err := s.InsertSession(s.ctx, newSession("usr_a"))
			if err == nil {
				rec, err = s.ReplaceSession(s.ctx, end(rec, epoch), true)
			}
			if err != nil {
				return err
			}
			mu.Lock()
			wrote[rec.ID] = rec.Version
			mu.Unlock()
		}
		return nil
	}) {
		s.ok(err)
	}
	done.Store(true)
	reader.Wait()
	s.ok(readErr)
	s.ok(read())
	for id, version := range wrote {
		if heard[id] != version {
			s.t.Errorf("of %s heard version %d, the last is %d", id, heard[id], version)
		}
	}
}

// auditOfOneFact: of any number of writers of one row, one is kept, whole.
func auditOfOneFact(s suite) {
	e := newEvent(epoch)
	for _, err := range race(racers, func(i int) error {
		mine := e
		mine.Reason = fmt.Sprint(i)
		return s.AppendAudit(s.ctx, mine)
	}) {
		s.ok(err)
	}
	got, _, err := s.AuditEvents(s.ctx, audit.Query{})
	s.ok(err)
	if len(got) != 1 {
		s.t.Fatalf("%d rows of one id", len(got))
	}
	e.Reason = got[0].Reason
	s.same("the row", got[0], e)
}

// raceOfClose: while the store closes, a write either is refused, or was acknowledged and done.
func raceOfClose(s suite) {
	for _, err := range race(racers, func(i int) error {
		if i == 0 {
			return s.Close()
		}
		_, err := s.InsertSession(s.ctx, newSession("usr_a"))
		if err != nil && !errors.Is(err, fault.ErrUnavailable) {
			return err
		}
		return nil
	}) {
		s.ok(err)
	}
}
