package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Documents of users and sessions have the record under "record", with the names of its JSON, and beside it what is
// there to be found by, or changes apart from it: a replace sets the record as a whole. "changed_at" is the server's
// clock, which only an update can set: so inserts are updates that find nothing.

const birth = "record.created_at"

// one and version choose a document.
func one(id string) bson.D { return bson.D{{Key: "_id", Value: id}} }

func version(id string, n int) bson.D { return append(one(id), bson.E{Key: "version", Value: n}) }

// unborn chooses none: where the id is there, the insert meets it and fails.
func unborn(id string) bson.D {
	return append(one(id), bson.E{Key: "version", Value: bson.D{{Key: "$exists", Value: false}}})
}

var now = bson.E{Key: "$currentDate", Value: bson.D{{Key: "changed_at", Value: true}}}

// insert is the update that makes a document of the fields, as version 1.
func insert(fields bson.D) bson.D {
	fields = append(fields, bson.E{Key: "version", Value: 1})
	return bson.D{{Key: "$setOnInsert", Value: fields}, now}
}

// replace is the update that sets the fields, as the version after from.
func replace(fields bson.D, from int, stamp bool) bson.D {
	fields = append(fields, bson.E{Key: "version", Value: from + 1})
	update := bson.D{{Key: "$set", Value: fields}}
	if stamp {
		update = append(update, now)
	}
	return update
}

// idOnly is a projection.
var idOnly = bson.D{{Key: "_id", Value: 1}}

// updated is the document after an update; with upsert, one that finds none makes it.
func updated(ctx context.Context, c *driver.Collection, filter, update bson.D, doc any, upsert bool) error {
	opts := options.FindOneAndUpdate().SetReturnDocument(options.After).SetUpsert(upsert)
	return c.FindOneAndUpdate(ctx, filter, update, opts).Decode(doc)
}

// movedOrNotFound says why a compare-and-set found no document.
func movedOrNotFound(ctx context.Context, c *driver.Collection, id string, err error) error {
	if !errors.Is(err, driver.ErrNoDocuments) {
		return err
	}
	if err := c.FindOne(ctx, one(id), options.FindOne().SetProjection(idOnly)).Err(); err != nil {
		return err
	}
	return fault.ErrMoved
}

// find is all documents that the filter chooses.
func find[D any](ctx context.Context, c *driver.Collection, filter any, opts ...options.Lister[options.FindOptions]) ([]D, error) {
	cursor, err := c.Find(ctx, filter, opts...)
	if err != nil {
		return nil, err
	}
	var docs []D
	err = cursor.All(ctx, &docs)
	return docs, err
}

// aggregate is all documents that come out of the pipeline.
func aggregate[D any](ctx context.Context, c *driver.Collection, pipeline driver.Pipeline) ([]D, error) {
	cursor, err := c.Aggregate(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	var docs []D
	err = cursor.All(ctx, &docs)
	return docs, err
}

// each makes records of documents.
func each[D, R any](docs []D, record func(D) R) []R {
	if len(docs) == 0 {
		return nil
	}
	records := make([]R, len(docs))
	for i, d := range docs {
		records[i] = record(d)
	}
	return records
}
