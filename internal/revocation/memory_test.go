package revocation

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func birth(id string, at time.Duration) Change {
	return Change{At: epoch.Add(at), Version: 1, UserID: "usr_a", SessionID: id}
}

func end(id, reason string, at time.Duration, version int) Change {
	return Change{At: epoch.Add(at), Version: version, UserID: "usr_a", SessionID: id, Ended: &wire.SessionEnded{Reason: reason}}
}

func claims(epochNumber int, at time.Duration, version int) Change {
	return Change{At: epoch.Add(at), Version: version, UserID: "usr_a", Epoch: epochNumber}
}

func TestNewerChangeOfARecordWins(t *testing.T) {
	m := NewMemory()
	for i, step := range []struct {
		c     Change
		epoch int
		took  bool
	}{
		{claims(1, 0, 1), 1, true},
		{claims(1, 0, 1), 1, false}, // the same again
		{claims(3, 2*time.Second, 3), 3, true},
		{claims(2, time.Second, 2), 3, false},  // late
		{claims(4, 2*time.Second, 4), 4, true}, // within one tick of the store's clock
		{claims(5, time.Second, 5), 5, true},   // after the clock was set back
		{claims(6, time.Minute, 2), 6, true},   // after the store was put back from a backup
	} {
		if took := m.put(step.c); took != step.took {
			t.Errorf("step %d: taken %t, want %t", i, took, step.took)
		}
		if _, got := m.Of("", "usr_a"); int(got.Epoch) != step.epoch {
			t.Errorf("step %d: epoch %d, want %d", i, got.Epoch, step.epoch)
		}
	}
	if _, u := m.Of("ses_b", "usr_b"); u.Known() {
		t.Error("knows a user it never heard of")
	}
}

func TestEndIsFinalAndTheFirstOneCounts(t *testing.T) {
	m := NewMemory()
	m.put(birth("ses_a", 0))
	if _, ok := m.Ended("ses_a"); ok {
		t.Error("a session ended by being born")
	}
	m.put(end("ses_a", "kicked", time.Second, 2))
	m.put(end("ses_a", "signed_out", 2*time.Second, 3))
	renamed := birth("ses_a", 3*time.Second)
	renamed.Version = 4
	m.put(renamed)
	if frame, ok := m.Ended("ses_a"); !ok || frame.Reason != "kicked" {
		t.Errorf("ended %t with %q", ok, frame.Reason)
	}
}

func TestEndIsNeverTakenForOld(t *testing.T) {
	m := NewMemory()
	later := birth("ses_a", time.Hour)
	later.Version = 9
	m.put(later)
	if !m.put(end("ses_a", "kicked", 0, 2)) {
		t.Error("an end was dropped because its stamp and version are lower")
	}
	if _, ok := m.Ended("ses_a"); !ok {
		t.Error("the session lives on")
	}
	if m.put(birth("ses_a", 0)) {
		t.Error("its birth came after its end, and counted")
	}
}

func TestMemoryForgetsWhatNoTokenRemembers(t *testing.T) {
	m := NewMemory()
	m.put(end("ses_old", "kicked", 0, 2))
	m.put(end("ses_new", "kicked", time.Minute, 2))
	m.forget(epoch.Add(time.Minute))
	if _, ok := m.Ended("ses_old"); ok || m.Len() != 1 {
		t.Error("remembers what was stamped before")
	}
	if _, ok := m.Ended("ses_new"); !ok {
		t.Error("forgot what was stamped at that time")
	}
}
