// Package location fills in where sessions are that began while nobody could say.
package location

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// Store keeps the sessions.
type Store interface {
	Session(ctx context.Context, id string) (session.Session, error)
	Touch(ctx context.Context, traces []session.Trace) error
}

// Service does the location jobs. All fields are set before use and not changed after.
type Service struct {
	Store   Store
	Lookup  func(addr netip.Addr) *wire.Location         // where an address is, nil when nobody knows
	Located func(ctx context.Context, s session.Session) // told of each session whose place is known now; nil for nobody
}

// Enqueue queues the job for a session that is stored, and returns its id.
func Enqueue(ctx context.Context, queue *outbox.Service, sessionID string) (string, error) {
	return queue.Enqueue(ctx, outbox.New{Kind: outbox.Location, Subject: sessionID})
}

// Run looks up where a session is, if that is still missing: outbox.Handler's.
func (s *Service) Run(ctx context.Context, t outbox.Task) error {
	sess, err := s.Store.Session(ctx, t.Subject)
	if errors.Is(err, fault.ErrNotFound) {
		return outbox.ErrNoFact
	}
	if err != nil {
		return fmt.Errorf("read session: %w", err)
	}
	addr, err := netip.ParseAddr(sess.IP)
	if err != nil || sess.Location != nil || sess.Ended() {
		return nil
	}
	if sess.Location = s.Lookup(addr); sess.Location == nil {
		return nil
	}
	trace := session.Trace{SessionID: sess.ID, IP: sess.IP, UserAgent: sess.UserAgent, Location: sess.Location}
	if err := s.Store.Touch(ctx, []session.Trace{trace}); err != nil {
		return fmt.Errorf("write location: %w", err)
	}
	if s.Located != nil {
		s.Located(ctx, sess)
	}
	return nil
}
