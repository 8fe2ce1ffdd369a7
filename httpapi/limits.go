package httpapi

import (
	"strconv"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
)

// counted is a limit and how its bucket stands.
type counted struct {
	limit ratelimit.Limit
	level ratelimit.Level
}

// count shows the client the limit that leaves him least, in the fields of draft-ietf-httpapi-ratelimit-headers-06: the
// last that has one for each number, and what most clients read. Reset is when all places are free again; they come
// back one by one.
func (t *trail) count(l ratelimit.Limit, level ratelimit.Level) {
	if t.shown.limit.Burst == 0 || level.Left <= t.shown.level.Left {
		t.show(counted{l, level})
	}
}

// returned takes back a place that was given back.
func (t *trail) returned(l ratelimit.Limit) {
	if c := t.shown; c.limit == l {
		c.level.Left = min(c.level.Left+1, l.Burst)
		c.level.Full = max(c.level.Full-l.Refill(), 0)
		t.show(c)
	}
}

func (t *trail) show(c counted) {
	t.shown = c
	burst := strconv.Itoa(c.limit.Burst)
	values := []string{
		burst, strconv.Itoa(c.level.Left), strconv.Itoa(seconds(c.level.Full)), burst + ";w=" + strconv.Itoa(int(c.limit.Per/time.Second)),
	}
	for i, name := range limitHeaders {
		t.header[name] = values[i : i+1 : i+1]
	}
}

// limitHeaders are in the form that http.Header has them in.
var limitHeaders = [...]string{"Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset", "Ratelimit-Policy"}

// exposed are the headers that pages of other origins may read.
const exposed = "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy, " + requestID
