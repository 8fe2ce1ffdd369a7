package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/servicekey"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

// InsertWebhook is webhook.Store's.
func (s *Store) InsertWebhook(ctx context.Context, w webhook.Webhook) error {
	return s.write(ctx, "insert webhook", func(t *tx) error { return insertWebhook(t, w) })
}

const webhookColumns = `id, url, events, secret, created_at`

func insertWebhook(t *tx, w webhook.Webhook) error {
	_, err := t.exec(`INSERT INTO webhooks (`+webhookColumns+`) VALUES (?, ?, ?, ?, ?)`,
		w.ID, w.URL, list(w.Events), w.Secret, micros(w.CreatedAt))
	return err
}

// Webhooks is webhook.Store's.
func (s *Store) Webhooks(ctx context.Context) ([]webhook.Webhook, error) {
	out, err := read(ctx, s, scanWebhook, `SELECT `+webhookColumns+` FROM webhooks ORDER BY created_at, id`)
	return out, wrap("read webhooks", err)
}

func scanWebhook(r *sql.Rows) (w webhook.Webhook, err error) {
	var (
		events  []byte
		created int64
	)
	if err := r.Scan(&w.ID, &w.URL, &events, &w.Secret, &created); err != nil {
		return w, err
	}
	w.CreatedAt = fromMicros(created)
	err = json.Unmarshal(events, &w.Events)
	return w, err
}

// ReplaceWebhookSecret is webhook.Store's.
func (s *Store) ReplaceWebhookSecret(ctx context.Context, id string, from, to []byte) error {
	return s.write(ctx, "replace webhook secret", func(t *tx) error {
		n, err := t.exec(`UPDATE webhooks SET secret = ? WHERE id = ? AND secret = ?`, to, id, from)
		if err == nil && n == 0 {
			err = fault.ErrMoved
		}
		return err
	})
}

// DeleteWebhook is webhook.Store's.
func (s *Store) DeleteWebhook(ctx context.Context, id string) error {
	return s.write(ctx, "delete webhook", func(t *tx) error { return deleteOne(t, `DELETE FROM webhooks WHERE id = ?`, id) })
}

const keyColumns = `id, name, hash, created_at, last_used_at`

// InsertServiceKey is servicekey.Store's.
func (s *Store) InsertServiceKey(ctx context.Context, k servicekey.Key) error {
	return s.write(ctx, "insert service key", func(t *tx) error { return insertServiceKey(t, k) })
}

func insertServiceKey(t *tx, k servicekey.Key) error {
	_, err := t.exec(`INSERT INTO service_keys (`+keyColumns+`) VALUES (?, ?, ?, ?, ?)`,
		k.ID, k.Name, k.Hash, micros(k.CreatedAt), micros(k.LastUsedAt))
	return err
}

// ServiceKeys is servicekey.Store's.
func (s *Store) ServiceKeys(ctx context.Context) ([]servicekey.Key, error) {
	out, err := read(ctx, s, scanKey, `SELECT `+keyColumns+` FROM service_keys ORDER BY created_at, id`)
	return out, wrap("read service keys", err)
}

// ServiceKey is servicekey.Store's.
func (s *Store) ServiceKey(ctx context.Context, hash string) (servicekey.Key, error) {
	k, err := first(ctx, s, scanKey, `SELECT `+keyColumns+` FROM service_keys WHERE hash = ?`, hash)
	return orZero(k, wrap("read service key", orNotFound(err)))
}

func scanKey(r *sql.Rows) (k servicekey.Key, err error) {
	var created, used int64
	err = r.Scan(&k.ID, &k.Name, &k.Hash, &created, &used)
	k.CreatedAt, k.LastUsedAt = fromMicros(created), fromMicros(used)
	return k, err
}

// UseServiceKey is servicekey.Store's.
func (s *Store) UseServiceKey(ctx context.Context, id string, at time.Time) error {
	return s.write(ctx, "use service key", func(t *tx) error {
		_, err := t.exec(`UPDATE service_keys SET last_used_at = max(last_used_at, ?) WHERE id = ?`, micros(at), id)
		return err
	})
}

// DeleteServiceKey is servicekey.Store's.
func (s *Store) DeleteServiceKey(ctx context.Context, id string) error {
	return s.write(ctx, "delete service key", func(t *tx) error { return deleteOne(t, `DELETE FROM service_keys WHERE id = ?`, id) })
}
