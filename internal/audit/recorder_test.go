package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// Whoever is told of a row can read it, and gets it once.
func TestRowIsAnnouncedOnceItIsWritten(t *testing.T) {
	h := rulestest.Open(t)
	var told []string
	h.Audit.Announce = func(_ context.Context, eventID string) {
		rows := h.Events(audit.Query{ID: eventID})
		if len(rows) != 1 || !id.Is(id.Audit, eventID) || !rows[0].At.Equal(h.Time()) {
			t.Errorf("told of %s, of which the store has %+v", eventID, rows)
			return
		}
		told = append(told, rows[0].Action)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	h.Audit.Record(gone, audit.Event{Action: audit.KeysRotated})
	if err := h.Audit.AppendAudit(t.Context(), audit.Event{ID: id.New(id.Audit), At: h.Time(), Action: audit.UserEnabled}); err != nil {
		t.Fatal(err)
	}
	x := h.Enter(h.AddStranger())
	if _, _, err := h.Sessions.End(t.Context(), x.Session.ID, session.Ending{Reason: "kicked"}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(told, " "); got != audit.KeysRotated+" "+audit.UserEnabled+" "+audit.SessionEnded {
		t.Errorf("told of %s", got)
	}
}

type broken struct {
	audit.Store
	err error
}

func (b broken) AppendAudit(context.Context, audit.Event) error { return b.err }

func TestRowThatCannotBeWritten(t *testing.T) {
	var log bytes.Buffer
	disk := errors.New("disk")
	r := audit.Recorder{
		Store: broken{err: disk}, Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Announce: func(context.Context, string) { t.Error("told of a row that is not there") },
	}
	r.Record(t.Context(), audit.Event{Action: audit.UserEnabled, UserID: "usr_a"})
	if text := log.String(); !strings.Contains(text, "error=disk") || !strings.Contains(text, audit.UserEnabled) {
		t.Errorf("logged %q", text)
	}
	if err := r.AppendAudit(t.Context(), audit.Event{}); !errors.Is(err, disk) {
		t.Errorf("AppendAudit: %v", err)
	}
}
