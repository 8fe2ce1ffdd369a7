package storetest

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

func newGrant(purpose, userID string) grant.Grant {
	return grant.Grant{
		Purpose: purpose, Hash: id.New("hash"), UserID: userID, SessionID: "ses_a", AuthVersion: 4, TriesLeft: 3,
		Payload: []byte{0, 255}, ExpiresAt: epoch.Add(time.Minute),
	}
}

func (s suite) putGrant(purpose, userID string) grant.Grant {
	s.t.Helper()
	g := newGrant(purpose, userID)
	s.ok(s.InsertGrant(s.ctx, g))
	return g
}

func grantRoundTrip(s suite) {
	g := s.putGrant(grant.Ticket, "usr_a")
	_, err := s.TakeGrant(s.ctx, grant.Setup, g.Hash, epoch)
	s.is(err, fault.ErrNotFound)
	_, err = s.TryGrant(s.ctx, g.Purpose, "none", epoch)
	s.is(err, fault.ErrNotFound)

	s.is(s.InsertGrant(s.ctx, g), fault.ErrConflict)
	found, err := s.Grant(s.ctx, g.Purpose, g.Hash, epoch)
	s.ok(err)
	s.same("found", found, g)

	for left := g.TriesLeft - 1; left >= 0; left-- {
		got, err := s.TryGrant(s.ctx, g.Purpose, g.Hash, epoch)
		s.ok(err)
		g.TriesLeft = left
		s.same("tried", got, g)
	}
	_, err = s.TryGrant(s.ctx, g.Purpose, g.Hash, epoch)
	s.is(err, fault.ErrNotFound)
	_, err = s.Grant(s.ctx, g.Purpose, g.Hash, epoch)
	s.is(err, fault.ErrNotFound)

	got, err := s.TakeGrant(s.ctx, g.Purpose, g.Hash, epoch) // the last try was good
	s.ok(err)
	s.same("taken", got, g)
	_, err = s.TakeGrant(s.ctx, g.Purpose, g.Hash, epoch)
	s.is(err, fault.ErrNotFound)
}

func grantExpires(s suite) {
	g := s.putGrant(grant.Ticket, "usr_a")
	_, err := s.TryGrant(s.ctx, g.Purpose, g.Hash, g.ExpiresAt)
	s.is(err, fault.ErrNotFound)
	_, err = s.Grant(s.ctx, g.Purpose, g.Hash, g.ExpiresAt)
	s.is(err, fault.ErrNotFound)
	_, err = s.TakeGrant(s.ctx, g.Purpose, g.Hash, g.ExpiresAt)
	s.is(err, fault.ErrNotFound)
	_, err = s.TakeGrant(s.ctx, g.Purpose, g.Hash, g.ExpiresAt.Add(-time.Millisecond))
	s.ok(err)
}

func deleteGrants(s suite) {
	gone := func(g grant.Grant) bool {
		_, err := s.TryGrant(s.ctx, g.Purpose, g.Hash, epoch)
		if err != nil {
			s.is(err, fault.ErrNotFound)
		}
		return err != nil
	}
	ticket, setup, mfa := s.putGrant(grant.Ticket, "usr_a"), s.putGrant(grant.Setup, "usr_a"), s.putGrant("mfa", "usr_a")
	other := s.putGrant(grant.Ticket, "usr_b")
	check := func(when string, want ...bool) {
		s.t.Helper()
		s.same(when, []bool{gone(ticket), gone(setup), gone(mfa), gone(other)}, want)
	}
	s.ok(s.DeleteGrants(s.ctx, "usr_a", "mfa", "reset_password"))
	check("one purpose of a user", false, false, true, false)
	s.ok(s.DeleteGrantsOf(s.ctx, grant.Setup))
	check("one purpose of all", false, true, true, false)
	s.ok(s.DeleteGrants(s.ctx, "usr_a"))
	check("all of a user", true, true, true, false)
}
