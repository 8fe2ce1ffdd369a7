package sqlite

import (
	"strings"
	"time"
)

// Observe names who hears how long each operation took: a write by its name, with the wait for its turn and for the
// disk; a read by its table.
func (s *Store) Observe(f func(operation string, took time.Duration, err error)) {
	s.observer.Store(&f)
}

func (s *Store) observe(operation string, began time.Time, err error) {
	if f := s.observer.Load(); f != nil {
		(*f)(operation, time.Since(began), err)
	}
}

// Queued is how many writes wait for their turn.
func (s *Store) Queued() int { return len(s.writer.queue) }

// tableOf is the first table that a query reads.
func tableOf(query string) string {
	_, rest, _ := strings.Cut(query, "FROM ")
	if end := strings.IndexFunc(rest, func(c rune) bool { return (c < 'a' || c > 'z') && c != '_' }); end >= 0 {
		rest = rest[:end]
	}
	return rest
}
