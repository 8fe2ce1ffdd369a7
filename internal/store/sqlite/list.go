package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"
)

const defaultLimit = 50

// page is a part of a table, newest first.
type page struct {
	table, columns string
	time           string // the column of the order
	where          where
	cursor         string
	limit          int // 0 for the default
}

// total counts what the whole list has.
func (s *Store) total(ctx context.Context, table string, w where) (int, error) {
	query := `SELECT count(*) FROM ` + table + w.String()
	key := fmt.Sprint(query, w.args)
	if n, ok := s.totals.get(key); ok {
		return n, nil
	}
	began := time.Now()
	n, err := first(ctx, s, scanInt, query, w.args...)
	if err == nil {
		s.totals.put(key, n, time.Since(began))
	}
	return n, err
}

// totals remembers for a while what took long to count, so that turning pages does not count it again. What counts fast
// is always counted.
type totals struct {
	mu    sync.Mutex // guards the following
	known map[string]counted
}

type counted struct {
	n     int
	until time.Time
}

// From when on counting is long, how old a total may be, and how many are remembered.
const (
	longCount  = 20 * time.Millisecond
	totalAge   = 5 * time.Second
	mostTotals = 256
)

func (t *totals) get(key string) (int, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.known[key]
	return c.n, ok && time.Now().Before(c.until)
}

func (t *totals) put(key string, n int, took time.Duration) {
	if took < longCount {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil || len(t.known) >= mostTotals {
		t.known = make(map[string]counted)
	}
	t.known[key] = counted{n, time.Now().Add(totalAge)}
}

// readPage reads the rows behind the cursor, and the cursor of the next page. It asks for one row more than the page
// has, which tells whether there is a next one.
func readPage[T any](ctx context.Context, s *Store, p page, scan func(*sql.Rows) (T, error), of func(T) position) ([]T, string, error) {
	w := p.where
	if p.cursor != "" {
		from, err := parseCursor(p.cursor)
		if err != nil {
			return nil, "", err
		}
		w.and(`(`+p.time+`, id) < (?, ?)`, from.at, from.id)
	}
	limit := p.limit
	if limit <= 0 {
		limit = defaultLimit
	}
	query := fmt.Sprintf(`SELECT %s FROM %s%s ORDER BY %s DESC, id DESC LIMIT %d`, p.columns, p.table, w, p.time, limit+1)
	out, err := read(ctx, s, scan, query, w.args...)
	if err != nil || len(out) <= limit {
		return out, "", err
	}
	out = out[:limit]
	return out, of(out[limit-1]).cursor(), nil
}
