package storetest

import (
	"cmp"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
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

// changesBut: of what is not known all that a Change tells of is there, of what is known nothing.
func changesBut(s suite) {
	var want []revocation.Change
	device := func(rec session.Session) { want = append(want, revocation.OfSession(s.insertSession(rec))) }
	user := func(change func(*account.User)) {
		u := newUser(id.New("u") + "@example.com")
		change(&u)
		want = append(want, revocation.OfUser(s.insertUser(u)))
	}
	s.putSession()
	s.putUser()
	since := s.later()
	device(newSession("usr_a"))
	device(end(newSession("usr_a"), epoch))
	user(func(u *account.User) {})
	user(func(u *account.User) { u.Roles, u.Disabled = []string{"user", "admin"}, true })
	user(func(u *account.User) { u.TOTP, u.RecoveryCodes = &account.TOTP{Secret: []byte("x")}, []string{"a"} })
	user(func(u *account.User) {
		u.TOTP, u.RecoveryCodes = &account.TOTP{Secret: []byte("x"), ConfirmedAt: epoch}, []string{"a", "b"}
		u.Passkeys = []account.Passkey{{ID: "p", Name: "key", Credential: []byte("{}")}}
	})
	order := func(list []revocation.Change) []revocation.Change {
		slices.SortFunc(list, func(a, b revocation.Change) int { return cmp.Compare(a.SessionID+a.UserID, b.SessionID+b.UserID) })
		return list
	}
	read := func(since time.Time, known revocation.Known) (got []revocation.Change) {
		c, err := s.ChangesBut(s.ctx, since, known)
		s.ok(err)
		if c.Now.Before(since) {
			s.t.Errorf("the clock %v is before what it stamped", c.Now)
		}
		for _, rec := range c.Sessions {
			got = append(got, revocation.OfSession(rec))
		}
		for _, u := range c.Users {
			got = append(got, revocation.OfUser(u))
		}
		return order(got)
	}
	nothing := func(string, int, time.Time) bool { return false }
	want = order(want)
	s.same("nothing known", read(since, nothing), want)
	for _, i := range []int{0, len(want) - 1} { // a session and a user
		old := want[i]
		is := func(key string) bool { return key == old.SessionID || old.SessionID == "" && key == old.UserID }
		got := read(since, func(key string, version int, at time.Time) bool {
			return is(key) && version == old.Version && at.Equal(old.At)
		})
		s.same("one known", got, slices.Delete(slices.Clone(want), i, i+1))
		got = read(since, func(key string, version int, at time.Time) bool {
			return is(key) && version == old.Version+1 && at.Equal(old.At)
		})
		s.same("another version known", got, want)
	}
	s.same("all known", len(read(since, func(string, int, time.Time) bool { return true })), 0)
	s.same("the clock alone", len(read(time.Time{}, nothing)), 0)
}

// changesButMany: so many that a store reads them in several steps.
func changesButMany(s suite) {
	since := s.later()
	const many = 1100
	ids := make([]string, many)
	for i := range ids {
		ids[i] = s.insertSession(newSession("usr_a")).ID
	}
	c, err := s.ChangesBut(s.ctx, since, func(key string, _ int, _ time.Time) bool { return key == ids[0] })
	s.ok(err)
	s.sameIDs("sessions", sessionIDs(c.Sessions), ids[1:]...)
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
