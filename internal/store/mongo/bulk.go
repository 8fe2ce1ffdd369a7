package mongo

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

const bulkBatch = 1000 // documents of one command

// InsertBulk inserts many users, then many sessions, as InsertUser and InsertSession do, by few commands. What was
// inserted before an error stays.
func (s *Store) InsertBulk(ctx context.Context, users []account.User, sessions []session.Session) error {
	err := bulk(ctx, "insert users", s.users, users, account.ErrEmailTaken, func(u account.User) (string, bson.D) {
		return u.ID, insert(userFields(u))
	})
	if err != nil {
		return err
	}
	return bulk(ctx, "insert sessions", s.sessions, sessions, fault.ErrConflict, func(rec session.Session) (string, bson.D) {
		return rec.ID, insertSession(rec)
	})
}

// bulk answers taken when there is a document with an id or a unique field of the records. A document with the id is
// stamped again, and nothing else of it changes.
func bulk[R any](ctx context.Context, op string, c *driver.Collection, records []R, taken error, of func(R) (id string, update bson.D)) error {
	for batch := range slices.Chunk(records, bulkBatch) {
		writes := make([]driver.WriteModel, len(batch))
		for i, r := range batch {
			id, update := of(r)
			writes[i] = driver.NewUpdateOneModel().SetFilter(one(id)).SetUpdate(update).SetUpsert(true)
		}
		err := do(ctx, op, sweepTimeout, func(ctx context.Context) error {
			result, err := c.BulkWrite(ctx, writes)
			if driver.IsDuplicateKeyError(err) || err == nil && int(result.UpsertedCount) < len(batch) {
				return taken
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
