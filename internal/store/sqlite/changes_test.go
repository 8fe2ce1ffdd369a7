package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// BenchmarkChanges is what a read costs the follower after 10,000 devices signed in at once, and when it has them all.
func BenchmarkChanges(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "gatehouse.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	sessions := make([]session.Session, 10_000)
	for i := range sessions {
		sessions[i] = session.Session{
			ID: id.New(id.Session), UserID: id.New(id.User), Name: "Kitchen tablet", UserAgent: "Mozilla/5.0 (X11; Linux x86_64)",
			AAL: 1, AMR: []string{"pwd"}, CreatedAt: time.Now(), Refresh: session.Refresh{Key: make([]byte, 60)},
		}
	}
	if err := s.InsertBulk(b.Context(), nil, sessions); err != nil {
		b.Fatal(err)
	}
	since := time.Now().Add(-time.Hour)
	for name, read := range map[string]func() (revocation.Changes, error){
		"known": func() (revocation.Changes, error) {
			return s.ChangesBut(b.Context(), since, func(string, int, time.Time) bool { return true })
		},
		"unknown": func() (revocation.Changes, error) { return s.Changes(b.Context(), since) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
