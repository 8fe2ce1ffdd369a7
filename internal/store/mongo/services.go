package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/gatehouse-dev/gatehouse/internal/servicekey"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

type webhookDoc struct {
	ID        string    `bson:"_id"`
	URL       string    `bson:"url"`
	Events    []string  `bson:"events"`
	Secret    []byte    `bson:"secret"`
	CreatedAt time.Time `bson:"created_at"`
}

func (d webhookDoc) webhook() webhook.Webhook { return webhook.Webhook(d) }

var oldest = options.Find().SetSort(ascending("created_at", "_id"))

// InsertWebhook is webhook.Store's.
func (s *Store) InsertWebhook(ctx context.Context, w webhook.Webhook) error {
	return do(ctx, "insert webhook", callTimeout, func(ctx context.Context) error {
		_, err := s.webhooks.InsertOne(ctx, webhookDoc(w))
		return err
	})
}

// Webhooks is webhook.Store's.
func (s *Store) Webhooks(ctx context.Context) ([]webhook.Webhook, error) {
	return call(ctx, "read webhooks", func(ctx context.Context) ([]webhook.Webhook, error) {
		docs, err := find[webhookDoc](ctx, s.webhooks, bson.D{}, oldest)
		return each(docs, webhookDoc.webhook), err
	})
}

// ReplaceWebhookSecret is webhook.Store's.
func (s *Store) ReplaceWebhookSecret(ctx context.Context, id string, from, to []byte) error {
	return do(ctx, "replace webhook secret", callTimeout, func(ctx context.Context) error {
		set := bson.D{{Key: "$set", Value: bson.D{{Key: "secret", Value: to}}}}
		result, err := s.webhooks.UpdateOne(ctx, append(one(id), bson.E{Key: "secret", Value: from}), set)
		return movedIf(err == nil && result.MatchedCount == 0, err)
	})
}

// DeleteWebhook is webhook.Store's.
func (s *Store) DeleteWebhook(ctx context.Context, id string) error {
	return deleteOne(ctx, "delete webhook", s.webhooks, id)
}

type keyDoc struct {
	ID         string    `bson:"_id"`
	Name       string    `bson:"name"`
	Hash       string    `bson:"hash"`
	CreatedAt  time.Time `bson:"created_at"`
	LastUsedAt time.Time `bson:"last_used_at"`
}

func (d keyDoc) key() servicekey.Key { return servicekey.Key(d) }

// InsertServiceKey is servicekey.Store's.
func (s *Store) InsertServiceKey(ctx context.Context, k servicekey.Key) error {
	return do(ctx, "insert service key", callTimeout, func(ctx context.Context) error {
		_, err := s.services.InsertOne(ctx, keyDoc(k))
		return err
	})
}

// ServiceKeys is servicekey.Store's.
func (s *Store) ServiceKeys(ctx context.Context) ([]servicekey.Key, error) {
	return call(ctx, "read service keys", func(ctx context.Context) ([]servicekey.Key, error) {
		docs, err := find[keyDoc](ctx, s.services, bson.D{}, oldest)
		return each(docs, keyDoc.key), err
	})
}

// ServiceKey is servicekey.Store's.
func (s *Store) ServiceKey(ctx context.Context, hash string) (servicekey.Key, error) {
	return call(ctx, "read service key", func(ctx context.Context) (servicekey.Key, error) {
		var doc keyDoc
		err := s.services.FindOne(ctx, bson.D{{Key: "hash", Value: hash}}).Decode(&doc)
		return doc.key(), err
	})
}

// UseServiceKey is servicekey.Store's.
func (s *Store) UseServiceKey(ctx context.Context, id string, at time.Time) error {
	return do(ctx, "use service key", callTimeout, func(ctx context.Context) error {
		_, err := s.services.UpdateOne(ctx, one(id), bson.D{{Key: "$max", Value: bson.D{{Key: "last_used_at", Value: at}}}})
		return err
	})
}

// DeleteServiceKey is servicekey.Store's.
func (s *Store) DeleteServiceKey(ctx context.Context, id string) error {
	return deleteOne(ctx, "delete service key", s.services, id)
}
