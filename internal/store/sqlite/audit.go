package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/gatehouse-dev/gatehouse/internal/audit"
)

// AppendAudit is audit.Store's.
func (s *Store) AppendAudit(ctx context.Context, e audit.Event) error {
	return s.write(ctx, "append audit", func(t *tx) error { return insertEvent(t, e) })
}

func insertEvent(t *tx, e audit.Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO audit (id, at, action, actor, target, user_id, body) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`, e.ID, micros(e.At), e.Action, e.Actor.ID, e.Target.ID, e.UserID, string(body))
	return err
}

// AuditEvents is audit.Store's. Actor and Target are ids; Since is included, Until is not.
func (s *Store) AuditEvents(ctx context.Context, q audit.Query) ([]audit.Event, string, error) {
	var w where
	w.equal("id", q.ID)
	w.equal("user_id", q.UserID)
	w.equal("actor", q.Actor)
	w.equal("target", q.Target)
	w.equal("action", q.Action)
	if !q.Since.IsZero() {
		w.and(`at >= ?`, micros(q.Since))
	}
	if !q.Until.IsZero() {
		w.and(`at < ?`, micros(q.Until))
	}
	p := page{table: "audit", columns: "body", time: "at", where: w, cursor: q.Cursor, limit: q.Limit}
	events, next, err := readPage(ctx, s, p, scanEvent, func(e audit.Event) position { return at(e.At, e.ID) })
	return events, next, wrap("read audit", err)
}

func scanEvent(r *sql.Rows) (e audit.Event, err error) {
	var body []byte
	if err := r.Scan(&body); err != nil {
		return e, err
	}
	err = json.Unmarshal(body, &e)
	return e, err
}
