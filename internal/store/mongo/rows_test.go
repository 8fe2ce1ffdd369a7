package mongo

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

func row() audit.Event {
	return audit.Event{ID: id.New(id.Audit), At: time.Now(), Action: audit.MessageSent}
}

// TestRowsAtOnceShareCommands: each row is there when its call returns, also beside one that was there before.
func TestRowsAtOnceShareCommands(t *testing.T) {
	s := open(t, newDatabase(t))
	there := row()
	if err := s.AppendAudit(t.Context(), there); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	commands := 0
	s.Observe(func(op string, _ time.Duration, _ error) {
		mu.Lock()
		defer mu.Unlock()
		if op == "insert audit" {
			commands++
		}
	})
	const rows = 500
	s.rows.turn <- struct{}{} // as if one were under way
	var all sync.WaitGroup
	for i := range rows {
		all.Go(func() {
			e := row()
			if i%50 == 0 {
				e = there
			}
			if err := s.AppendAudit(t.Context(), e); err != nil {
				t.Error(err)
				return
			}
			if got, _, err := s.AuditEvents(t.Context(), audit.Query{ID: e.ID}); err != nil || len(got) != 1 {
				t.Errorf("%s: %v, %v", e.ID, got, err)
			}
		})
	}
	for waiting(s.rows) < rows%mostTogether {
		time.Sleep(time.Millisecond)
	}
	<-s.rows.turn
	all.Wait()
	if commands != 2 {
		t.Errorf("%d rows took %d commands", rows, commands)
	}
}

func waiting(a *appender) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		return 0
	}
	return len(a.next.rows)
}

// TestRowOutlivesWhoWouldHaveWrittenIt: whoever goes away takes no row with him but his own.
func TestRowOutlivesWhoWouldHaveWrittenIt(t *testing.T) {
	s := open(t, newDatabase(t))
	s.rows.turn <- struct{}{} // as if one were under way
	ctx, leave := context.WithCancel(t.Context())
	var both sync.WaitGroup
	both.Go(func() {
		if err := s.AppendAudit(ctx, row()); !errors.Is(err, context.Canceled) {
			t.Errorf("who went away: %v", err)
		}
	})
	for waiting(s.rows) == 0 {
		time.Sleep(time.Millisecond)
	}
	mine := row()
	both.Go(func() {
		if err := s.AppendAudit(t.Context(), mine); err != nil {
			t.Errorf("who stayed: %v", err)
		}
	})
	for waiting(s.rows) != 2 {
		time.Sleep(time.Millisecond)
	}
	leave()
	<-s.rows.turn
	both.Wait()
	if got, _, err := s.AuditEvents(t.Context(), audit.Query{ID: mine.ID}); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
