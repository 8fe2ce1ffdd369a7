package audit

import (
	"context"
	"log/slog"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// Recorder appends rows to a Store, and says so to those who follow the audit live. It is a Store itself. All fields
// are set before use and not changed after.
type Recorder struct {
	Store
	Announce func(ctx context.Context, eventID string) // told of every row once it is written; nil for nobody
	Now      func() time.Time
	Log      *slog.Logger
}

// AppendAudit is Store's.
func (r *Recorder) AppendAudit(ctx context.Context, e Event) error {
	if err := r.Store.AppendAudit(ctx, e); err != nil {
		return err
	}
	if r.Announce != nil {
		r.Announce(ctx, e.ID)
	}
	return nil
}

// Record appends a row of what was just done, under a fresh id, also when the caller goes away now. What was done
// stands: a row that cannot be written is logged.
func (r *Recorder) Record(ctx context.Context, e Event) {
	e.ID, e.At = id.New(id.Audit), r.Now()
	if err := r.AppendAudit(context.WithoutCancel(ctx), e); err != nil {
		r.Log.Error("audit row not written", "action", e.Action, "user", e.UserID, "error", err)
	}
}
