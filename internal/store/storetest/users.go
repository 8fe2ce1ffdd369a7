package storetest

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

func user(s suite) {
	u := newUser("ada@example.com")
	before := s.storeClock()
	stored := s.insertUser(u)
	if stored.ChangedAt.Before(before) {
		s.t.Errorf("stamped %v, before %v", stored.ChangedAt, before)
	}
	u.Version, u.ChangedAt = 1, stored.ChangedAt
	s.same("inserted", stored, u)

	got, err := s.User(s.ctx, u.ID)
	s.ok(err)
	s.same("by id", got, u)
	got, err = s.UserByEmail(s.ctx, u.Email)
	s.ok(err)
	s.same("by email", got, u)
}

func userNotFound(s suite) {
	s.putUser()
	_, err := s.User(s.ctx, id.New(id.User))
	s.is(err, fault.ErrNotFound)
	_, err = s.UserByEmail(s.ctx, "nobody@example.com")
	s.is(err, fault.ErrNotFound)
	_, err = s.ReplaceUser(s.ctx, newUser("nobody@example.com"), false)
	s.is(err, fault.ErrNotFound)
}

func usersByID(s suite) {
	a, b := s.putUser(), s.putUser()
	s.putUser()
	got, err := s.UsersByID(s.ctx, []string{a.ID, id.New(id.User), b.ID, a.ID})
	s.ok(err)
	s.sameIDs("those that exist, once", userIDs(got), a.ID, b.ID)
	got, err = s.UsersByID(s.ctx, nil)
	s.ok(err)
	s.sameIDs("of none", userIDs(got))
}

func emailIsUnique(s suite) {
	a := s.insertUser(newUser("a@example.com"))
	b := s.insertUser(newUser("b@example.com"))
	_, err := s.InsertUser(s.ctx, newUser(a.Email))
	s.is(err, account.ErrEmailTaken)

	taken := b
	taken.Email = a.Email
	_, err = s.ReplaceUser(s.ctx, taken, false)
	s.is(err, account.ErrEmailTaken)
	got, err := s.User(s.ctx, b.ID)
	s.ok(err)
	s.same("after a refused replace", got, b)

	b.Email = "c@example.com"
	_, err = s.ReplaceUser(s.ctx, b, false)
	s.ok(err)
	s.insertUser(newUser("b@example.com"))
	got, err = s.UserByEmail(s.ctx, "c@example.com")
	s.ok(err)
	s.sameIDs("by new email", []string{got.ID}, b.ID)
}

func replaceUser(s suite) {
	first := s.putUser()
	s.later()
	u := first
	u.Name, u.Roles, u.Disabled = "Ada King", []string{"user", "admin"}, true
	quiet, err := s.ReplaceUser(s.ctx, u, false)
	s.ok(err)
	u.Version = 2
	s.same("replaced without stamp", quiet, u)

	stamped, err := s.ReplaceUser(s.ctx, quiet, true)
	s.ok(err)
	if !stamped.ChangedAt.After(first.ChangedAt) {
		s.t.Errorf("stamped %v, not after %v", stamped.ChangedAt, first.ChangedAt)
	}
	u.Version, u.ChangedAt = 3, stamped.ChangedAt
	got, err := s.User(s.ctx, u.ID)
	s.ok(err)
	s.same("stored", got, u)

	_, err = s.ReplaceUser(s.ctx, quiet, true)
	s.is(err, fault.ErrMoved)
	got, err = s.User(s.ctx, u.ID)
	s.ok(err)
	s.same("after a stale replace", got, u)
}

