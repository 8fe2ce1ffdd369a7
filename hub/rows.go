package hub

import (
	"context"
	"slices"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Bounds of the feeds of single rows.
const (
	mostRows    = 64    // read in one turn
	mostRowsDue = 1_000 // that wait to be read; beyond it the feed is lost
)

// rows is a feed without a list: of whatever row is named, how it stands is read and told. Who missed one has lost the
// feed, and is told so: he reads the list and subscribes again.
type rows struct {
	f    *feed
	read func(ctx context.Context, id string) (frame any, ok bool, err error)
	due  []string
}

func newAudit(f *feed) matter {
	return &rows{f: f, read: func(ctx context.Context, id string) (any, bool, error) {
		e, ok, err := f.hub.cfg.Records.AuditEvent(ctx, id)
		return wire.AuditAdded{Type: wire.TypeAuditAdded, Event: e}, ok, err
	}}
}

func newJobs(f *feed) matter {
	return &rows{f: f, read: func(ctx context.Context, id string) (any, bool, error) {
		j, ok, err := f.hub.cfg.Records.Job(ctx, id)
		return wire.JobsChanged{Type: wire.TypeJobsChanged, Job: j}, ok, err
	}}
}

func (r *rows) joined(w *watch) { w.live = true }

func (r *rows) left(*watch) {}

func (r *rows) resume(*watch) bool { return false }

func (r *rows) resync() {
	r.due = nil
	for _, w := range r.f.watches {
		w.fallBehind()
	}
}

// changed notes that there is a row, or that it stands otherwise.
func (r *rows) changed(id string) bool {
	if len(r.due) >= mostRowsDue {
		r.resync()
		return false
	}
	if !slices.Contains(r.due, id) {
		r.due = append(r.due, id)
	}
	return true
}

// rowsTurn reads some rows.
type rowsTurn struct {
	*rows
	ids    []string
	frames [][]byte
}

func (r *rows) next() turn {
	if len(r.due) == 0 {
		return nil
	}
	n := min(len(r.due), mostRows)
	t := &rowsTurn{rows: r, ids: slices.Clone(r.due[:n])}
	r.due = r.due[n:]
	return t
}

func (t *rowsTurn) load(ctx context.Context) error {
	for _, id := range t.ids {
		frame, ok, err := t.read(ctx, id)
		if err != nil {
			return err
		}
		if ok {
			t.frames = append(t.frames, encode(frame))
		}
	}
	return nil
}

func (t *rowsTurn) failed() { t.due = append(t.ids, t.due...) }

func (t *rowsTurn) apply() {
	for _, data := range t.frames {
		for _, w := range t.f.watches {
			w.push(data)
		}
	}
}
