package mongo

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// position is where a document stands in a list, newest first. Times are not unique, ids are.
type position struct {
	at bson.DateTime
	id string
}

func at(t time.Time, id string) position { return position{bson.NewDateTimeFromTime(t), id} }

// cursor is the position as clients carry it.
func (p position) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(int64(p.at), 10) + "." + p.id))
}

func parseCursor(text string) (position, error) {
	bad := *fault.ErrInvalidRequest
	bad.Detail = "cursor is not one of this list"
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return position{}, &bad
	}
	number, id, ok := strings.Cut(string(raw), ".")
	millis, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok || id == "" {
		return position{}, &bad
	}
	return position{bson.DateTime(millis), id}, nil
}

// behind chooses the documents after the position in a list by the field. The first condition is what an index can
// begin from.
func (p position) behind(field string) bson.D {
	return bson.D{
		{Key: field, Value: bson.D{{Key: "$lte", Value: p.at}}},
		{Key: "$or", Value: bson.A{
			bson.D{{Key: field, Value: bson.D{{Key: "$lt", Value: p.at}}}},
			bson.D{{Key: "_id", Value: bson.D{{Key: "$lt", Value: p.id}}}},
		}},
	}
}
