package gatehouse

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
)

// listening is a bus that keeps what it is told.
type listening struct {
	clustered

	mu    sync.Mutex // guards the following
	rows  []string
	hints int
}

func (l *listening) Publish(_ context.Context, h cluster.Hint) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []string
	err := json.Unmarshal(h.Body, &ids)
	l.rows, l.hints = append(l.rows, ids...), l.hints+1
	return err
}

// TestRowsOfTheAuditAreAnnouncedTogether: the first at once, those that follow with the next hint, none twice, and none
// is left when the node closes.
func TestRowsOfTheAuditAreAnnouncedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &listening{}
		g := &Gatehouse{cluster: bus, log: slog.New(slog.DiscardHandler), rows: make(chan string, maxRows)}
		ctx, stop := context.WithCancel(t.Context())
		g.run(ctx, g.tellRows)
		n := 0
		add := func(rows int) {
			for range rows {
				g.rowAdded(ctx, fmt.Sprint("aud_", n))
				n++
			}
			synctest.Wait()
		}
		has := func(when string, rows, hints int) {
			t.Helper()
			bus.mu.Lock()
			defer bus.mu.Unlock()
			if len(bus.rows) != rows || bus.hints != hints {
				t.Errorf("%s: %d rows in %d hints, want %d in %d", when, len(bus.rows), bus.hints, rows, hints)
			}
		}
		synctest.Wait()
		add(1)
		has("the first", 1, 1)
		add(rowsInOne + 10)
		has("right after it", 1, 1)
		time.Sleep(rowsEvery)
		synctest.Wait()
		has("a little later", n, 3)
		add(5)
		stop()
		g.work.Wait()
		g.announceRows(t.Context())
		has("at the end", n, 4)
		for i, id := range bus.rows {
			if id != fmt.Sprint("aud_", i) {
				t.Fatalf("row %d is %s", i, id)
			}
		}
	})
}
