package sqlite

import (
	"context"
	"database/sql"
	"fmt"
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
func (s *Store) total(ctx context.Context, p page) (int, error) {
	return first(ctx, s, scanInt, `SELECT count(*) FROM `+p.table+p.where.String(), p.where.args...)
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
