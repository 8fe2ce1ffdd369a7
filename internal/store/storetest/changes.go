package storetest

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

func changes(s suite) {
	old, oldUser := s.putSession(), s.putUser()
	quiet, touched, stamped := s.putSession(), s.putSession(), s.putSession()
	quietUser, stampedUser := s.putUser(), s.putUser()
	since := s.later()

	_, err := s.ReplaceSession(s.ctx, quiet, false)
	s.ok(err)
	s.ok(s.Touch(s.ctx, []session.Trace{{SessionID: touched.ID, Acked: 9, OnlineSeq: 99}}))
	stamped, err = s.ReplaceSession(s.ctx, end(stamped, epoch), true)
	s.ok(err)
	_, err = s.ReplaceUser(s.ctx, quietUser, false)
	s.ok(err)
	stampedUser.Epoch++
	stampedUser, err = s.ReplaceUser(s.ctx, stampedUser, true)
	s.ok(err)
	born, bornUser := s.putSession(), s.putUser()
	s.is(func() error { _, err := s.ReplaceSession(s.ctx, old, true); return err }(), nil)

	c, err := s.Changes(s.ctx, since)
	s.ok(err)
	s.sameIDs("sessions", sessionIDs(c.Sessions), stamped.ID, born.ID, old.ID)
	s.sameIDs("users", userIDs(c.Users), stampedUser.ID, bornUser.ID)
	if c.Now.Before(born.ChangedAt) || c.Now.Before(since) {
		s.t.Errorf("the clock %v is before what it stamped", c.Now)
	}
	for _, got := range c.Sessions {
		if got.ID == stamped.ID {
			s.same("whole record", got, stamped)
		}
	}
	for _, got := range c.Users {
		if got.ID == stampedUser.ID {
			s.same("whole record", got, stampedUser)
		}
	}

	c, err = s.Changes(s.ctx, old.ChangedAt)
	s.ok(err)
	if len(c.Sessions) != 5 || len(c.Users) != 4 {
		s.t.Errorf("from the first stamp on: %d sessions and %d users, want all 5 and 4 (%s)", len(c.Sessions), len(c.Users), oldUser.ID)
	}
	c, err = s.Changes(s.ctx, time.Time{})
	s.ok(err)
	if len(c.Sessions) != 0 || len(c.Users) != 0 || c.Now.IsZero() {
		s.t.Errorf("the zero time asks for the clock alone, got %+v", c)
	}
}

func purge(s suite) {
	live := s.putSession()
	soon, late := s.insertSession(end(newSession("usr_a"), epoch)), s.insertSession(end(newSession("usr_a"), epoch.Add(time.Hour)))
	const many = 1100
	ids := make([]string, many)
	for i := range ids {
		ids[i] = s.insertSession(end(newSession("usr_a"), epoch.Add(-time.Hour))).ID
	}
	short, long := s.putGrant("mfa", "usr_a"), newGrant("mfa", "usr_a")
	long.ExpiresAt = epoch.Add(48 * time.Hour)
	s.ok(s.InsertGrant(s.ctx, long))

	s.ok(s.Purge(s.ctx, soon.PurgeAt.Add(-time.Millisecond)))
	s.session(soon.ID)
	s.ok(s.Purge(s.ctx, soon.PurgeAt))
	_, err := s.Session(s.ctx, soon.ID)
	s.is(err, fault.ErrNotFound)
	s.session(live.ID)
	s.session(late.ID)
	got, err := s.SessionsOf(s.ctx, "usr_a", append(ids, late.ID)...)
	s.ok(err)
	s.sameIDs("left of many", sessionIDs(got), late.ID)

	_, err = s.TakeGrant(s.ctx, short.Purpose, short.Hash, epoch) // at a time when it was live
	s.is(err, fault.ErrNotFound)
	_, err = s.TakeGrant(s.ctx, long.Purpose, long.Hash, epoch)
	s.ok(err)
}

// moved: the store's own writes are no news to it. Those of others are for the tests of stores that can tell.
func moved(s suite) {
	_, err := s.Moved(s.ctx)
	s.ok(err)
	s.putSession()
	got, err := s.Moved(s.ctx)
	s.ok(err)
	s.same("moved by itself", got, false)
}
