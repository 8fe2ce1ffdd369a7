package mongo

import (
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

func TestObserverHearsCommandsByCollection(t *testing.T) {
	s := open(t, newDatabase(t))
	var mu sync.Mutex
	heard := map[string]int{}
	s.Observe(func(operation string, took time.Duration, err error) {
		mu.Lock()
		defer mu.Unlock()
		if took > 0 && err == nil {
			heard[operation]++
		}
	})
	u := account.User{ID: id.New(id.User), Email: "ada@example.com", Roles: []string{account.RoleUser}}
	if _, err := s.InsertUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if _, err := s.User(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if heard["findAndModify users"] == 0 || heard["find users"] == 0 {
		t.Errorf("heard %v", heard)
	}
}
