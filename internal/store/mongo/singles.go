package mongo

import (
	"context"
	"errors"

	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// The records of which there is one, by their ids.
const (
	admins = "admins"
	keyset = "keyset"
	clock  = "clock" // whatever the time was when it was asked
)

type single[R any] struct {
	ID      string `bson:"_id"`
	Version int    `bson:"version"`
	Record  R      `bson:"record"`
}

// Admins is account.Store's.
func (s *Store) Admins(ctx context.Context) (account.Admins, error) {
	doc, err := readSingle[[]string](ctx, s, "read admins", admins)
	if errors.Is(err, fault.ErrNotFound) {
		return account.Admins{}, nil
	}
	return account.Admins{Version: doc.Version, IDs: doc.Record}, err
}

// PutAdmins is account.Store's.
func (s *Store) PutAdmins(ctx context.Context, a account.Admins) error {
	return putSingle(ctx, s, "put admins", single[[]string]{admins, a.Version, a.IDs})
}

// Keyset is the record of the signing keys, or fault.ErrNotFound before there is one.
func (s *Store) Keyset(ctx context.Context) (token.Record, error) {
	doc, err := readSingle[token.Record](ctx, s, "read keyset", keyset)
	doc.Record.Version = doc.Version
	return doc.Record, err
}

// PutKeyset stores rec as version from+1 in one compare-and-set, from 0 when there is none yet: fault.ErrMoved.
func (s *Store) PutKeyset(ctx context.Context, rec token.Record, from int) error {
	rec.Version = from + 1
	return putSingle(ctx, s, "put keyset", single[token.Record]{keyset, from, rec})
}

func readSingle[R any](ctx context.Context, s *Store, op, id string) (single[R], error) {
	return call(ctx, op, func(ctx context.Context) (doc single[R], err error) {
		err = s.singles.FindOne(ctx, one(id)).Decode(&doc)
		return doc, err
	})
}

// putSingle stores doc as the version after its own. The first version is an insert, of which the id lets one win.
func putSingle[R any](ctx context.Context, s *Store, op string, doc single[R]) error {
	from := doc.Version
	doc.Version++
	return do(ctx, op, callTimeout, func(ctx context.Context) error {
		if from == 0 {
			_, err := s.singles.InsertOne(ctx, doc)
			return movedIf(driver.IsDuplicateKeyError(err), err)
		}
		result, err := s.singles.ReplaceOne(ctx, version(doc.ID, from), doc)
		return movedIf(err == nil && result.MatchedCount == 0, err)
	})
}

func movedIf(lost bool, err error) error {
	if lost {
		return fault.ErrMoved
	}
	return err
}
