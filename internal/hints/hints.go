// Package hints is the language of the bus: what the rules changed, as hints, and back.
package hints

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/cluster"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// Bus carries hints.
type Bus interface {
	// Publish hands a hint to this node's subscriber before it returns, and sends it to the other nodes.
	Publish(ctx context.Context, h cluster.Hint) error
}

// Announcer puts what the rules changed on the bus. It never fails the call that made the change: its record is
// written, and the followers will read it.
func Announcer(bus Bus, log *slog.Logger) rules.Announcer {
	publish := func(ctx context.Context, kind, userID, sessionID string, body any) {
		publish(ctx, bus, log, cluster.Hint{Kind: kind, UserID: userID, SessionID: sessionID}, body)
	}
	return rules.Announcer{
		Session: func(ctx context.Context, s session.Session) {
			publish(ctx, cluster.KindSession, s.UserID, s.ID, revocation.OfSession(s))
		},
		User: func(ctx context.Context, u account.User) {
			publish(ctx, cluster.KindUser, u.ID, "", revocation.OfUser(u))
		},
		Renewed: func(ctx context.Context, r session.Renewal) {
			publish(ctx, cluster.KindRenewed, r.UserID, r.SessionID, r)
		},
		Audit: func(ctx context.Context, eventID string) { Rows(ctx, bus, log, []string{eventID}) },
		Job: func(ctx context.Context, c outbox.Change) {
			if !c.Deleted { // there is nothing left to tell
				publish(ctx, cluster.KindJob, "", "", c.Job.ID)
			}
		},
	}
}

// Rows puts rows that were added to the audit on the bus.
func Rows(ctx context.Context, bus Bus, log *slog.Logger, eventIDs []string) {
	publish(ctx, bus, log, cluster.Hint{Kind: cluster.KindAudit}, eventIDs)
}

func publish(ctx context.Context, bus Bus, log *slog.Logger, h cluster.Hint, body any) {
	var err error
	if h.Body, err = json.Marshal(body); err == nil {
		err = bus.Publish(ctx, h)
	}
	if err != nil {
		log.Warn("hint not published", "kind", h.Kind, "error", err)
	}
}

// Decode reads the body of a hint. One that does not decode is another version's, and logged.
func Decode[T any](h cluster.Hint, log *slog.Logger) (T, bool) {
	var body T
	err := json.Unmarshal(h.Body, &body)
	if err != nil {
		log.Error("hint that does not decode", "kind", h.Kind, "error", err)
	}
	return body, err == nil
}
