package mongo

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/words"
)

type sessionDoc struct {
	Version   int             `bson:"version"`
	ChangedAt time.Time       `bson:"changed_at"`
	Record    session.Session `bson:"record"`

	// The traces, written behind.
	LastSeenAt time.Time      `bson:"last_seen_at"`
	IP         string         `bson:"ip"`
	UserAgent  string         `bson:"user_agent"`
	Location   *wire.Location `bson:"location"`
	Acked      int            `bson:"acked"`
	Online     bool           `bson:"online"`
	OnlineSeq  int64          `bson:"online_seq"`
}

func (d sessionDoc) session() session.Session {
	s := d.Record
	s.Version, s.ChangedAt = d.Version, d.ChangedAt
	s.LastSeenAt, s.IP, s.UserAgent, s.Location = d.LastSeenAt, d.IP, d.UserAgent, d.Location
	s.Acked, s.Online, s.OnlineSeq = d.Acked, d.Online, d.OnlineSeq
	return s
}

// sessionFields leaves "purge_at" out where there is none: the server would take a zero time for long past.
func sessionFields(s session.Session) bson.D {
	fields := bson.D{
		{Key: "record", Value: s}, {Key: "words", Value: words.Name(s.Name)},
		{Key: "live", Value: !s.Ended()}, {Key: "ends_at", Value: s.End()}, // by itself
	}
	if !s.PurgeAt.IsZero() {
		fields = append(fields, bson.E{Key: "purge_at", Value: s.PurgeAt})
	}
	return fields
}

func traceFields(s session.Session) bson.D {
	return append(addressFields(s.IP, s.UserAgent, s.Location),
		bson.E{Key: "last_seen_at", Value: s.LastSeenAt}, bson.E{Key: "acked", Value: s.Acked},
		bson.E{Key: "online", Value: s.Online}, bson.E{Key: "online_seq", Value: s.OnlineSeq})
}

// addressFields are replaced together. A user agent may be any bytes; BSON's text is UTF-8.
func addressFields(ip, userAgent string, location *wire.Location) bson.D {
	return bson.D{
		{Key: "ip", Value: ip}, {Key: "user_agent", Value: strings.ToValidUTF8(userAgent, "\uFFFD")}, {Key: "location", Value: location},
	}
}

// InsertSession is session.Store's. What it returns is as stored, with times in milliseconds.
func (s *Store) InsertSession(ctx context.Context, rec session.Session) (session.Session, error) {
	return call(ctx, "insert session", func(ctx context.Context) (session.Session, error) {
		var doc sessionDoc
		err := updated(ctx, s.sessions, unborn(rec.ID), insertSession(rec), &doc, true)
		return doc.session(), err
	})
}

func insertSession(rec session.Session) bson.D {
	return insert(append(sessionFields(rec), traceFields(rec)...))
}

// Session is session.Store's.
func (s *Store) Session(ctx context.Context, id string) (session.Session, error) {
	return call(ctx, "read session", func(ctx context.Context) (session.Session, error) {
		var doc sessionDoc
		err := s.sessions.FindOne(ctx, one(id)).Decode(&doc)
		return doc.session(), err
	})
}

// ReplaceSession is session.Store's. What it returns has the traces as they are stored. An end is final, and so is
// the time to purge.
func (s *Store) ReplaceSession(ctx context.Context, rec session.Session, stamp bool) (session.Session, error) {
	return call(ctx, "replace session", func(ctx context.Context) (session.Session, error) {
		var doc sessionDoc
		err := updated(ctx, s.sessions, version(rec.ID, rec.Version), replace(sessionFields(rec), rec.Version, stamp), &doc, false)
		return doc.session(), movedOrNotFound(ctx, s.sessions, rec.ID, err)
	})
}

// EndSession is session.Store's.
func (s *Store) EndSession(ctx context.Context, id string, e session.End) (rec session.Session, ended bool, err error) {
	rec, err = call(ctx, "end session", func(ctx context.Context) (session.Session, error) {
		var doc sessionDoc
		err := updated(ctx, s.sessions, endable(id, e.Due), endSession(e), &doc, false)
		if ended = err == nil; errors.Is(err, driver.ErrNoDocuments) {
			err = s.sessions.FindOne(ctx, one(id)).Decode(&doc)
		}
		return doc.session(), err
	})
	return rec, ended, err
}

// endable chooses a session that lives, and with due has run out by then.
func endable(id string, due time.Time) bson.D {
	filter := append(one(id), live)
	if !due.IsZero() {
		filter = append(filter, endsBy(due))
	}
	return filter
}

func endSession(e session.End) bson.D {
	return bson.D{
		{Key: "$set", Value: bson.D{
			{Key: "record.ended_at", Value: e.At}, {Key: "record.purge_at", Value: e.PurgeAt}, {Key: "record.end_reason", Value: e.Reason},
			{Key: "record.ended_by", Value: e.By}, {Key: "record.end_message", Value: e.Message},
			{Key: "live", Value: false}, {Key: "purge_at", Value: e.PurgeAt},
		}},
		{Key: "$inc", Value: bson.D{{Key: "version", Value: 1}}}, now,
	}
}

// SessionsOf is session.Store's.
func (s *Store) SessionsOf(ctx context.Context, userID string, also ...string) ([]session.Session, error) {
	return call(ctx, "read sessions of user", func(ctx context.Context) ([]session.Session, error) {
		filter := bson.D{{Key: "record.user_id", Value: userID}, live}
		if len(also) > 0 {
			filter = bson.D{filter[0], {Key: "$or", Value: bson.A{bson.D{live}, among("_id", also)}}}
		}
		docs, err := find[sessionDoc](ctx, s.sessions, filter)
		return each(docs, sessionDoc.session), err
	})
}

// DueSessions is session.Store's.
func (s *Store) DueSessions(ctx context.Context, now time.Time, limit int) ([]session.Session, error) {
	return call(ctx, "read due sessions", func(ctx context.Context) ([]session.Session, error) {
		filter := bson.D{live, endsBy(now)}
		opts := options.Find().SetSort(ascending("ends_at")).SetLimit(int64(limit))
		docs, err := find[sessionDoc](ctx, s.sessions, filter, opts)
		return each(docs, sessionDoc.session), err
	})
}

var live = bson.E{Key: "live", Value: true}

func endsBy(t time.Time) bson.E {
	return bson.E{Key: "ends_at", Value: bson.D{{Key: "$lte", Value: t}}}
}
