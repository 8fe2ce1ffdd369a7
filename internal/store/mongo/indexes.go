package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// sweptAfter is how long after its time the server removes a document by itself. Purge removes it at its time, by the
// clock of nodes; the server's must not be the earlier one.
const sweptAfter = time.Hour

// index is one of a collection, named for good: the same name with other keys or of another kind stops the start.
type index struct {
	name string
	keys bson.D
	kind kind
}

type kind uint8

const (
	plain kind = iota
	unique
	uniqueIfAny // documents without the field are not in it
	expiring    // its documents go sweptAfter the time in it; those without a time stay, and are not in it
)

// ascending and newest are the keys of an index; newest ends with the order of lists.
func ascending(fields ...string) (keys bson.D) {
	for _, field := range fields {
		keys = append(keys, bson.E{Key: field, Value: 1})
	}
	return keys
}

func newest(time string, fields ...string) bson.D {
	return append(ascending(fields...), order(time)...)
}

// indexes are by the name of their collection.
var indexes = map[string][]index{
	"users": {
		{"by_email", ascending("record.email"), uniqueIfAny},
		{"by_identity", ascending("identities"), unique},
		{"by_birth", newest(birth, "live"), plain},
		{"by_role", newest(birth, "record.roles"), plain},
		{"by_word", ascending("words"), plain},
		{"by_change", ascending("changed_at"), plain},
		{"by_purge", ascending("purge_at"), expiring},
	},
	"sessions": {
		{"by_user", ascending("record.user_id", "live"), plain},
		{"by_birth", newest(birth, "live"), plain},
		{"by_presence", newest(birth, "live", "online"), plain},
		{"online_users", ascending("live", "online", "record.user_id"), plain},
		{"by_end", ascending("live", "ends_at"), plain},
		{"by_address", ascending("ip"), plain},
		{"by_word", ascending("words"), plain},
		{"by_change", ascending("changed_at"), plain},
		{"by_purge", ascending("purge_at"), expiring},
	},
	"grants": {
		{"by_user", ascending("user_id", "purpose"), plain},
		{"by_purpose", ascending("purpose"), plain},
		{"by_expiry", ascending("expires_at"), expiring},
	},
	"audit": {
		{"by_time", newest(eventTime), plain},
		{"by_user", newest(eventTime, "record.user_id"), plain},
		{"by_actor", newest(eventTime, "record.actor.id"), plain},
		{"by_target", newest(eventTime, "record.target.id"), plain},
		{"by_action", newest(eventTime, "record.action"), plain},
	},
	"jobs": {
		{"by_due", ascending("kind", "due_at", "_id"), plain},
		{"by_birth", newest(jobTime), plain},
		{"by_subject", ascending("subject"), plain},
		{"by_purge", ascending("purge_at"), expiring},
	},
	"service_keys": {
		{"by_hash", ascending("hash"), unique},
	},
}

func (x index) model() driver.IndexModel {
	opts := options.Index().SetName(x.name)
	switch x.kind {
	case unique:
		opts.SetUnique(true)
	case uniqueIfAny:
		opts.SetUnique(true).SetSparse(true)
	case expiring:
		opts.SetSparse(true).SetExpireAfterSeconds(int32(sweptAfter.Seconds()))
	}
	return driver.IndexModel{Keys: x.keys, Options: opts}
}

// createIndexes makes what is missing. Making one that is there does nothing, so nodes may start together.
func (s *Store) createIndexes(ctx context.Context) error {
	for collection, list := range indexes {
		models := make([]driver.IndexModel, len(list))
		for i, x := range list {
			models[i] = x.model()
		}
		err := do(ctx, "make indexes of "+collection, sweepTimeout, func(ctx context.Context) error {
			_, err := s.db.Collection(collection).Indexes().CreateMany(ctx, models)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
