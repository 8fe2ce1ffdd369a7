package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Purge removes ended sessions, jobs that are over and what is left of deleted users when their time has come, and
// expired grants. The server would do so by itself, sweptAfter later.
func (s *Store) Purge(ctx context.Context, now time.Time) error {
	past := bson.D{{Key: "$lte", Value: now}}
	ended := bson.D{{Key: "purge_at", Value: past}, {Key: "live", Value: false}}
	if err := remove(ctx, "purge sessions", sweepTimeout, s.sessions, ended); err != nil {
		return err
	}
	if err := remove(ctx, "purge users", sweepTimeout, s.users, bson.D{{Key: "purge_at", Value: past}, {Key: "live", Value: false}}); err != nil {
		return err
	}
	if err := remove(ctx, "purge jobs", sweepTimeout, s.jobs, bson.D{{Key: "purge_at", Value: past}}); err != nil {
		return err
	}
	return remove(ctx, "purge grants", sweepTimeout, s.grants, bson.D{{Key: "expires_at", Value: past}})
}
