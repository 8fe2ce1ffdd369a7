package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// read is all rows of a query.
func read[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), query string, args ...any) (out []T, err error) {
	began := time.Now()
	defer func() { s.observe("read "+tableOf(query), began, err) }()
	if s.writer.isClosed() {
		return nil, errClosed
	}
	rows, err := s.query(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return all(rows, scan)
}

// query runs a query on one of the connections that read, prepared where that was done.
func (s *Store) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if stmt, ok := s.prepared[query]; ok {
		return stmt.QueryContext(ctx, args...)
	}
	return s.reads.QueryContext(ctx, query, args...)
}

// often are the queries that each refresh makes. They are prepared once for each connection; to parse the others takes
// less than what they read.
var often = []string{sessionByID, userByID}

func (s *Store) prepareReads(ctx context.Context) error {
	s.prepared = make(map[string]*sql.Stmt, len(often))
	for _, query := range often {
		stmt, err := s.reads.PrepareContext(ctx, query)
		if err != nil {
			return err
		}
		s.prepared[query] = stmt
	}
	return nil
}

// first is the first row of a query. sql.ErrNoRows.
func first[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), query string, args ...any) (T, error) {
	return head(read(ctx, s, scan, query, args...))
}

// head is the first of what was read. sql.ErrNoRows.
func head[T any](list []T, err error) (T, error) {
	if err == nil && len(list) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return list[0], nil
}

// all reads what is left of rows, and closes them.
func all[T any](rows *sql.Rows, scan func(*sql.Rows) (T, error)) ([]T, error) {
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

func scanInt(r *sql.Rows) (n int, err error) {
	err = r.Scan(&n)
	return n, err
}

func scanText(r *sql.Rows) (text string, err error) {
	err = r.Scan(&text)
	return text, err
}

// list is a parameter for json_each.
func list(texts []string) string {
	if len(texts) == 0 {
		return "[]"
	}
	b, _ := json.Marshal(texts) // of strings, never fails
	return string(b)
}
