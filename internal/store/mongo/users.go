package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/words"
)

type userDoc struct {
	Version   int          `bson:"version"`
	ChangedAt time.Time    `bson:"changed_at"`
	Record    account.User `bson:"record"`
}

func (d userDoc) user() account.User {
	u := d.Record
	u.Version, u.ChangedAt = d.Version, d.ChangedAt
	return u
}

// userFields leaves "purge_at" out where there is none, as sessionFields does.
func userFields(u account.User) bson.D {
	fields := bson.D{
		{Key: "record", Value: u}, {Key: "words", Value: append(words.Email(u.Email), words.Name(u.Name)...)},
		{Key: "identities", Value: identities(u)}, {Key: "live", Value: !u.Gone()},
	}
	if u.Gone() {
		fields = append(fields, bson.E{Key: "purge_at", Value: u.PurgeAt})
	}
	return fields
}

// identities are the accounts at providers, which a unique index keeps apart. The user's own id is among them because
// such an index takes two empty lists for the same.
func identities(u account.User) []string {
	keys := []string{u.ID}
	for _, i := range u.Identities {
		keys = append(keys, i.Key())
	}
	return keys
}

// taken says which of a user's unique members another user has.
func (s *Store) taken(ctx context.Context, u account.User, err error) error {
	if !driver.IsDuplicateKeyError(err) {
		return err
	}
	other := bson.D{{Key: "record.email", Value: u.Email}, {Key: "_id", Value: bson.D{{Key: "$ne", Value: u.ID}}}}
	if len(u.Identities) > 0 && s.users.FindOne(ctx, other).Err() != nil {
		return account.ErrIdentityTaken
	}
	return emailTaken(err)
}

// InsertUser is account.Store's. What it returns is as stored, with times in milliseconds.
func (s *Store) InsertUser(ctx context.Context, u account.User) (account.User, error) {
	return call(ctx, "insert user", func(ctx context.Context) (account.User, error) {
		var doc userDoc
		err := updated(ctx, s.users, unborn(u.ID), insert(userFields(u)), &doc, true)
		return doc.user(), s.taken(ctx, u, err)
	})
}

// User is account.Store's.
func (s *Store) User(ctx context.Context, id string) (account.User, error) {
	return s.user(ctx, "read user", one(id))
}

// UserByEmail is account.Store's.
func (s *Store) UserByEmail(ctx context.Context, email string) (account.User, error) {
	return s.user(ctx, "read user by email", bson.D{{Key: "record.email", Value: email}})
}

// UserByIdentity is account.Store's.
func (s *Store) UserByIdentity(ctx context.Context, provider, subject string) (account.User, error) {
	key := account.Identity{Provider: provider, Subject: subject}.Key()
	return s.user(ctx, "read user by identity", bson.D{{Key: "identities", Value: key}})
}

func (s *Store) user(ctx context.Context, op string, filter bson.D) (account.User, error) {
	return call(ctx, op, func(ctx context.Context) (account.User, error) {
		var doc userDoc
		err := s.users.FindOne(ctx, filter).Decode(&doc)
		return doc.user(), err
	})
}

// UsersByID is account.Store's.
func (s *Store) UsersByID(ctx context.Context, ids []string) ([]account.User, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return call(ctx, "read users", func(ctx context.Context) ([]account.User, error) {
		docs, err := find[userDoc](ctx, s.users, among("_id", ids))
		return each(docs, userDoc.user), err
	})
}

// ReplaceUser is account.Store's.
func (s *Store) ReplaceUser(ctx context.Context, u account.User, stamp bool) (account.User, error) {
	return call(ctx, "replace user", func(ctx context.Context) (account.User, error) {
		var doc userDoc
		err := updated(ctx, s.users, version(u.ID, u.Version), replace(userFields(u), u.Version, stamp), &doc, false)
		return doc.user(), movedOrNotFound(ctx, s.users, u.ID, s.taken(ctx, u, err))
	})
}

// among chooses by a list of values, which must not be null.
func among(field string, values []string) bson.D {
	return bson.D{{Key: field, Value: bson.D{{Key: "$in", Value: append([]string{}, values...)}}}}
}
