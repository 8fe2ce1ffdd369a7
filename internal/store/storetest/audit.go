package storetest

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

func newEvent(at time.Time) audit.Event {
	return audit.Event{
		ID: id.New(id.Audit), At: at, Action: audit.SessionEnded, Actor: audit.Party{Kind: "user", ID: "usr_a"},
		Target: audit.Party{Kind: "session", ID: "ses_b"}, UserID: "usr_b", IP: "192.0.2.7", Outcome: audit.Success,
		Reason: "lost", Details: map[string]string{"sockets": "2"},
	}
}

func auditRoundTrip(s suite) {
	e := newEvent(epoch)
	s.ok(s.AppendAudit(s.ctx, e))
	again := e
	again.Reason = "written again"
	s.ok(s.AppendAudit(s.ctx, again))
	bare := audit.Event{ID: id.New(id.Audit), At: epoch.Add(time.Second), Action: audit.KeysRotated}
	s.ok(s.AppendAudit(s.ctx, bare))

	got, next, err := s.AuditEvents(s.ctx, audit.Query{})
	s.ok(err)
	s.same("newest first, each once", got, []audit.Event{bare, e})
	s.same("cursor", next, "")
}

func auditFilters(s suite) {
	events := make([]audit.Event, 4)
	for i := range events {
		events[i] = newEvent(epoch.Add(time.Duration(i) * time.Second))
	}
	events[0].UserID, events[1].Actor.ID, events[2].Target.ID, events[3].Action = "usr_x", "usr_y", "ses_z", audit.SignedIn
	for _, e := range events {
		s.ok(s.AppendAudit(s.ctx, e))
	}
	tests := []struct {
		name  string
		query audit.Query
		want  []int
	}{
		{"all", audit.Query{}, []int{3, 2, 1, 0}},
		{"id", audit.Query{ID: events[2].ID}, []int{2}},
		{"unknown id", audit.Query{ID: id.New(id.Audit)}, nil},
		{"user", audit.Query{UserID: "usr_x"}, []int{0}},
		{"actor", audit.Query{Actor: "usr_y"}, []int{1}},
		{"target", audit.Query{Target: "ses_z"}, []int{2}},
		{"action", audit.Query{Action: audit.SignedIn}, []int{3}},
		{"both", audit.Query{UserID: "usr_b", Actor: "usr_a"}, []int{3, 2}},
		{"since is included", audit.Query{Since: events[2].At}, []int{3, 2}},
		{"until is not", audit.Query{Until: events[2].At}, []int{1, 0}},
		{"none", audit.Query{UserID: "usr_none"}, nil},
	}
	for _, tt := range tests {
		got, _, err := s.AuditEvents(s.ctx, tt.query)
		s.ok(err)
		var want []audit.Event
		for _, i := range tt.want {
			want = append(want, events[i])
		}
		if len(got)+len(want) > 0 {
			s.same(tt.name, got, want)
		}
	}
}
