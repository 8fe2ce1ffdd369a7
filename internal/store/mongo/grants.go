package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
)

type grantDoc struct {
	ID          string    `bson:"_id"`
	Purpose     string    `bson:"purpose"`
	Hash        string    `bson:"hash"`
	UserID      string    `bson:"user_id"`
	SessionID   string    `bson:"session_id"`
	AuthVersion int       `bson:"auth_version"`
	TriesLeft   int       `bson:"tries_left"`
	Payload     []byte    `bson:"payload"`
	ExpiresAt   time.Time `bson:"expires_at"`
}

func newGrantDoc(g grant.Grant) grantDoc {
	return grantDoc{
		ID: grantID(g.Purpose, g.Hash), Purpose: g.Purpose, Hash: g.Hash, UserID: g.UserID, SessionID: g.SessionID,
		AuthVersion: g.AuthVersion, TriesLeft: g.TriesLeft, Payload: g.Payload, ExpiresAt: g.ExpiresAt,
	}
}

func (d grantDoc) grant() grant.Grant {
	return grant.Grant{
		Purpose: d.Purpose, Hash: d.Hash, UserID: d.UserID, SessionID: d.SessionID, AuthVersion: d.AuthVersion,
		TriesLeft: d.TriesLeft, Payload: d.Payload, ExpiresAt: d.ExpiresAt,
	}
}

// grantID makes purpose and hash one key. Neither has a slash.
func grantID(purpose, hash string) string { return purpose + "/" + hash }

// InsertGrant is grant.Store's.
func (s *Store) InsertGrant(ctx context.Context, g grant.Grant) error {
	return do(ctx, "insert grant", callTimeout, func(ctx context.Context) error {
		_, err := s.grants.InsertOne(ctx, newGrantDoc(g))
		if driver.IsDuplicateKeyError(err) {
			return fault.ErrConflict
		}
		return err
	})
}

// Grant is grant.Store's.
func (s *Store) Grant(ctx context.Context, purpose, hash string, now time.Time) (grant.Grant, error) {
	return call(ctx, "read grant", func(ctx context.Context) (grant.Grant, error) {
		var doc grantDoc
		err := s.grants.FindOne(ctx, triable(purpose, hash, now)).Decode(&doc)
		return doc.grant(), err
	})
}

// TryGrant is grant.Store's. TriesLeft is what is left after this one.
func (s *Store) TryGrant(ctx context.Context, purpose, hash string, now time.Time) (grant.Grant, error) {
	return call(ctx, "try grant", func(ctx context.Context) (grant.Grant, error) {
		var doc grantDoc
		err := updated(ctx, s.grants, triable(purpose, hash, now), bson.D{{Key: "$inc", Value: bson.D{{Key: "tries_left", Value: -1}}}}, &doc, false)
		return doc.grant(), err
	})
}

// TakeGrant is grant.Store's. A grant whose last try was taken can still be redeemed by it.
func (s *Store) TakeGrant(ctx context.Context, purpose, hash string, now time.Time) (grant.Grant, error) {
	return call(ctx, "take grant", func(ctx context.Context) (grant.Grant, error) {
		var doc grantDoc
		err := s.grants.FindOneAndDelete(ctx, liveGrant(purpose, hash, now)).Decode(&doc)
		return doc.grant(), err
	})
}

func liveGrant(purpose, hash string, now time.Time) bson.D {
	return append(one(grantID(purpose, hash)), bson.E{Key: "expires_at", Value: bson.D{{Key: "$gt", Value: now}}})
}

func triable(purpose, hash string, now time.Time) bson.D {
	return append(liveGrant(purpose, hash, now), bson.E{Key: "tries_left", Value: bson.D{{Key: "$gt", Value: 0}}})
}

// DeleteGrants is grant.Store's.
func (s *Store) DeleteGrants(ctx context.Context, userID string, purposes ...string) error {
	filter := bson.D{{Key: "user_id", Value: userID}}
	if len(purposes) > 0 {
		filter = append(filter, among("purpose", purposes)...)
	}
	return remove(ctx, "delete grants of user", callTimeout, s.grants, filter)
}

// DeleteGrantsOf is grant.Store's.
func (s *Store) DeleteGrantsOf(ctx context.Context, purpose string) error {
	return remove(ctx, "delete grants of purpose", callTimeout, s.grants, bson.D{{Key: "purpose", Value: purpose}})
}

func remove(ctx context.Context, op string, timeout time.Duration, c *driver.Collection, filter bson.D) error {
	return do(ctx, op, timeout, func(ctx context.Context) error {
		_, err := c.DeleteMany(ctx, filter)
		return err
	})
}
