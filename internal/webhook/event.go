package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// The events.
const (
	SessionStarted = "session.started"
	SessionEnded   = "session.ended"
	RolesChanged   = "user.roles_changed"
	UserDisabled   = "user.disabled"
	DeviceOnline   = "device.online"
	DeviceOffline  = "device.offline"
)

// Events are the names of all events.
var Events = []string{SessionStarted, SessionEnded, RolesChanged, UserDisabled, DeviceOnline, DeviceOffline}

func checkEvents(events []string) ([]string, error) {
	if len(events) == 0 {
		return nil, fault.Field("events", "must not be empty")
	}
	var out []string
	for _, e := range events {
		if !slices.Contains(Events, e) {
			return nil, fault.Field("events", "must be names of events")
		}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out, nil
}

// Event is something that happens.
type Event struct {
	Type string
	At   time.Time
	Data Data
	// Epoch is the user's once the fact is written, of RolesChanged and UserDisabled. 0 where the fact is written already.
	Epoch int
}

// Data is what services are told: ids and names of kinds, no address, name or IP.
type Data struct {
	UserID    string   `json:"user_id"`
	SessionID string   `json:"session_id,omitempty"`
	Reason    string   `json:"reason,omitempty"` // of an end: a close code's name
	By        *By      `json:"by,omitempty"`
	Roles     []string `json:"roles,omitempty"`
}

// By is who ended a session, as kinds of wire.By.
type By struct {
	Kind string `json:"kind"`
}

// Body is an event as it is sent, and as the event stream has it.
type Body struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      Data      `json:"data"`
}

// Body is the event as it is sent.
func (e Event) Body() Body {
	return Body{Type: e.Type, Timestamp: e.At.UTC().Truncate(time.Millisecond), Data: e.Data}
}

// Raise queues an event for each webhook that asked for it, and returns the ids of the jobs. Raise it before its fact
// is written with outbox.Fallback as the delay, and make the jobs due after; or after it, without. An event raised
// again, at the same time of the same thing, also on another node, is one event.
func (s *Service) Raise(ctx context.Context, e Event, delay time.Duration) ([]string, error) {
	to, err := s.subscribers(ctx, e.Type)
	if err != nil || len(to) == 0 {
		return nil, err
	}
	body, err := json.Marshal(e.Body())
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	content, err := json.Marshal(note{Body: body, Epoch: e.Epoch})
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	ids := make([]string, 0, len(to))
	for _, w := range to {
		jobID, err := s.Outbox.Enqueue(ctx, outbox.New{
			ID: id.Derived(id.Job, e.At, w.ID+" "+string(body)), Kind: outbox.Webhook, Subject: w.ID, Note: content, Delay: delay,
		})
		if err != nil {
			return ids, err
		}
		ids = append(ids, jobID)
	}
	return ids, nil
}

// ended tells whether it was this end: of two at once, one is written.
func ended(sess session.Session, b Body) bool {
	return sess.Ended() && sess.EndReason == b.Data.Reason && sess.EndedAt.Truncate(time.Millisecond).Equal(b.Timestamp)
}

// holds tells whether the event's fact has come. A record that is gone tells nothing any more: what it told is past.
func (s *Service) holds(ctx context.Context, b Body, epoch int) (bool, error) {
	var (
		held bool
		err  error
	)
	switch b.Type {
	case SessionStarted, SessionEnded:
		sess, readErr := s.Records.Session(ctx, b.Data.SessionID)
		held, err = b.Type == SessionStarted || ended(sess, b), readErr
	case RolesChanged, UserDisabled:
		u, readErr := s.Records.User(ctx, b.Data.UserID)
		held, err = u.Epoch >= epoch && (b.Type == RolesChanged || u.Disabled), readErr
	default:
		return true, nil
	}
	if errors.Is(err, fault.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up the fact: %w", err)
	}
	return held, nil
}
