package mongo

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/id"
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
