package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
)

const defaultLimit = 50

// page is a part of a collection, newest first.
type page struct {
	in     *driver.Collection
	filter bson.D
	join   driver.Pipeline // stages that look into another collection, and choose by it
	time   string          // the field of the order
	cursor string
	limit  int // 0 for the default
}

func order(time string) bson.D { return bson.D{{Key: time, Value: -1}, {Key: "_id", Value: -1}} }

// total counts what the whole list has.
func (p page) total(ctx context.Context) (int, error) {
	if len(p.join) > 0 {
		return count(ctx, p.in, append(driver.Pipeline{stage("$match", p.where(nil))}, p.join...))
	}
	n, err := p.in.CountDocuments(ctx, p.where(nil))
	return int(n), err
}

// where is the filter and one more condition. The server takes no filter that is null.
func (p page) where(behind bson.D) bson.D {
	switch {
	case len(p.filter) == 0 && len(behind) == 0:
		return bson.D{}
	case len(behind) == 0:
		return p.filter
	case len(p.filter) == 0:
		return behind
	}
	return bson.D{{Key: "$and", Value: bson.A{p.filter, behind}}}
}

// readPage reads the documents behind the cursor, and the cursor of the next page. It asks for one more than the page
// has, which tells whether there is a next one.
func readPage[D, R any](ctx context.Context, p page, record func(D) R, of func(R) position) ([]R, string, error) {
	var behind bson.D
	if p.cursor != "" {
		from, err := parseCursor(p.cursor)
		if err != nil {
			return nil, "", err
		}
		behind = from.behind(p.time)
	}
	limit := p.limit
	if limit <= 0 {
		limit = defaultLimit
	}
	pipeline := driver.Pipeline{stage("$match", p.where(behind)), stage("$sort", order(p.time))}
	pipeline = append(append(pipeline, p.join...), stage("$limit", limit+1))
	docs, err := aggregate[D](ctx, p.in, pipeline)
	out := each(docs, record)
	if err != nil || len(out) <= limit {
		return out, "", err
	}
	out = out[:limit]
	return out, of(out[limit-1]).cursor(), nil
}

func stage(name string, value any) bson.D { return bson.D{{Key: name, Value: value}} }

// count is how many documents come out of the pipeline.
func count(ctx context.Context, c *driver.Collection, pipeline driver.Pipeline) (int, error) {
	type result struct {
		N int `bson:"n"`
	}
	out, err := aggregate[result](ctx, c, append(pipeline, stage("$count", "n")))
	if err != nil || len(out) == 0 {
		return 0, err
	}
	return out[0].N, nil
}
