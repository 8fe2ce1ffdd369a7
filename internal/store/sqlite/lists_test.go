package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// people is how many a crowd has: more than few of each half.
const people = 2*few + 10

// crowd fills a store with people who share words, half of them another; one in a hundred is a moderator. Each has two
// devices, one of them online.
func crowd(t *testing.T, s *Store) (users []account.User, sessions []session.Session) {
	t.Helper()
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range people {
		u := account.User{
			ID: id.New(id.User), Email: fmt.Sprintf("%d-%s@example.com", i, []string{"even", "odd"}[i%2]),
			Roles: []string{account.RoleUser}, CreatedAt: began.Add(time.Duration(i) * time.Second),
		}
		if i%100 == 0 {
			u.Roles = append(u.Roles, account.RoleModerator)
		}
		users = append(users, u)
		for n := range 2 {
			sessions = append(sessions, session.Session{
				ID: id.New(id.Session), UserID: u.ID, Name: fmt.Sprint("Device", n), IP: fmt.Sprintf("192.0.2.%d", n), Online: n == 0, OnlineSeq: 1,
				CreatedAt: u.CreatedAt, ExpiresAt: began.AddDate(9, 0, 0), AbsoluteExpiresAt: began.AddDate(9, 0, 0),
			})
		}
	}
	if err := s.InsertBulk(t.Context(), users, sessions); err != nil {
		t.Fatal(err)
	}
	return users, sessions
}

// TestSearchesOverManyFindTheSame: a search that walks the list finds what one that gathers does.
func TestSearchesOverManyFindTheSame(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "gatehouse.db"), nil)
	users, sessions := crowd(t, s)
	yes := true
	for q, want := range map[string]struct{ users, sessions, online int }{
		"":                       {people, 2 * people, people},
		"example":                {people, 2 * people, people},
		"odd":                    {people / 2, people, people / 2},
		"example odd":            {people / 2, people, people / 2},
		"odd even":               {},
		"odd device1":            {0, people / 2, 0},
		"device0 example":        {0, people, people},
		"192.0.2.1":              {0, people, 0},
		"7-odd@example.com":      {1, 2, 1},
		"example 7":              {1 + countBeginning(people, "7"), 2 * (1 + countBeginning(people, "7")), 1 + countBeginning(people, "7")},
		users[9].ID:              {1, 2, 1},
		sessions[9].ID:           {0, 1, 0},
		"nobody example device1": {},
	} {
		byUser, err := s.ListUsers(t.Context(), account.Query{Q: q, Role: account.RoleUser, Limit: 5000})
		if err != nil || len(byUser.Users) != want.users || byUser.Total != want.users {
			t.Errorf("%q finds %d users of %d, %v; want %d", q, len(byUser.Users), byUser.Total, err, want.users)
		}
		here, err := s.ListUsers(t.Context(), account.Query{Q: q, Online: &yes, Limit: 5000})
		if err != nil || len(here.Users) != want.users || here.Total != want.users {
			t.Errorf("%q finds %d users of %d online, %v; want %d", q, len(here.Users), here.Total, err, want.users)
		}
		all, err := s.ListSessions(t.Context(), session.Query{Q: q, Limit: 5000})
		if err != nil || len(all.Sessions) != want.sessions || all.Total != want.sessions {
			t.Errorf("%q finds %d sessions of %d, %v; want %d", q, len(all.Sessions), all.Total, err, want.sessions)
		}
		online, err := s.ListSessions(t.Context(), session.Query{Q: q, Online: &yes, Limit: 5000})
		if err != nil || len(online.Sessions) != want.online || online.Total != want.online {
			t.Errorf("%q finds %d online of %d, %v; want %d", q, len(online.Sessions), online.Total, err, want.online)
		}
		own, err := s.ListSessions(t.Context(), session.Query{Q: q, UserID: users[0].ID})
		for _, r := range own.Sessions {
			if r.UserID != users[0].ID {
				t.Errorf("%q of one user finds another's session", q)
			}
		}
		if err != nil || own.Total != len(own.Sessions) {
			t.Errorf("%q of one user: %d of %d, %v", q, len(own.Sessions), own.Total, err)
		}
		for i := 1; i < len(all.Sessions); i++ {
			if all.Sessions[i].CreatedAt.After(all.Sessions[i-1].CreatedAt) {
				t.Fatalf("%q is not newest first", q)
			}
		}
	}
}

func TestRolesOfManyAndOfFew(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "gatehouse.db"), nil)
	crowd(t, s)
	for q, want := range map[account.Query]int{
		{Role: account.RoleUser}: people, {Role: account.RoleModerator}: people/100 + 1, {Role: account.RoleAdmin}: 0,
		{Role: account.RoleModerator, Q: "even"}: people/100 + 1, {Role: account.RoleModerator, Q: "odd"}: 0, {Role: account.RoleUser, Q: "0-even"}: 1,
	} {
		q.Limit = 5000
		page, err := s.ListUsers(t.Context(), q)
		if err != nil || len(page.Users) != want || page.Total != want {
			t.Errorf("%s with %q: %d of %d, %v; want %d", q.Role, q.Q, len(page.Users), page.Total, err, want)
		}
	}
}

// countBeginning is how many of the numbers below n, but for one digit alone, begin so.
func countBeginning(n int, digit string) (found int) {
	for i := 10; i < n; i++ {
		if fmt.Sprint(i)[:1] == digit {
			found++
		}
	}
	return found
}

func TestOnlyCountsThatTookLongAreRemembered(t *testing.T) {
	var known totals
	known.put("fast", 3, longCount-1)
	if _, ok := known.get("fast"); ok {
		t.Error("what counts fast is remembered")
	}
	known.put("slow", 3, longCount)
	if n, ok := known.get("slow"); !ok || n != 3 {
		t.Error("what took long is counted again")
	}
	for i := range 2 * mostTotals {
		known.put(fmt.Sprint(i), i, longCount)
	}
	if len(known.known) > mostTotals {
		t.Errorf("%d totals are remembered", len(known.known))
	}
}

func TestObserverHearsOfEachOperation(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "gatehouse.db"), nil)
	heard := map[string]int{}
	s.Observe(func(operation string, took time.Duration, err error) {
		if took > 0 {
			heard[operation]++
		}
		if err != nil {
			heard["failed "+operation]++
		}
	})
	u := newUser("ada@example.com")
	_, err1 := s.InsertUser(t.Context(), u)
	_, err2 := s.InsertUser(t.Context(), newUser("ada@example.com"))
	_, err3 := s.User(t.Context(), u.ID)
	_, err4 := s.Session(t.Context(), "ses_none")
	if err1 != nil || err2 == nil || err3 != nil || err4 == nil {
		t.Fatal(err1, err2, err3, err4)
	}
	for operation, n := range map[string]int{"insert user": 2, "failed insert user": 1, "read users": 1, "read sessions": 1, "failed read sessions": 0} {
		if heard[operation] != n {
			t.Errorf("%s was heard of %d times, want %d: %v", operation, heard[operation], n, heard)
		}
	}
}
