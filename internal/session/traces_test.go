package session_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

const tick = 5 * time.Second

// written is where traces go: a store that keeps what it is given and may be down.
type written struct {
	mu      sync.Mutex // guards the following
	down    error
	batches [][]session.Trace
}

func (w *written) write(_ context.Context, batch []session.Trace) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil {
		return w.down
	}
	w.batches = append(w.batches, append([]session.Trace(nil), batch...))
	return nil
}

func (w *written) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = err
}

// take returns what was written since the last take.
func (w *written) take() (all []session.Trace) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.batches {
		all = append(all, b...)
	}
	w.batches = nil
	return all
}

// gather runs traces in fake time; stop ends them and waits.
func gather(t *testing.T, w *written) (traces *session.Traces, stop func()) {
	traces = session.NewTraces(w.write, time.Now, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- traces.Run(ctx, tick) }()
	return traces, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// pass lets fake time go by, until everybody waits again.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestTracesOfASessionShareOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		traces, stop := gather(t, &w)
		defer stop()
		for i := range 50 {
			traces.Add(session.Trace{SessionID: "ses_a", LastSeenAt: time.Now(), Acked: i % 7})
			traces.Add(session.Trace{SessionID: "ses_b", LastSeenAt: time.Now(), IP: "192.0.2.1"})
		}
		traces.Add(session.Trace{SessionID: "ses_a", Online: true, OnlineSeq: 9})
		traces.Add(session.Trace{SessionID: "ses_a", Online: false, OnlineSeq: 8}) // late
		pass(tick)
		got := map[string]session.Trace{}
		for _, x := range w.take() {
			got[x.SessionID] = x
		}
		if a := got["ses_a"]; len(got) != 2 || a.Acked != 6 || !a.Online || a.OnlineSeq != 9 || got["ses_b"].IP != "192.0.2.1" {
			t.Errorf("wrote %+v", got)
		}
		pass(10 * tick)
		if again := w.take(); len(again) != 0 {
			t.Errorf("wrote %+v although nothing came", again)
		}
	})
}

func TestUseIsWrittenWithinTheGraceAndPresenceAtLeisure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		traces, stop := gather(t, &w)
		defer stop()
		traces.Add(session.Trace{SessionID: "ses_a", LastSeenAt: time.Now()})
		pass(tick)
		w.take()
		traces.Add(session.Trace{SessionID: "ses_a", LastSeenAt: time.Now()})
		pass(session.SeenEvery - tick - time.Second)
		if got := w.take(); len(got) != 0 {
			t.Errorf("merely seen, and written at once: %+v", got)
		}
		pass(2 * tick)
		if got := w.take(); len(got) != 1 {
			t.Errorf("seen, but not written after %v: %+v", session.SeenEvery, got)
		}
		traces.Add(session.Trace{SessionID: "ses_a", LastSeenAt: time.Now(), Acked: 2})
		pass(tick)
		if got := w.take(); len(got) != 1 || got[0].Acked != 2 {
			t.Errorf("a generation was used, but after one tick wrote %+v", got)
		}
	})
}

func TestTracesAreWrittenAgainAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		traces, stop := gather(t, &w)
		defer stop()
		w.fail(errors.New("disk full"))
		traces.Add(session.Trace{SessionID: "ses_a", Acked: 2, IP: "192.0.2.1", Location: &wire.Location{City: "Graz"}})
		pass(3 * tick)
		traces.Add(session.Trace{SessionID: "ses_a", Acked: 3})
		if traces.Acked("ses_a") != 3 {
			t.Error("forgot a use that is not written")
		}
		w.fail(nil)
		pass(tick)
		got := w.take()
		if len(got) != 1 || got[0].Acked != 3 || got[0].IP != "192.0.2.1" || got[0].Location.City != "Graz" {
			t.Errorf("wrote %+v", got)
		}
	})
}

func TestTracesAreWrittenWhenTheNodeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		traces, stop := gather(t, &w)
		traces.Add(session.Trace{SessionID: "ses_a", LastSeenAt: time.Now()})
		pass(tick)
		traces.Add(session.Trace{SessionID: "ses_a", LastSeenAt: time.Now()}) // not due for half a minute
		w.take()
		stop()
		if got := w.take(); len(got) != 1 {
			t.Errorf("wrote %+v at the end", got)
		}
	})
}

