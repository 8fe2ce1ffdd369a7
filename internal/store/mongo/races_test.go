package mongo

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

const writers = 16

// twoNodes are two stores on one database.
func twoNodes(t *testing.T) []*Store {
	t.Helper()
	uri := newDatabase(t)
	return []*Store{open(t, uri), open(t, uri)}
}

// race lets the writers do the same at once, each on one of the nodes.
func race(t *testing.T, nodes []*Store, do func(s *Store, i int) error) {
	t.Helper()
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(writers)
	for i := range writers {
		done.Go(func() {
			ready.Done()
			<-start
			if err := do(nodes[i%len(nodes)], i); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}

// TestNoUpdateIsLost: each writer adds to the record what it read there, until its compare-and-set wins.
func TestNoUpdateIsLost(t *testing.T) {
	const each = 10
	nodes := twoNodes(t)
	rec, err := nodes[0].InsertSession(t.Context(), session.Session{ID: id.New(id.Session), UserID: "usr_a", CreatedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	rotate := func(s *Store) error {
		for {
			mine, err := s.Session(t.Context(), rec.ID)
			if err != nil {
				return err
			}
			mine.Refresh.Generation++
			if _, err = s.ReplaceSession(t.Context(), mine, false); !errors.Is(err, fault.ErrMoved) {
				return err
			}
		}
	}
	race(t, nodes, func(s *Store, _ int) error {
		for range each {
			if err := rotate(s); err != nil {
				return err
			}
		}
		return nil
	})
	got, err := nodes[1].Session(t.Context(), rec.ID)
	if err != nil || got.Refresh.Generation != writers*each || got.Version != 1+writers*each {
		t.Errorf("generation %d and version %d after %d steps, %v", got.Refresh.Generation, got.Version, writers*each, err)
	}
}

// TestNobodyIsForgottenAmongAdmins: the first version is an insert, the others replace; both are races.
func TestNobodyIsForgottenAmongAdmins(t *testing.T) {
	nodes := twoNodes(t)
	race(t, nodes, func(s *Store, i int) error {
		for {
			a, err := s.Admins(t.Context())
			if err != nil {
				return err
			}
			a.IDs = append(a.IDs, string(rune('a'+i)))
			if err := s.PutAdmins(t.Context(), a); !errors.Is(err, fault.ErrMoved) {
				return err
			}
		}
	})
	a, err := nodes[0].Admins(t.Context())
	if err != nil || len(a.IDs) != writers || a.Version != writers {
		t.Errorf("version %d with %q, %v", a.Version, a.IDs, err)
	}
}

// TestAnAddressIsGivenOnce, whether new users come with it or old ones change to it.
func TestAnAddressIsGivenOnce(t *testing.T) {
	nodes := twoNodes(t)
	user := func(email string) account.User {
		return account.User{ID: id.New(id.User), Email: email, Roles: []string{account.RoleUser}, CreatedAt: time.Now()}
	}
	var mu sync.Mutex
	won := 0
	race(t, nodes, func(s *Store, i int) error {
		u := user("same@example.com")
		var err error
		if i%4 < 2 {
			_, err = s.InsertUser(t.Context(), u)
		} else {
			u.Email = id.New("u") + "@example.com"
			if u, err = s.InsertUser(t.Context(), u); err != nil {
				return err
			}
			u.Email = "same@example.com"
			_, err = s.ReplaceUser(t.Context(), u, true)
		}
		if errors.Is(err, account.ErrEmailTaken) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		won++
		return err
	})
	if won != 1 {
		t.Errorf("%d have the address", won)
	}
}
