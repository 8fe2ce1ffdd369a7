package mongo

import (
	"testing"
	"time"
)

func TestLookChangesNothing(t *testing.T) {
	uri := newDatabase(t)
	c, err := Look(t.Context(), uri)
	if err != nil || c.Version == "" || c.Ahead.Abs() > time.Minute {
		t.Fatalf("%+v, %v", c, err)
	}
	s := open(t, uri)
	if n, err := s.Count(t.Context(), "users"); err != nil || n != 0 {
		t.Errorf("%d users, %v", n, err)
	}
}
