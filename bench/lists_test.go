package bench

import (
	"net/url"
	"slices"
	"testing"
	"time"
)

// BenchmarkLists asks a store of 20,000 users with 100,000 sessions for the lists of staff and of a user, one request
// after the other, each list by every kind of filter.
func BenchmarkLists(b *testing.B) {
	const users, each, sockets, asked = 20_000, 5, 200, 60
	s, sessions := open(b, users, each)
	token := s.admin()
	dialAll(b, s, sessions[:sockets])
	one := sessions[len(sessions)/2]
	var page struct {
		Next string `json:"next_cursor"`
	}
	cursor := func(path string) string {
		page.Next = ""
		if err := s.call("GET", path, token, nil, &page); err != nil || page.Next == "" {
			b.Fatal(path, err)
		}
		return url.QueryEscape(page.Next)
	}
	var user struct{ Email string }
	if err := s.call("GET", "/admin/users/"+one.UserID, token, nil, &user); err != nil {
		b.Fatal(err)
	}
	email := url.QueryEscape(user.Email)
	for _, list := range []struct{ name, path, token string }{
		{"users", "/admin/users?limit=50", token},
		{"users/next", "/admin/users?limit=50&cursor=" + cursor("/admin/users?limit=200"), token},
		{"users/200", "/admin/users?limit=200", token},
		{"users/address", "/admin/users?q=" + email, token},
		{"users/all-match", "/admin/users?q=example", token},
		{"users/two-words", "/admin/users?q=example+" + email[:8], token},
		{"users/id", "/admin/users?q=" + one.UserID, token},
		{"users/none", "/admin/users?q=nobodyhasthis", token},
		{"users/admins", "/admin/users?role=admin", token},
		{"users/role-user", "/admin/users?role=user", token},
		{"users/online", "/admin/users?online=true", token},
		{"users/offline", "/admin/users?online=false", token},
		{"users/online-matching", "/admin/users?online=true&q=example&role=user", token},
		{"sessions", "/admin/sessions?limit=50", token},
		{"sessions/next", "/admin/sessions?limit=50&cursor=" + cursor("/admin/sessions?limit=200"), token},
		{"sessions/200", "/admin/sessions?limit=200", token},
		{"sessions/address", "/admin/sessions?q=" + email, token},
		{"sessions/all-match", "/admin/sessions?q=example", token},
		{"sessions/two-words", "/admin/sessions?q=example+" + email[:8], token},
		{"sessions/id", "/admin/sessions?q=" + one.SessionID, token},
		{"sessions/ip", "/admin/sessions?q=127.0.0.1", token},
		{"sessions/none", "/admin/sessions?q=nobodyhasthis", token},
		{"sessions/of-user", "/admin/sessions?user_id=" + one.UserID, token},
		{"sessions/online", "/admin/sessions?online=true", token},
		{"sessions/offline", "/admin/sessions?online=false", token},
		{"audit", "/admin/audit", token},
		{"audit/action", "/admin/audit?action=session.started", token},
		{"jobs", "/admin/jobs", token},
		{"jobs/dead", "/admin/jobs?state=dead", token},
		{"own-sessions", "/auth/sessions", one.AccessToken},
		{"own-activity", "/auth/activity", one.AccessToken},
	} {
		b.Run(list.name, func(b *testing.B) {
			b.ReportMetric(0, "ns/op")
			took := make([]time.Duration, asked)
			for i := range took {
				began := time.Now()
				if err := s.call("GET", list.path, list.token, nil, nil); err != nil {
					b.Fatal(err)
				}
				took[i] = time.Since(began)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[asked/2])/float64(time.Millisecond), "p50-ms")
			b.ReportMetric(float64(took[asked*95/100])/float64(time.Millisecond), "p95-ms")
		})
	}
}
