package mongo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

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
	model(record any) (driver.WriteModel, error) // puts it over the one with its id
	in(s *Store) (c *driver.Collection, all bson.D)
}

// kinds are all that the store keeps. What is not here does not move with the rest.
var kinds = map[string]kept{
	"users":        collection[userDoc, account.User]{"users", userDoc.user, wholeUser},
	"sessions":     collection[sessionDoc, session.Session]{"sessions", sessionDoc.session, wholeSession},
	"grants":       collection[grantDoc, grant.Grant]{"grants", grantDoc.grant, func(g grant.Grant) (string, any) { d := newGrantDoc(g); return d.ID, d }},
	"audit":        collection[eventDoc, audit.Event]{"audit", eventDoc.event, func(e audit.Event) (string, any) { return e.ID, eventDoc{e.ID, e} }},
	"jobs":         collection[jobDoc, outbox.Job]{"jobs", jobDoc.job, func(j outbox.Job) (string, any) { return j.ID, newJobDoc(j) }},
	"webhooks":     collection[webhookDoc, webhook.Webhook]{"webhooks", webhookDoc.webhook, func(w webhook.Webhook) (string, any) { return w.ID, webhookDoc(w) }},
	"service_keys": collection[keyDoc, servicekey.Key]{"service_keys", keyDoc.key, func(k servicekey.Key) (string, any) { return k.ID, keyDoc(k) }},
	"admins":       sole[account.Admins]{admins, (*Store).Admins, func(a account.Admins) (int, any) { return a.Version, single[[]string]{admins, a.Version, a.IDs} }},
	"keyset":       sole[token.Record]{keyset, (*Store).Keyset, func(r token.Record) (int, any) { return r.Version, single[token.Record]{keyset, r.Version, r} }},
}

func wholeUser(u account.User) (string, any) {
	return u.ID, whole(u.ID, u.Version, u.ChangedAt, userFields(u))
}

func wholeSession(s session.Session) (string, any) {
	return s.ID, whole(s.ID, s.Version, s.ChangedAt, append(sessionFields(s), traceFields(s)...))
}

// whole is a document with what only updates set otherwise.
func whole(id string, version int, changed any, fields bson.D) bson.D {
	return append(bson.D{{Key: "_id", Value: id}, {Key: "version", Value: version}, {Key: "changed_at", Value: changed}}, fields...)
}

// Kinds is transfer.Store's.
func (s *Store) Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Export is transfer.Store's.
func (s *Store) Export(ctx context.Context, kind, mark string, limit int) (records []any, next string, err error) {
	err = withKind(ctx, "export", kind, func(ctx context.Context, k kept) (err error) {
		records, next, err = k.export(ctx, s, mark, limit)
		return err
	})
	return records, next, err
}

// Import is transfer.Store's. The records are one command.
func (s *Store) Import(ctx context.Context, kind string, records []any) error {
	if len(records) == 0 {
		return nil
	}
	return withKind(ctx, "import", kind, func(ctx context.Context, k kept) (err error) {
		models := make([]driver.WriteModel, len(records))
		for i, r := range records {
			if models[i], err = k.model(r); err != nil {
				return err
			}
		}
		c, _ := k.in(s)
		_, err = c.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
		if driver.IsDuplicateKeyError(err) {
			return fault.ErrConflict // without the cause, which repeats an address
		}
		return err
	})
}

// Count is transfer.Store's.
func (s *Store) Count(ctx context.Context, kind string) (n int, err error) {
	err = withKind(ctx, "count", kind, func(ctx context.Context, k kept) error {
		c, all := k.in(s)
		counted, err := c.CountDocuments(ctx, all)
		n = int(counted)
		return err
	})
	return n, err
}

func withKind(ctx context.Context, op, name string, f func(context.Context, kept) error) error {
	k, ok := kinds[name]
	if !ok {
		return fmt.Errorf("%s: there are no records of the kind %q", op, name)
	}
	return do(ctx, op+" "+name, sweepTimeout, func(ctx context.Context) error { return f(ctx, k) })
}

// collection is a kind with a collection of its own.
type collection[D, R any] struct {
	name   string
	record func(D) R
	doc    func(R) (id string, doc any)
}

func (k collection[D, R]) in(s *Store) (*driver.Collection, bson.D) {
	return s.db.Collection(k.name), bson.D{}
}

func (k collection[D, R]) export(ctx context.Context, s *Store, mark string, limit int) (records []any, next string, err error) {
	c, filter := k.in(s)
	if mark != "" {
		filter = bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: mark}}}}
	}
	docs, err := find[D](ctx, c, filter, options.Find().SetSort(ascending("_id")).SetLimit(int64(limit)))
	for _, d := range docs {
		r := k.record(d)
		records = append(records, r)
		next, _ = k.doc(r)
	}
	if len(docs) < limit {
		next = ""
	}
	return records, next, err
}

func (k collection[D, R]) model(record any) (driver.WriteModel, error) {
	r, ok := record.(R)
	if !ok {
		return nil, fmt.Errorf("a record of %s is a %T", k.name, record)
	}
	return put(k.doc(r)), nil
}

func put(id string, doc any) driver.WriteModel {
	return driver.NewReplaceOneModel().SetFilter(one(id)).SetReplacement(doc).SetUpsert(true)
}

// sole is a kind of which there is one record or none.
type sole[R any] struct {
	name string
	read func(*Store, context.Context) (R, error)
	doc  func(R) (version int, doc any)
}

func (k sole[R]) in(s *Store) (*driver.Collection, bson.D) { return s.singles, one(k.name) }

func (k sole[R]) export(ctx context.Context, s *Store, mark string, limit int) ([]any, string, error) {
	r, err := k.read(s, ctx)
	if errors.Is(err, fault.ErrNotFound) {
		return nil, "", nil
	}
	if version, _ := k.doc(r); err != nil || version == 0 || mark != "" {
		return nil, "", err
	}
	return []any{r}, "", nil
}

func (k sole[R]) model(record any) (driver.WriteModel, error) {
	r, ok := record.(R)
	if !ok {
		return nil, fmt.Errorf("a record of %s is a %T", k.name, record)
	}
	_, doc := k.doc(r)
	return put(k.name, doc), nil
}
