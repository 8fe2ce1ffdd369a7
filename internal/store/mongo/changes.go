package mongo

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// Changes is revocation.Source's. It reads what a majority has confirmed, which is all that was ever acknowledged and
// nothing that a failover can undo. A record becomes visible a moment after its stamp, and the next primary's clock
// may be another; both are well within the overlap of reads.
func (s *Store) Changes(ctx context.Context, since time.Time) (revocation.Changes, error) {
	return call(ctx, "read changes", func(ctx context.Context) (c revocation.Changes, err error) {
		if c.Now, err = s.clock(ctx); err != nil {
			return c, fmt.Errorf("clock: %w", err)
		}
		if since.IsZero() {
			return c, nil
		}
		if c.Sessions, err = s.changedSessions(ctx, since); err != nil {
			return c, fmt.Errorf("sessions: %w", err)
		}
		if c.Users, err = s.changedUsers(ctx, since); err != nil {
			return c, fmt.Errorf("users: %w", err)
		}
		return c, nil
	})
}

func (s *Store) changedSessions(ctx context.Context, since time.Time) ([]session.Session, error) {
	docs, err := find[sessionDoc](ctx, confirmed(s.sessions), changedSince(since))
	return each(docs, sessionDoc.session), err
}

func (s *Store) changedUsers(ctx context.Context, since time.Time) ([]account.User, error) {
	docs, err := find[userDoc](ctx, confirmed(s.users), changedSince(since))
	return each(docs, userDoc.user), err
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
