package storetest

import (
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// lists are those that have pages: how to put a row of a time there, and how to read a page of ids.
func (s suite) lists() map[string]list {
	return map[string]list{
		"users": {
			put: func(at time.Time) string {
				u := newUser("")
				u.Email, u.CreatedAt = u.ID+"@example.com", at
				return s.insertUser(u).ID
			},
			page: func(cursor string, limit int) ([]string, string, error) {
				p, err := s.ListUsers(s.ctx, account.Query{Cursor: cursor, Limit: limit})
				return userIDs(p.Users), p.Next, err
			},
		},
		"sessions": {
			put: func(at time.Time) string {
				rec := newSession("usr_a")
				rec.CreatedAt = at
				return s.insertSession(rec).ID
			},
			page: func(cursor string, limit int) ([]string, string, error) {
				p, err := s.ListSessions(s.ctx, session.Query{Cursor: cursor, Limit: limit})
				return sessionIDs(p.Sessions), p.Next, err
			},
		},
		"jobs": {
			put: func(at time.Time) string {
				j := newJob(outbox.Mail, at)
				j.CreatedAt = at
				s.ok(s.InsertJob(s.ctx, j))
				return j.ID
			},
			page: func(cursor string, limit int) ([]string, string, error) {
				p, err := s.ListJobs(s.ctx, outbox.Query{Cursor: cursor, Limit: limit})
				return jobIDs(p.Jobs), p.Next, err
			},
		},
		"audit": {
			put: func(at time.Time) string {
				e := newEvent(at)
				s.ok(s.AppendAudit(s.ctx, e))
				return e.ID
			},
			page: func(cursor string, limit int) ([]string, string, error) {
				events, next, err := s.AuditEvents(s.ctx, audit.Query{Cursor: cursor, Limit: limit})
				ids := make([]string, len(events))
				for i, e := range events {
					ids[i] = e.ID
				}
				return ids, next, err
			},
		},
	}
}

type list struct {
	put  func(at time.Time) string
	page func(cursor string, limit int) (ids []string, next string, err error)
}

// fill puts rows of few times, so that many are equal, and returns their ids newest first.
func (l list) fill(n int) []string {
	type row struct {
		at time.Time
		id string
	}
	rows := make([]row, n)
	for i := range rows {
		at := epoch.Add(time.Duration(i%3) * time.Millisecond)
		rows[i] = row{at, l.put(at)}
	}
	slices.SortFunc(rows, func(a, b row) int {
		if c := b.at.Compare(a.at); c != 0 {
			return c
		}
		return strings.Compare(b.id, a.id)
	})
	ids := make([]string, n)
	for i, r := range rows {
		ids[i] = r.id
	}
	return ids
}

func pages(s suite) {
	for name, l := range s.lists() {
		want := l.fill(12)
		for _, limit := range []int{1, 4, 5, 12, 13} {
			var got []string
			for cursor := ""; ; {
				ids, next, err := l.page(cursor, limit)
				s.ok(err)
				if len(ids) > limit || len(ids) == 0 || len(got) > len(want) {
					s.t.Fatalf("%s by %d: a page of %d behind %d", name, limit, len(ids), len(got))
				}
				got = append(got, ids...)
				if cursor = next; next == "" {
					break
				}
			}
			s.same(name, got, want)
		}
	}
}

func pagesWhileInserting(s suite) {
	for name, l := range s.lists() {
		want := l.fill(9)
		var got []string
		for cursor, first := "", true; first || cursor != ""; first = false {
			ids, next, err := l.page(cursor, 2)
			s.ok(err)
			got, cursor = append(got, ids...), next
			l.put(epoch.Add(time.Hour)) // before the first page
		}
		s.same(name, got, want)
	}
}

func badCursor(s suite) {
	for name, l := range s.lists() {
		l.fill(3)
		_, cursor, err := l.page("", 1)
		s.ok(err)
		for _, bad := range []string{"x", "!", "MTIz", cursor + "=", cursor[1:], "%", "' OR 1=1 --", strings.Repeat("A", 5000)} {
			_, _, err := l.page(bad, 1)
			s.is(err, fault.ErrInvalidRequest)
			if !strings.Contains(fault.As(err).Detail, "cursor") {
				s.t.Errorf("%s: detail %q does not name the cursor", name, fault.As(err).Detail)
			}
		}
	}
}
