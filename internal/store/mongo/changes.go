package mongo

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
)

// Changes is revocation.Source's. It reads what a majority has confirmed, which is all that was ever acknowledged and
// nothing that a failover can undo. A record becomes visible a moment after its stamp, and the next primary's clock
// may be another; both are well within the overlap of reads.
func (s *Store) Changes(ctx context.Context, since time.Time) (revocation.Changes, error) {
	return s.changes(ctx, since, bson.D{}, bson.D{}, func(string, int, time.Time) bool { return false })
}

// ChangesBut is revocation.Source's.
func (s *Store) ChangesBut(ctx context.Context, since time.Time, known revocation.Known) (revocation.Changes, error) {
	return s.changes(ctx, since, fields(ofSession), fields(ofUser), known)
}

// What a revocation.Change tells of.
var (
	ofSession = []string{
		"version", "changed_at", "record.id", "record.user_id", "record.aal", "record.ended_at", "record.end_reason", "record.ended_by", "record.end_message",
	}
	ofUser = []string{
		"version", "changed_at", "record.id", "record.epoch", "record.roles", "record.disabled",
		"record.totp.confirmed_at", "record.passkeys.id", "record.recovery_codes",
	}
)

// fields is a projection. An empty one leaves nothing out.
func fields(names []string) (projection bson.D) {
	for _, name := range names {
		projection = append(projection, bson.E{Key: name, Value: 1})
	}
	return projection
}

func (s *Store) changes(ctx context.Context, since time.Time, ofSession, ofUser bson.D, known revocation.Known) (c revocation.Changes, err error) {
	if c.Now, err = call(ctx, "read changes: clock", s.clock); err != nil || since.IsZero() {
		return c, err
	}
	err = do(ctx, "read changes", changesTimeout, func(ctx context.Context) (err error) {
		if c.Sessions, err = changed(ctx, s.sessions, since, ofSession, known, sessionDoc.session); err != nil {
			return fmt.Errorf("sessions: %w", err)
		}
		if c.Users, err = changed(ctx, s.users, since, ofUser, known, userDoc.user); err != nil {
			return fmt.Errorf("users: %w", err)
		}
		return nil
	})
	if err != nil {
		return revocation.Changes{}, err
	}
	return c, nil
}

// changed is the records that were stamped since then and are not known. Of those that are, little is looked at.
func changed[D, R any](ctx context.Context, c *driver.Collection, since time.Time, fields bson.D, known revocation.Known, record func(D) R) (all []R, err error) {
	cursor, err := confirmed(c).Find(ctx, changedSince(since), options.Find().SetProjection(fields))
	if err != nil {
		return nil, err
	}
	defer cursor.Close(ctx)
	for cursor.Next(ctx) {
		id, _ := cursor.Current.Lookup("_id").StringValueOK()
		version, _ := cursor.Current.Lookup("version").AsInt64OK()
		at, _ := cursor.Current.Lookup("changed_at").TimeOK()
		if known(id, int(version), at) {
			continue
		}
		var doc D
		if err := cursor.Decode(&doc); err != nil {
			return nil, err
		}
		all = append(all, record(doc))
	}
	return all, cursor.Err()
}

func changedSince(since time.Time) bson.D {
	return bson.D{{Key: "changed_at", Value: bson.D{{Key: "$gte", Value: since}}}}
}

// confirmed is the collection as a majority has it.
func confirmed(c *driver.Collection) *driver.Collection {
	return c.Clone(options.Collection().SetReadConcern(readconcern.Majority()))
}

// clock is the primary's, which stamps the changes. It is asked by a write, so that a primary that was deposed and has
// not heard of it, whose records are old, cannot answer.
func (s *Store) clock(ctx context.Context) (time.Time, error) {
	var doc struct {
		Now time.Time `bson:"now"`
	}
	err := updated(ctx, s.singles, one(clock), bson.D{{Key: "$currentDate", Value: bson.D{{Key: "now", Value: true}}}}, &doc, true)
	return doc.Now, err
}

// Moved is revocation.Source's: MongoDB cannot tell cheaply.
func (s *Store) Moved(context.Context) (bool, error) {
	if s.closed.Load() {
		return false, fault.ErrUnavailable.Because(driver.ErrClientDisconnected)
	}
	return false, nil
}
