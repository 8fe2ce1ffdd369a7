package storetest

import (
	"reflect"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// epoch is when the tests begin. Times of records are whole milliseconds, which every store can keep.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

func newUser(email string) account.User {
	return account.User{
		ID: id.New(id.User), Email: email, Name: "Ada Lovelace", PasswordHash: "$argon2id$x", Roles: []string{account.RoleUser},
		EmailVerifiedAt: epoch.Add(-time.Hour), Epoch: 3, AuthVersion: 4, CreatedAt: epoch.Add(-time.Hour),
	}
}

func newSession(userID string) session.Session {
	return session.Session{
		ID: id.New(id.Session), UserID: userID, Transport: session.Cookie, Name: "Kitchen tablet",
		Refresh: session.Refresh{Generation: 1, RotatedAt: epoch, Key: []byte{0, 1, 255}},
		Device:  wire.Device{Browser: "Firefox", OS: "Linux", Kind: "tablet"},
		AAL:     1, AMR: []string{"pwd"}, AuthTime: epoch, AuthVersion: 4, CreatedAt: epoch, RefreshedAt: epoch,
		ExpiresAt: epoch.Add(time.Hour), AbsoluteExpiresAt: epoch.Add(24 * time.Hour),
		LastSeenAt: epoch, IP: "192.0.2.7", UserAgent: "agent/1", Location: &wire.Location{City: "Graz", Country: "AT"},
		Acked: 1, Online: true, OnlineSeq: 10,
	}
}

func end(rec session.Session, at time.Time) session.Session {
	rec.EndedAt, rec.EndReason, rec.EndedBy, rec.EndMessage = at, "kicked", wire.By{Kind: wire.ByAdmin, Name: "Root"}, "bye"
	rec.PurgeAt = at.Add(24 * time.Hour)
	return rec
}

// ending is the end that end writes.
func ending(at time.Time) session.End {
	x := end(session.Session{}, at)
	return session.End{At: at, PurgeAt: x.PurgeAt, Reason: x.EndReason, By: x.EndedBy, Message: x.EndMessage}
}

func (s suite) putUser() account.User {
	s.t.Helper()
	return s.insertUser(newUser(id.New("u") + "@example.com"))
}

func (s suite) insertUser(u account.User) account.User {
	s.t.Helper()
	stored, err := s.InsertUser(s.ctx, u)
	s.ok(err)
	return stored
}

func (s suite) putSession() session.Session {
	s.t.Helper()
	return s.insertSession(newSession(id.New(id.User)))
}

func (s suite) insertSession(rec session.Session) session.Session {
	s.t.Helper()
	stored, err := s.InsertSession(s.ctx, rec)
	s.ok(err)
	return stored
}

func (s suite) session(id string) session.Session {
	s.t.Helper()
	rec, err := s.Session(s.ctx, id)
	s.ok(err)
	return rec
}

// same compares whole values.
func (s suite) same(what string, got, want any) {
	s.t.Helper()
	if !reflect.DeepEqual(got, want) {
		s.t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// sameIDs compares lists without their order.
func (s suite) sameIDs(what string, got []string, want ...string) {
	s.t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		s.t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func userIDs(users []account.User) []string {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	return ids
}

func sessionIDs(sessions []session.Session) []string {
	ids := make([]string, len(sessions))
	for i, rec := range sessions {
		ids[i] = rec.ID
	}
	return ids
}