func TestPlaceIsWrittenOnceSoThatAnotherNodesLaterOneStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		traces, stop := gather(t, &w)
		defer stop()
		traces.Add(session.Trace{SessionID: "ses_a", LastSeenAt: time.Now(), IP: "192.0.2.1"})
		pass(tick)
		w.take()
		traces.Add(session.Trace{SessionID: "ses_a", LastSeenAt: time.Now(), Acked: 5})
		pass(tick)
		if got := w.take(); len(got) != 1 || got[0].IP != "" {
			t.Errorf("wrote %+v", got)
		}
	})
}

func TestOverlayShowsWhatIsNotWrittenYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		traces, stop := gather(t, &w)
		defer stop()
		stored := session.Session{ID: "ses_a", LastSeenAt: time.Now(), IP: "192.0.2.1", UserAgent: "agent/1", Acked: 4}
		if got := traces.Overlay(stored); got.IP != stored.IP || got.Acked != 4 {
			t.Errorf("without traces: %+v", got)
		}
		later := time.Now().Add(time.Second)
		traces.Add(session.Trace{SessionID: "ses_a", LastSeenAt: later, IP: "192.0.2.2", UserAgent: "agent/2", Acked: 3})
		got := traces.Overlay(stored)
		if !got.LastSeenAt.Equal(later) || got.IP != "192.0.2.2" || got.UserAgent != "agent/2" || got.Acked != 4 {
			t.Errorf("with traces: %+v", got)
		}
		pass(tick)
		stored.IP = "198.51.100.9" // as another node wrote it after us
		if got := traces.Overlay(stored); got.IP != "198.51.100.9" {
			t.Errorf("shows the address %s over a later one", got.IP)
		}
	})
}

// TestTracesAreForgottenOnceTheRecordHasThem: a socket that does nothing leaves nothing in memory, and whatever a reader
// of the record had in hand when it was written is not contradicted.
func TestTracesAreForgottenOnceTheRecordHasThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		traces, stop := gather(t, &w)
		defer stop()
		traces.Add(session.Trace{SessionID: "ses_a", LastSeenAt: time.Now(), Acked: 2, Online: true, OnlineSeq: 7})
		pass(session.SeenEvery)
		if traces.Acked("ses_a") != 2 {
			t.Error("forgotten as soon as it was written")
		}
		pass(2 * tick)
		if traces.Acked("ses_a") != 0 {
			t.Error("remembered though the record has had it for long")
		}
	})
}

func TestThreat23_TracesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		traces, stop := gather(t, &w)
		const many = 130_000
		for i := range many {
			traces.Add(session.Trace{SessionID: fmt.Sprint(i), Acked: 1})
		}
		if n := traces.Dropped(); n != 30_000 {
			t.Errorf("dropped %d", n)
		}
		pass(2 * tick)
		traces.Add(session.Trace{SessionID: "one more", Acked: 1})
		if n := traces.Dropped(); n != 30_000 {
			t.Error("what is written makes no room for what comes")
		}
		stop()
		if n := len(w.take()); n != 100_001 {
			t.Errorf("wrote %d", n)
		}
	})
}

func TestUseIsDurableWithinTheGrace(t *testing.T) {
	path := t.TempDir() + "/gatehouse.db"
	h := rulestest.OpenFile(t, path)
	first := h.Enter(h.AddStranger())
	second, err := h.Sessions.Refresh(t.Context(), first.RefreshToken, session.Body, rulestest.Visit)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Guard.Token(second.AccessToken); err != nil {
		t.Fatal(err)
	}
	h.Flush()
	other := rulestest.OpenFile(t, path) // another node, which saw nothing of it
	other.Advance(grace + time.Second)
	if _, err := other.Sessions.Refresh(t.Context(), first.RefreshToken, session.Body, rulestest.Visit); codeOf(err) != "session_revoked" {
		t.Errorf("a replay on another node: %v", err)
	}
}
