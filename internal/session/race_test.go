package session_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

const racers = 16

var kick = session.Ending{Reason: "kicked", By: wire.By{Kind: wire.ByAdmin}, Actor: audit.Party{Kind: "shell"}}

func TestOneTokenRefreshedByManyAtOnceTakesOneStep(t *testing.T) {
	c := newChain(t)
	got := make([]session.Issued, racers)
	errs := rulestest.Race(racers, func(i int) (err error) {
		got[i], err = c.Sessions.Refresh(t.Context(), c.first.RefreshToken, session.Body, rulestest.Visit)
		return err
	})
	for i, err := range errs {
		if err != nil {
			t.Fatalf("racer %d: %v", i, err)
		}
		if got[i].RefreshToken != got[0].RefreshToken {
			t.Errorf("racer %d has a successor of its own", i)
		}
		c.use(got[i])
	}
	c.generation(2)
	c.refresh(got[0].RefreshToken)
}

func TestOneEndWinsAndIsToldOnce(t *testing.T) {
	c := newChain(t)
	won := 0
	var mu sync.Mutex
	for _, err := range rulestest.Race(racers, func(i int) error {
		e := kick
		e.Message = fmt.Sprint(i)
		_, ended, err := c.Sessions.End(t.Context(), c.first.Session.ID, e)
		if ended {
			mu.Lock()
			defer mu.Unlock()
			won++
		}
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	rows := c.Events(audit.Query{Action: audit.SessionEnded})
	if won != 1 || len(rows) != 1 {
		t.Fatalf("%d ends won, %d audit rows; want one of each", won, len(rows))
	}
	ends := 0
	for _, ch := range c.Announced() {
		if ch.Ended != nil {
			ends++
			if ch.Ended.Message != rows[0].Details["message"] {
				t.Errorf("announced the end %q, recorded %q", ch.Ended.Message, rows[0].Details["message"])
			}
		}
	}
	if ends != 1 {
		t.Errorf("announced %d ends", ends)
	}
}

func TestSessionLimitHoldsUnderConcurrentSignIns(t *testing.T) {
	const limit = 3
	h := rulestest.Open(t, fmt.Sprintf("--max-sessions=%d", limit))
	u := h.AddStranger()
	old := h.Enter(u)
	for _, err := range rulestest.Race(racers, func(int) error {
		_, err := h.Sessions.Start(t.Context(), session.Start{User: u, Transport: session.Body, Name: "Phone", AAL: 1, Visit: rulestest.Visit})
		return err
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	if n := h.Live(u.ID); n != limit {
		t.Errorf("%d live sessions, want %d", n, limit)
	}
	s := h.Record(old.Session.ID)
	if s.EndReason != "session_revoked" || s.EndedBy.Kind != wire.BySystem {
		t.Errorf("the oldest ended with %q by %q", s.EndReason, s.EndedBy.Kind)
	}
}
