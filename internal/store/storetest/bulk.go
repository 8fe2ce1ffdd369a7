package storetest

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// insertBulk stores what InsertUser and InsertSession would.
func insertBulk(s suite) {
	const many = 2300
	since := s.later()
	users, sessions := make([]account.User, many), make([]session.Session, many)
	for i := range many {
		users[i] = newUser(fmt.Sprintf("bulk-%d@example.com", i))
		sessions[i] = newSession(users[i].ID)
	}
	s.ok(s.InsertBulk(s.ctx, users, sessions))

	for _, i := range []int{0, 999, 1000, many - 1} {
		user, err := s.User(s.ctx, users[i].ID)
		s.ok(err)
		want := users[i]
		want.Version, want.ChangedAt = 1, user.ChangedAt
		s.same("user", user, want)
		rec, wantRec := s.session(sessions[i].ID), sessions[i]
		wantRec.Version, wantRec.ChangedAt = 1, rec.ChangedAt
		s.same("session", rec, wantRec)
		if user.ChangedAt.Before(since) || rec.ChangedAt.Before(since) {
			s.t.Errorf("row %d stamped %v and %v, before %v", i, user.ChangedAt, rec.ChangedAt, since)
		}
	}
	found, err := s.ListSessions(s.ctx, session.Query{Q: fmt.Sprint(many - 1), Limit: 5})
	s.ok(err)
	s.sameIDs("found by a word", sessionIDs(found.Sessions), sessions[many-1].ID)
	all, err := s.ListUsers(s.ctx, account.Query{Limit: 1})
	s.ok(err)
	s.same("users", all.Total, many)

	s.is(s.InsertBulk(s.ctx, users[:1], nil), account.ErrEmailTaken)
	s.ok(s.InsertBulk(s.ctx, nil, nil))
}
