package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/servicekey"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/token"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

// kept is how records of one kind go out and come in as they are.
type kept interface {
	export(ctx context.Context, s *Store, mark string, limit int) (records []any, next string, err error)
	put(t *tx, record any) error // over the one with its key
	count(ctx context.Context, s *Store) (int, error)
}

// kinds are all that the store keeps. What is not here does not move with the rest.
var kinds = map[string]kept{
	"users":        table[account.User]{"users", userColumns, ids, func(u account.User) []any { return []any{u.ID} }, scanUser, insertUser},
	"sessions":     table[session.Session]{"sessions", sessionColumns, ids, func(s session.Session) []any { return []any{s.ID} }, scanSession, insertSession},
	"grants":       table[grant.Grant]{"grants", grantColumns, `purpose, hash`, func(g grant.Grant) []any { return []any{g.Purpose, g.Hash} }, scanGrant, insertGrant},
	"audit":        table[audit.Event]{"audit", `body`, ids, func(e audit.Event) []any { return []any{e.ID} }, scanEvent, insertEvent},
	"jobs":         table[outbox.Job]{"jobs", jobColumns, ids, func(j outbox.Job) []any { return []any{j.ID} }, scanJob, insertJob},
	"webhooks":     table[webhook.Webhook]{"webhooks", webhookColumns, ids, func(w webhook.Webhook) []any { return []any{w.ID} }, scanWebhook, insertWebhook},
	"service_keys": table[servicekey.Key]{"service_keys", keyColumns, ids, func(k servicekey.Key) []any { return []any{k.ID} }, scanKey, insertServiceKey},
	"admins":       single[account.Admins]{admins, (*Store).Admins, func(a account.Admins) (int, any) { return a.Version, a.IDs }},
	"keyset":       single[token.Record]{keyset, (*Store).Keyset, func(r token.Record) (int, any) { return r.Version, r }},
}

// Kinds is transfer.Store's.
func (s *Store) Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Export is transfer.Store's.
func (s *Store) Export(ctx context.Context, kind, mark string, limit int) (records []any, next string, err error) {
	k, err := keptAs(kind)
	if err == nil {
		records, next, err = k.export(ctx, s, mark, limit)
	}
	return records, next, wrap("export "+kind, err)
}

// Import is transfer.Store's. The records are one write.
func (s *Store) Import(ctx context.Context, kind string, records []any) error {
	k, err := keptAs(kind)
	if err != nil {
		return wrap("import", err)
	}
	return s.write(ctx, "import "+kind, func(t *tx) error {
		for _, r := range records {
			if err := k.put(t, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// Count is transfer.Store's.
func (s *Store) Count(ctx context.Context, kind string) (n int, err error) {
	k, err := keptAs(kind)
	if err == nil {
		n, err = k.count(ctx, s)
	}
	return n, wrap("count "+kind, err)
}

func keptAs(name string) (kept, error) {
	if k, ok := kinds[name]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("there are no records of the kind %q", name)
}

// table is a kind with a table of its own.
type table[R any] struct {
	name, columns string
	keys          string // the columns of the primary key, which are text without slashes
	key           func(R) []any
	scan          func(*sql.Rows) (R, error)
	insert        func(*tx, R) error
}

const ids = `id`

// values are as many parameters as the key has columns.
func (k table[R]) values() string {
	return `(?` + strings.Repeat(`, ?`, strings.Count(k.keys, ",")) + `)`
}

func (k table[R]) export(ctx context.Context, s *Store, mark string, limit int) (records []any, next string, err error) {
	query, args := `SELECT `+k.columns+` FROM `+k.name, []any{}
	if mark != "" {
		query += ` WHERE (` + k.keys + `) > ` + k.values()
		for _, part := range strings.Split(mark, "/") {
			args = append(args, part)
		}
	}
	found, err := read(ctx, s, k.scan, fmt.Sprintf(`%s ORDER BY %s LIMIT %d`, query, k.keys, limit), args...)
	for _, r := range found {
		records = append(records, r)
	}
	if len(found) > 0 && len(found) == limit {
		last := k.key(found[limit-1])
		next = strings.TrimSuffix(fmt.Sprintf(strings.Repeat("%s/", len(last)), last...), "/")
	}
	return records, next, err
}

func (k table[R]) put(t *tx, record any) error {
	r, ok := record.(R)
	if !ok {
		return fmt.Errorf("a record of %s is a %T", k.name, record)
	}
	if _, err := t.exec(`DELETE FROM `+k.name+` WHERE (`+k.keys+`) = `+k.values(), k.key(r)...); err != nil {
		return err
	}
	return k.insert(t, r)
}

func (k table[R]) count(ctx context.Context, s *Store) (int, error) {
	return first(ctx, s, scanInt, `SELECT count(*) FROM `+k.name)
}

// single is a kind of which there is one record or none.
type single[R any] struct {
	name string
	read func(*Store, context.Context) (R, error)
	row  func(R) (version int, body any)
}

func (k single[R]) export(ctx context.Context, s *Store, mark string, limit int) ([]any, string, error) {
	r, err := k.read(s, ctx)
	if errors.Is(err, fault.ErrNotFound) {
		return nil, "", nil
	}
	if version, _ := k.row(r); err != nil || version == 0 || mark != "" {
		return nil, "", err
	}
	return []any{r}, "", nil
}

func (k single[R]) put(t *tx, record any) error {
	r, ok := record.(R)
	if !ok {
		return fmt.Errorf("a record of %s is a %T", k.name, record)
	}
	version, v := k.row(r)
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT OR REPLACE INTO singles (name, version, body) VALUES (?, ?, ?)`, k.name, version, string(body))
	return err
}

func (k single[R]) count(ctx context.Context, s *Store) (int, error) {
	return first(ctx, s, scanInt, `SELECT count(*) FROM singles WHERE name = ?`, k.name)
}
