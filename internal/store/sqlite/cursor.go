package sqlite

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// position is where a row stands in a list, newest first. Times are not unique, ids are.
type position struct {
	at int64
	id string
}

func at(t time.Time, id string) position { return position{micros(t), id} }

// cursor is the position as clients carry it.
func (p position) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.at, 10) + "." + p.id))
}

func parseCursor(text string) (position, error) {
	bad := *fault.ErrInvalidRequest
	bad.Detail = "cursor is not one of this list"
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return position{}, &bad
	}
	number, id, ok := strings.Cut(string(raw), ".")
	micros, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok || id == "" {
		return position{}, &bad
	}
	return position{micros, id}, nil
}
