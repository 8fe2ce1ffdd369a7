// Package events is the stream of what happens, for other services: live from this node's follower, and the past from
// the store. There is no table of events: what happened stands in the records, stamped with the store's clock, and the
// stamp is the event's position. Positions are the same on all nodes; a resumed stream may repeat events.
package events

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

// Event is something that happened. Position is "" for what is live only.
type Event struct {
	Position string
	webhook.Body
}

// Of is the event that a stamped change of a record is. A record that was only renamed or raised is none.
func Of(c revocation.Change) (Event, bool) {
	e := webhook.Event{At: c.At, Data: webhook.Data{UserID: c.UserID, SessionID: c.SessionID}}
	switch {
	case c.SessionID != "" && c.Ended != nil:
		e.Type, e.At, e.Data.Reason, e.Data.By = webhook.SessionEnded, c.Ended.At.Std(), c.Ended.Reason, &webhook.By{Kind: c.Ended.By.Kind}
	case c.SessionID != "":
		if c.Version != 1 {
			return Event{}, false
		}
		e.Type = webhook.SessionStarted
	case c.Disabled:
		e.Type = webhook.UserDisabled
	default:
		e.Type, e.Data.Roles = webhook.RolesChanged, c.Roles
	}
	return Event{Position: position(c.At), Body: e.Body()}, true
}

// OfPresence is the event that a device came or went, the same on every node that hears of it; most changes of
// connections are none.
func OfPresence(c presence.Change) (webhook.Event, bool) {
	e := webhook.Event{Type: webhook.DeviceOnline, At: c.LastSeen, Data: webhook.Data{UserID: c.UserID, SessionID: c.SessionID}}
	if !c.Online {
		e.Type = webhook.DeviceOffline
	}
	return e, !c.Online || c.Connections == 1
}

func position(at time.Time) string { return strconv.FormatInt(at.UnixMicro(), 10) }

// ParsePosition reads a position as a client brings it back.
func ParsePosition(text string) (time.Time, bool) {
	micros, err := strconv.ParseInt(text, 10, 64)
	return time.UnixMicro(micros).UTC(), err == nil && micros > 0
}

// backlog is how many events may wait for one stream.
const backlog = 1024

// Broker hands events to the streams of this node. It is safe for concurrent use and its zero value is ready.
type Broker struct {
	mu      sync.Mutex // guards the following
	streams map[*Stream]struct{}
	lost    int64
}

// Stream gets events until it is closed: by its owner, because its key is gone, or because it fell behind. Whoever
// reads it resumes.
type Stream struct {
	C     <-chan Event
	c     chan Event
	keyID string
}

// Open begins a stream for the holder of a key.
func (b *Broker) Open(keyID string) *Stream {
	s := &Stream{c: make(chan Event, backlog), keyID: keyID}
	s.C = s.c
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.streams == nil {
		b.streams = make(map[*Stream]struct{})
	}
	b.streams[s] = struct{}{}
	return s
}

// Count is how many streams the key has open here.
func (b *Broker) Count(keyID string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.streams {
		if s.keyID == keyID {
			n++
		}
	}
	return n
}

// Publish hands an event to every stream. It never blocks.
func (b *Broker) Publish(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.streams {
		select {
		case s.c <- e:
		default:
			b.lost++
			b.closeLocked(s)
		}
	}
}

// Close ends a stream.
func (b *Broker) Close(s *Stream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closeLocked(s)
}

func (b *Broker) closeLocked(s *Stream) {
	if _, open := b.streams[s]; open {
		delete(b.streams, s)
		close(s.c)
	}
}

// CloseKey ends the streams of a key.
func (b *Broker) CloseKey(keyID string) { b.closeIf(func(s *Stream) bool { return s.keyID == keyID }) }

// CloseAll ends all streams: when this node leaves, or cannot know any more.
func (b *Broker) CloseAll() { b.closeIf(func(*Stream) bool { return true }) }

func (b *Broker) closeIf(is func(*Stream) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.streams {
		if is(s) {
			b.closeLocked(s)
		}
	}
}

// Stats are counts for metrics.
type Stats struct {
	Streams int
	Lost    int64 // streams closed because they fell behind
}

// Stats of the broker so far.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Stats{Streams: len(b.streams), Lost: b.lost}
}

// Source is the store as its past is read.
type Source interface {
	Changes(ctx context.Context, since time.Time) (revocation.Changes, error)
}

// History reads the past.
type History struct {
	Source  Source
	Kept    time.Duration // how long ended records stay: older positions cannot be resumed
	Recent  time.Duration // how far a new stream looks back: as long as an access token may live
	Overlap time.Duration // how late a stamped record may become visible
}

// Since are the events after a position, oldest first. Without one, or with one that is too old, they are what living
// access tokens must be checked against: ends and changes of users. Reset tells that it was too old.
func (h History) Since(ctx context.Context, last time.Time) (list []Event, reset bool, err error) {
	clock, err := h.Source.Changes(ctx, time.Time{})
	if err != nil {
		return nil, false, fmt.Errorf("read the store's clock: %w", err)
	}
	fresh := last.IsZero()
	if reset = !fresh && last.Before(clock.Now.Add(-h.Kept)); reset {
		fresh = true
	}
	since := last.Add(-h.Overlap)
	if fresh {
		since = clock.Now.Add(-h.Recent)
	}
	changes, err := h.Source.Changes(ctx, since)
	if err != nil {
		return nil, false, fmt.Errorf("read the past: %w", err)
	}
	return inOrder(changes, fresh), reset, nil
}

func inOrder(changes revocation.Changes, endsOnly bool) []Event {
	var all []revocation.Change
	for _, s := range changes.Sessions {
		all = append(all, revocation.OfSession(s))
	}
	for _, u := range changes.Users {
		all = append(all, revocation.OfUser(u))
	}
	slices.SortStableFunc(all, func(a, b revocation.Change) int { return a.At.Compare(b.At) })
	var out []Event
	for _, c := range all {
		if e, ok := Of(c); ok && !(endsOnly && e.Type == webhook.SessionStarted) {
			out = append(out, e)
		}
	}
	return out
}
