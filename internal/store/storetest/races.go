package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// races have one winner each, and tell the others why.
func races(s suite) {
	tests := []struct {
		name  string
		lost  error
		setUp func() func(i int) error
	}{
		{"ReplaceSession", fault.ErrMoved, func() func(int) error {
			rec := s.putSession()
			return func(i int) error {
				mine := rec
				mine.Name = fmt.Sprint(i)
				_, err := s.ReplaceSession(s.ctx, mine, i%2 == 0)
				return err
			}
		}},
		{"ReplaceUser", fault.ErrMoved, func() func(int) error {
			u := s.putUser()
			return func(i int) error {
				mine := u
				mine.Name = fmt.Sprint(i)
				_, err := s.ReplaceUser(s.ctx, mine, i%2 == 0)
				return err
			}
		}},
		{"PutAdmins, the first", fault.ErrMoved, func() func(int) error {
			return func(i int) error { return s.PutAdmins(s.ctx, account.Admins{IDs: []string{fmt.Sprint(i)}}) }
		}},
		{"PutAdmins", fault.ErrMoved, func() func(int) error {
			return func(i int) error { return s.PutAdmins(s.ctx, account.Admins{Version: 1, IDs: []string{fmt.Sprint(i)}}) }
		}},
		{"PutKeyset, the first", fault.ErrMoved, func() func(int) error {
			return func(i int) error { return s.PutKeyset(s.ctx, keys(i), 0) }
		}},
		{"PutKeyset", fault.ErrMoved, func() func(int) error {
			return func(i int) error { return s.PutKeyset(s.ctx, keys(i), 1) }
		}},
		{"TakeGrant", fault.ErrNotFound, func() func(int) error {
			g := s.putGrant(grant.Ticket, "usr_a")
			return func(int) error {
				_, err := s.TakeGrant(s.ctx, g.Purpose, g.Hash, epoch)
				return err
			}
		}},
		{"ReplaceUser, to one address", account.ErrEmailTaken, func() func(int) error {
			users := make([]account.User, racers)
			for i := range users {
				users[i] = s.putUser()
			}
			return func(i int) error {
				mine := users[i]
				mine.Email = "wanted@example.com"
				_, err := s.ReplaceUser(s.ctx, mine, true)
				return err
			}
		}},
		{"InsertUser", account.ErrEmailTaken, func() func(int) error {
			return func(int) error {
				_, err := s.InsertUser(s.ctx, newUser("same@example.com"))
				return err
			}
		}},
	}
	for _, tt := range tests {
		won := 0
		for _, err := range race(racers, tt.setUp()) {
			if err == nil {
				won++
				continue
			}
			s.is(err, tt.lost)
		}
		if won != 1 {
			s.t.Errorf("%s: %d of %d won", tt.name, won, racers)
		}
	}
}

func raceOfTries(s suite) {
	g := s.putGrant("mfa", "usr_a")
	var mu sync.Mutex
	var left []int
	for _, err := range race(racers, func(int) error {
		got, err := s.TryGrant(s.ctx, g.Purpose, g.Hash, epoch)
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			left = append(left, got.TriesLeft)
		}
		return err
	}) {
		if err != nil {
			s.is(err, fault.ErrNotFound)
		}
	}
	slices.Sort(left)
	s.same("tries that were left", left, []int{0, 1, 2})
}

// raceOfTouchAndReplace: neither undoes the other.
func raceOfTouchAndReplace(s suite) {
	const each = 20
	rec := s.putSession()
	replace := func() error {
		for {
			got, err := s.Session(s.ctx, rec.ID)
			if err != nil {
				return err
			}
			got.Refresh.Generation++
			if _, err = s.ReplaceSession(s.ctx, got, false); !errors.Is(err, fault.ErrMoved) {
				return err
			}
		}
	}
	touch := func(i, n int) error {
		step := i*each + n
		return s.Touch(s.ctx, []session.Trace{{
			SessionID: rec.ID, LastSeenAt: epoch.Add(time.Duration(step) * time.Second), Acked: step, Online: step%2 == 0, OnlineSeq: int64(100 + step),
		}})
	}
	for _, err := range race(racers, func(i int) error {
		for n := range each {
			if i < 2 {
				if err := replace(); err != nil {
					return err
				}
			} else if err := touch(i, n); err != nil {
				return err
			}
		}
		return nil
	}) {
		s.ok(err)
	}
	last := racers*each - 1
	want := rec
	want.Version, want.Refresh.Generation = 1+2*each, 1+2*each
	want.LastSeenAt, want.Acked, want.Online, want.OnlineSeq = epoch.Add(time.Duration(last)*time.Second), last, last%2 == 0, int64(100+last)
	s.same("after the race", s.session(rec.ID), want)
}

// raceOfEnds: one ends it, and all hear of the same end.
func raceOfEnds(s suite) {
	rec := s.putSession()
	got, won := make([]session.Session, racers), make([]bool, racers)
	for _, err := range race(racers, func(i int) (err error) {
		e := ending(epoch)
		e.Message = fmt.Sprint(i)
		got[i], won[i], err = s.EndSession(s.ctx, rec.ID, e)
		return err
	}) {
		s.ok(err)
	}
	winner := slices.Index(won, true)
	if winner < 0 || slices.Contains(won[winner+1:], true) {
		s.t.Fatalf("one should end it: %v", won)
	}
	want := end(rec, epoch)
	want.Version, want.ChangedAt, want.EndMessage = 2, got[winner].ChangedAt, fmt.Sprint(winner)
	for _, x := range got {
		s.same("what a racer hears", x, want)
	}
	s.same("stored", s.session(rec.ID), want)
}

// raceOfEndsAndRefreshes: an end needs no second try, however many steps the chain takes meanwhile. Of those none is
// lost that was acknowledged, and after the end there is none.
func raceOfEndsAndRefreshes(s suite) {
	rec := s.putSession()
	var steps atomic.Int64
	refresh := func() error {
		for {
			x, err := s.Session(s.ctx, rec.ID)
			if err != nil || x.Ended() {
				return err
			}
			x.Refresh.Generation++
			switch _, err = s.ReplaceSession(s.ctx, x, false); {
			case errors.Is(err, fault.ErrMoved):
			case err != nil:
				return err
			default:
				steps.Add(1)
			}
		}
	}
	var won atomic.Int64
	for _, err := range race(racers, func(i int) error {
		if i%2 == 0 {
			return refresh()
		}
		for steps.Load() < 20 { // the chain is under way
			if _, err := s.Session(s.ctx, rec.ID); err != nil {
				return err
			}
		}
		e := ending(epoch)
		e.Message = fmt.Sprint(i)
		_, ended, err := s.EndSession(s.ctx, rec.ID, e)
		if ended {
			won.Add(1)
		}
		return err
	}) {
		s.ok(err)
	}
	got := s.session(rec.ID)
	n := int(steps.Load())
	if won.Load() != 1 || !got.Ended() || got.Refresh.Generation != 1+n || got.Version != 2+n {
		s.t.Errorf("%d ended it after %d steps: %+v", won.Load(), n, got)
	}
}
