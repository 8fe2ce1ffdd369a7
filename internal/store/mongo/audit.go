package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/gatehouse-dev/gatehouse/internal/audit"
)

const eventTime = "record.at"

type eventDoc struct {
	ID     string      `bson:"_id"`
	Record audit.Event `bson:"record"`
}

func (d eventDoc) event() audit.Event { return d.Record }

// AppendAudit is audit.Store's.
func (s *Store) AppendAudit(ctx context.Context, e audit.Event) error {
	return do(ctx, "append audit", callTimeout, func(ctx context.Context) error { return s.rows.append(ctx, eventDoc{e.ID, e}) })
}

// AuditEvents is audit.Store's. Actor and Target are ids; Since is included, Until is not.
func (s *Store) AuditEvents(ctx context.Context, q audit.Query) (events []audit.Event, next string, err error) {
	p := page{in: s.audit, filter: auditFilter(q), time: eventTime, cursor: q.Cursor, limit: q.Limit}
	events, err = call(ctx, "read audit", func(ctx context.Context) (events []audit.Event, err error) {
		events, next, err = readPage(ctx, p, eventDoc.event, func(e audit.Event) position { return at(e.At, e.ID) })
		return events, err
	})
	return events, next, err
}

func auditFilter(q audit.Query) (filter bson.D) {
	for _, by := range []bson.E{
		{Key: "_id", Value: q.ID}, {Key: "record.user_id", Value: q.UserID}, {Key: "record.actor.id", Value: q.Actor},
		{Key: "record.target.id", Value: q.Target}, {Key: "record.action", Value: q.Action},
	} {
		if by.Value != "" {
			filter = append(filter, by)
		}
	}
	var span bson.D
	if !q.Since.IsZero() {
		span = append(span, bson.E{Key: "$gte", Value: q.Since})
	}
	if !q.Until.IsZero() {
		span = append(span, bson.E{Key: "$lt", Value: q.Until})
	}
	if len(span) > 0 {
		filter = append(filter, bson.E{Key: eventTime, Value: span})
	}
	return filter
}
