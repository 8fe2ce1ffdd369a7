package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/store/storetest"
)

// TestStore holds the store to what every store must do, and its queries to their indexes.
func TestStore(t *testing.T) {
	q := &queries{texts: map[string]bool{}}
	t.Run("suite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T, now func() time.Time) storetest.Store { return q.open(t, now) })
	})
	t.Run("lists of few", func(t *testing.T) { everyList(t, q.open(t, nil)) })
	t.Run("lists of many", func(t *testing.T) {
		s := q.open(t, nil)
		crowd(t, s)
		everyList(t, s)
	})
	t.Run("every query has an index", q.explain)
}

// queries are all SQL texts that were run.
type queries struct {
	mu    sync.Mutex // guards the following
	texts map[string]bool
}

// open opens a store whose queries are noted.
func (q *queries) open(t *testing.T, now func() time.Time) *Store {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "gatehouse.db"), now)
	q.listen(t, s)
	t.Cleanup(func() { s.Close(); q.wrote(s) })
	return s
}

func (q *queries) add(text string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.texts[text] = true
}

// listen has every query of the store's readers noted. The writer keeps its own.
func (q *queries) listen(t *testing.T, s *Store) {
	t.Helper()
	inner := s.reads
	conn, err := inner.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	s.reads = sql.OpenDB(&eavesdropper{inner, q})
	t.Cleanup(func() { inner.Close() })
}

// wrote notes what the writer prepared. The store is closed by then.
func (q *queries) wrote(s *Store) {
	for text := range s.writer.tx.stmts {
		q.add(text)
	}
}

// eavesdropper makes connections that note what they are asked, and pass it on.
type eavesdropper struct {
	inner *sql.DB
	heard *queries
}

func (e *eavesdropper) Driver() driver.Driver { return e.inner.Driver() }

func (e *eavesdropper) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := e.inner.Conn(ctx)
	return &wiretap{conn, e.heard}, err
}

type wiretap struct {
	conn  *sql.Conn
	heard *queries
}

func (w *wiretap) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (w *wiretap) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (w *wiretap) Close() error                        { return w.conn.Close() }

func (w *wiretap) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	w.heard.add(query)
	err = w.conn.Raw(func(c any) error {
		rows, err = c.(driver.QueryerContext).QueryContext(ctx, query, args)
		return err
	})
	return rows, err
}

// fine are the scans that may be, by what they match in "query: step", and why.
var fine = []struct{ match, why string }{
	{`: SCAN (CONSTANT ROW|json_each|\(subquery)`, "values that came with the query, or were gathered by an index"},
	{`ORDER BY (created_at|at) DESC, id DESC LIMIT \d+: SCAN \w+ USING INDEX \w+_by_(birth|time|presence)$`, "a list is walked from the newest on until a page is full"},
	{`ORDER BY (id|purpose, hash) LIMIT \d+: SCAN \w+`, "moving everything to another store goes through it by the primary key"},
	{`^SELECT count\(\*\) FROM \w+( WHERE (ended_at|purge_at) = 0)?: SCAN \w+ USING COVERING INDEX`, "all of a table is counted"},
	{`^SELECT count\(\*\) FROM users WHERE purge_at = 0 AND \? = .*: SCAN users USING COVERING INDEX users_by_birth$`, "users who are offline are most of them"},
	{` FROM (webhooks|service_keys|schema_migrations)\b.*: SCAN`, "there are a handful"},
	{`^UPDATE sessions SET online = 0, online_seq = 0 .*: SCAN sessions$`, "once, when the only node starts"},
}

// explain asks SQLite how it would go about each query that was heard, and holds that none reads a whole table.
func (q *queries) explain(t *testing.T) {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "gatehouse.db"), nil)
	explained := 0
	for _, text := range slices.Sorted(maps.Keys(q.texts)) {
		verb, _, _ := strings.Cut(strings.TrimSpace(text), " ")
		if !slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE"}, verb) {
			continue
		}
		explained++
		flat := strings.Join(strings.Fields(text), " ")
		for _, step := range plan(t, s, text) {
			if scan.MatchString(step) && !excused(flat+": "+step) {
				t.Errorf("%s\n\t%s", flat, step)
			}
		}
	}
	for _, f := range fine {
		if !used[f.match] {
			t.Errorf("nothing needs the excuse %q any more", f.why)
		}
	}
	if explained < 150 {
		t.Errorf("only %d queries were seen", explained)
	}
}

var used = map[string]bool{}

func excused(step string) bool {
	for _, f := range fine {
		if regexp.MustCompile(f.match).MatchString(step) {
			used[f.match] = true
			return true
		}
	}
	return false
}

var scan = regexp.MustCompile(`^SCAN \w+`)

func plan(t *testing.T, s *Store, query string) (steps []string) {
	t.Helper()
	args := make([]any, strings.Count(query, "?"))
	rows, err := s.writer.tx.conn.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	return steps
}

// everyList asks for every list by every filter, and by all of them together.
func everyList(t *testing.T, s *Store) {
	t.Helper()
	yes, cursor := true, position{1, "x"}.cursor()
	for mask := range 16 {
		on := func(bit int, value string) string {
			if mask>>bit&1 == 1 {
				return value
			}
			return ""
		}
		var online *bool
		if mask>>2&1 == 1 {
			online = &yes
		}
		for _, term := range []string{"example", "device1", "example odd", "7-odd@example.com", "192.0.2.1"} {
			_, err1 := s.ListUsers(t.Context(), account.Query{Q: on(0, term), Role: on(1, "user"), Online: online, Cursor: on(3, cursor)})
			_, err2 := s.ListSessions(t.Context(), session.Query{Q: on(0, term), UserID: on(1, "usr_1"), Online: online, Cursor: on(3, cursor)})
			_, err3 := s.ListJobs(t.Context(), outbox.Query{Kind: on(0, "mail"), State: on(1, "dead"), Cursor: on(3, cursor)})
			_, _, err4 := s.AuditEvents(t.Context(), audit.Query{Actor: on(0, "x"), Target: on(1, "y"), Action: on(2, "z"), Cursor: on(3, cursor)})
			_, _, err5 := s.AuditEvents(t.Context(), audit.Query{UserID: on(0, "x"), Since: time.Now(), Action: on(2, "z"), Cursor: on(3, cursor)})
			if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
				t.Fatal(err)
			}
		}
	}
}
