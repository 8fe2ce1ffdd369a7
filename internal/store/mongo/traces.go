package mongo

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

const touchBatch = 500 // traces of one command

// Touch is session.Store's. Long batches are written by several commands.
func (s *Store) Touch(ctx context.Context, traces []session.Trace) error {
	for batch := range slices.Chunk(traces, touchBatch) {
		if err := s.touch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) touch(ctx context.Context, traces []session.Trace) error {
	var writes []driver.WriteModel
	for _, t := range traces {
		writes = append(writes, touches(t)...)
	}
	return do(ctx, "touch sessions", callTimeout, func(ctx context.Context) error {
		_, err := s.sessions.BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false))
		return err
	})
}

// touches are up to three updates: an address is only of a session that lives, presence of a newer sequence.
func touches(t session.Trace) []driver.WriteModel {
	update := bson.D{{Key: "$max", Value: bson.D{{Key: "last_seen_at", Value: t.LastSeenAt}, {Key: "acked", Value: t.Acked}}}}
	writes := []driver.WriteModel{driver.NewUpdateOneModel().SetFilter(one(t.SessionID)).SetUpdate(update)}
	if t.IP != "" {
		from := bson.D{{Key: "$set", Value: addressFields(t.IP, t.UserAgent, t.Location)}}
		writes = append(writes, driver.NewUpdateOneModel().SetFilter(append(one(t.SessionID), live)).SetUpdate(from))
	}
	if t.OnlineSeq == 0 {
		return writes
	}
	older := append(one(t.SessionID), bson.E{Key: "online_seq", Value: bson.D{{Key: "$lt", Value: t.OnlineSeq}}})
	presence := bson.D{{Key: "$set", Value: bson.D{{Key: "online", Value: t.Online}, {Key: "online_seq", Value: t.OnlineSeq}}}}
	return append(writes, driver.NewUpdateOneModel().SetFilter(older).SetUpdate(presence))
}

// StripSessions is session.Store's.
func (s *Store) StripSessions(ctx context.Context, userID string) error {
	return do(ctx, "strip sessions", callTimeout, func(ctx context.Context) error {
		fields := append(addressFields("", "", nil), bson.E{Key: "words", Value: bson.A{}},
			bson.E{Key: "record.name", Value: ""}, bson.E{Key: "record.device", Value: wire.Device{Kind: "unknown"}})
		strip := bson.D{{Key: "$set", Value: fields}, {Key: "$inc", Value: bson.D{{Key: "version", Value: 1}}}}
		_, err := s.sessions.UpdateMany(ctx, bson.D{{Key: "record.user_id", Value: userID}}, strip)
		return err
	})
}

// ResetOnline writes every session offline, for when the only node starts. What presence says from now on counts,
// also if its sequence is lower than before because the clock was set back.
func (s *Store) ResetOnline(ctx context.Context) error {
	return do(ctx, "reset online", sweepTimeout, func(ctx context.Context) error {
		seen := bson.D{{Key: "$or", Value: bson.A{
			bson.D{{Key: "online", Value: true}}, bson.D{{Key: "online_seq", Value: bson.D{{Key: "$ne", Value: 0}}}},
		}}}
		_, err := s.sessions.UpdateMany(ctx, seen, bson.D{{Key: "$set", Value: bson.D{{Key: "online", Value: false}, {Key: "online_seq", Value: 0}}}})
		return err
	})
}
