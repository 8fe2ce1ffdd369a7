package mongo

import (
	"cmp"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// TestChangesAreStampedByTheServer: a node whose own clock is wrong stamps as all others do.
func TestChangesAreStampedByTheServer(t *testing.T) {
	nodes := twoNodes(t)
	wrong := time.Now().Add(-time.Hour)
	before, err := nodes[1].Changes(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := nodes[0].InsertSession(t.Context(), session.Session{ID: id.New(id.Session), CreatedAt: wrong, ChangedAt: wrong})
	if err != nil {
		t.Fatal(err)
	}
	rec.ChangedAt = wrong
	if rec, err = nodes[0].ReplaceSession(t.Context(), rec, true); err != nil {
		t.Fatal(err)
	}
	after, err := nodes[1].Changes(t.Context(), rec.ChangedAt)
	if err != nil {
		t.Fatal(err)
	}
	if rec.ChangedAt.Before(before.Now) || after.Now.Before(rec.ChangedAt) {
		t.Errorf("stamped %v, between %v and %v", rec.ChangedAt, before.Now, after.Now)
	}
	if len(after.Sessions) != 1 || after.Sessions[0].ID != rec.ID || len(after.Users) != 0 {
		t.Errorf("since the stamp itself: %d sessions and %d users", len(after.Sessions), len(after.Users))
	}
}

func TestUserChangedIsSeenByOtherNodes(t *testing.T) {
	nodes := twoNodes(t)
	u, err := nodes[0].InsertUser(t.Context(), account.User{ID: id.New(id.User), Email: "ada@example.com", CreatedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	u.Epoch++
	if u, err = nodes[0].ReplaceUser(t.Context(), u, true); err != nil {
		t.Fatal(err)
	}
	c, err := nodes[1].Changes(t.Context(), u.ChangedAt)
	if err != nil || len(c.Users) != 1 || c.Users[0].Epoch != 1 {
		t.Errorf("changes are %+v, %v", c.Users, err)
	}
}

// TestChangesButTellWhatAChangeTells: of what is not known all that a Change tells of is there, of what is known nothing.
func TestChangesButTellWhatAChangeTells(t *testing.T) {
	s := open(t, newDatabase(t))
	var since time.Time
	var want []revocation.Change
	device := func(sess session.Session) {
		sess.ID, sess.UserID, sess.AAL, sess.CreatedAt = id.New(id.Session), id.New(id.User), 2, time.Now()
		sess, err := s.InsertSession(t.Context(), sess)
		if err != nil {
			t.Fatal(err)
		}
		if since.IsZero() {
			since = sess.ChangedAt
		}
		want = append(want, revocation.OfSession(sess))
	}
	user := func(u account.User) {
		u.ID, u.Epoch, u.CreatedAt = id.New(id.User), 3, time.Now()
		u.Email = u.ID + "@example.com"
		u, err := s.InsertUser(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, revocation.OfUser(u))
	}
	device(session.Session{Name: "lives"})
	device(session.Session{EndedAt: time.Now(), EndReason: "kicked", EndedBy: wire.By{Kind: wire.ByAdmin, Name: "Root"}, EndMessage: "call me"})
	user(account.User{Name: "plain", Roles: []string{"user"}})
	user(account.User{Name: "off", Roles: []string{"user", "admin"}, Disabled: true})
	user(account.User{Name: "half", Roles: []string{"user"}, TOTP: &account.TOTP{Secret: []byte("x")}, RecoveryCodes: []string{"a"}})
	user(account.User{
		Name: "all", Roles: []string{"user"}, TOTP: &account.TOTP{Secret: []byte("x"), ConfirmedAt: time.Now()}, RecoveryCodes: []string{"a", "b"},
		Passkeys: []account.Passkey{{ID: "p", Name: "key", Credential: []byte("{}")}},
	})
	read := func(known func(string, int, time.Time) bool) (got []revocation.Change) {
		c, err := s.ChangesBut(t.Context(), since, known)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range c.Sessions {
			got = append(got, revocation.OfSession(x))
		}
		for _, x := range c.Users {
			got = append(got, revocation.OfUser(x))
		}
		return got
	}
	byKey := func(a, b revocation.Change) int { return cmp.Compare(a.SessionID+a.UserID, b.SessionID+b.UserID) }
	slices.SortFunc(want, byKey)
	got := read(func(string, int, time.Time) bool { return false })
	slices.SortFunc(got, byKey)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("told\n%+v\nwant\n%+v", got, want)
	}
	old := want[0]
	got = read(func(key string, version int, at time.Time) bool {
		if key == old.SessionID || key == old.UserID {
			return version == old.Version && at.Equal(old.At)
		}
		return false
	})
	slices.SortFunc(got, byKey)
	if !reflect.DeepEqual(got, want[1:]) {
		t.Errorf("but one: told\n%+v\nwant\n%+v", got, want[1:])
	}
}