// goneUsers: deleted ones have no address, are in no list, and go when their time has come.
func goneUsers(s suite) {
	left := s.putUser()
	var gone []account.User
	for _, address := range []string{"one@example.com", "two@example.com"} {
		u := newUser(address)
		u.Identities = []account.Identity{{Provider: "google", Subject: address, LinkedAt: epoch}}
		u = s.insertUser(u)
		u, err := s.ReplaceUser(s.ctx, account.User{
			ID: u.ID, Version: u.Version, Roles: u.Roles, Disabled: true, CreatedAt: u.CreatedAt, PurgeAt: epoch.Add(time.Hour),
		}, true)
		s.ok(err)
		gone = append(gone, u)
		got, err := s.User(s.ctx, u.ID)
		s.ok(err)
		s.same("what is left", got, u)
		_, err = s.UserByEmail(s.ctx, address)
		s.is(err, fault.ErrNotFound)
		_, err = s.UserByIdentity(s.ctx, "google", address)
		s.is(err, fault.ErrNotFound)
		s.insertUser(newUser(address)) // it is free
	}
	for _, q := range []account.Query{{}, {Role: account.RoleUser}, {Q: gone[0].ID}} {
		page, err := s.ListUsers(s.ctx, q)
		s.ok(err)
		want := 3
		if q.Q != "" {
			want = 0
		}
		s.same("listed", []int{len(page.Users), page.Total}, []int{want, want})
	}
	s.ok(s.Purge(s.ctx, epoch.Add(time.Hour-time.Millisecond)))
	_, err := s.User(s.ctx, gone[1].ID)
	s.ok(err)
	s.ok(s.Purge(s.ctx, epoch.Add(time.Hour)))
	for _, u := range gone {
		_, err := s.User(s.ctx, u.ID)
		s.is(err, fault.ErrNotFound)
	}
	_, err = s.User(s.ctx, left.ID)
	s.ok(err)
}

func admins(s suite) {
	a, err := s.Admins(s.ctx)
	s.ok(err)
	s.same("before there is one", a, account.Admins{})
	s.is(s.PutAdmins(s.ctx, account.Admins{Version: 1, IDs: []string{"usr_x"}}), fault.ErrMoved)

	s.ok(s.PutAdmins(s.ctx, account.Admins{IDs: []string{"usr_a"}}))
	s.is(s.PutAdmins(s.ctx, account.Admins{IDs: []string{"usr_x"}}), fault.ErrMoved)
	s.ok(s.PutAdmins(s.ctx, account.Admins{Version: 1, IDs: []string{"usr_a", "usr_b"}}))
	a, err = s.Admins(s.ctx)
	s.ok(err)
	s.same("second version", a, account.Admins{Version: 2, IDs: []string{"usr_a", "usr_b"}})
}

func keyset(s suite) {
	_, err := s.Keyset(s.ctx)
	s.is(err, fault.ErrNotFound)
	s.is(s.PutKeyset(s.ctx, keys(1), 1), fault.ErrMoved)

	s.ok(s.PutKeyset(s.ctx, keys(1), 0))
	s.is(s.PutKeyset(s.ctx, keys(3), 0), fault.ErrMoved)
	s.ok(s.PutKeyset(s.ctx, keys(2), 1))
	s.is(s.PutKeyset(s.ctx, keys(3), 1), fault.ErrMoved)
	want := keys(2)
	want.Version = 2
	got, err := s.Keyset(s.ctx)
	s.ok(err)
	s.same("second version", got, want)
}

// keys is a record of n keys.
func keys(n int) token.Record {
	var rec token.Record
	for i := range n {
		rec.Keys = append(rec.Keys, token.KeyRecord{
			Kid: id.New(id.Key)[:4] + string(rune('a'+i)), State: token.Current, Sealed: []byte{1, 0, 255}, Public: []byte{9}, CreatedAt: epoch,
		})
	}
	return rec
}

func identities(s suite) {
	at := func(provider, subject string) account.Identity {
		return account.Identity{Provider: provider, Subject: subject, Email: "x@example.com", LinkedAt: epoch}
	}
	u := newUser("linked@example.com")
	u.Identities = []account.Identity{at("google", "1"), at("github", "2")}
	u = s.insertUser(u)
	plain, other := s.putUser(), s.putUser() // several users without any
	got, err := s.UserByIdentity(s.ctx, "github", "2")
	s.ok(err)
	s.same("by identity", got, u)
	_, err = s.UserByIdentity(s.ctx, "google", "2")
	s.is(err, fault.ErrNotFound)
	_, err = s.UserByIdentity(s.ctx, "", u.ID)
	s.is(err, fault.ErrNotFound)

	plain.Identities = []account.Identity{at("google", "1")}
	_, err = s.ReplaceUser(s.ctx, plain, false)
	s.is(err, account.ErrIdentityTaken)
	fresh := newUser("fresh@example.com")
	fresh.Identities = plain.Identities
	_, err = s.InsertUser(s.ctx, fresh)
	s.is(err, account.ErrIdentityTaken)

	u.Identities = u.Identities[1:]
	_, err = s.ReplaceUser(s.ctx, u, false)
	s.ok(err)
	_, err = s.UserByIdentity(s.ctx, "google", "1")
	s.is(err, fault.ErrNotFound)
	other.Identities = plain.Identities
	_, err = s.ReplaceUser(s.ctx, other, false)
	s.ok(err)
}
