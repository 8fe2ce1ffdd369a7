package sqlite

import (
	"context"
	"database/sql"
)

// tx is what a write runs on: the writing connection, inside a transaction, with its statements prepared once.
// It is the writer's goroutine's alone.
type tx struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if stmt, ok := t.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := t.conn.PrepareContext(context.Background(), query)
	if err == nil {
		t.stmts[query] = stmt
	}
	return stmt, err
}

// exec returns how many rows changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	stmt, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.Exec(args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (t *tx) query(query string, args ...any) (*sql.Rows, error) {
	stmt, err := t.stmt(query)
	if err != nil {
		return nil, err
	}
	return stmt.Query(args...)
}

// one reads the only row into dest, and reads on to the end, without which a statement that changes rows has not
// finished. sql.ErrNoRows.
func (t *tx) one(dest []any, query string, args ...any) error {
	rows, err := t.query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	found := false
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		found = true
	}
	if err := rows.Err(); err != nil || found {
		return err
	}
	return sql.ErrNoRows
}

// texts reads a column of text.
func (t *tx) texts(query string, args ...any) ([]string, error) {
	rows, err := t.query(query, args...)
	if err != nil {
		return nil, err
	}
	return all(rows, scanText)
}

// only is the only row of a query. sql.ErrNoRows.
func only[T any](t *tx, scan func(*sql.Rows) (T, error), query string, args ...any) (T, error) {
	rows, err := t.query(query, args...)
	if err != nil {
		var zero T
		return zero, err
	}
	return head(all(rows, scan))
}
