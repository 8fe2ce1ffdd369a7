package presence

import (
	"fmt"
	"testing"
	"time"
)

var start = time.UnixMicro(1_700_000_000_000_000).UTC()

// after is an instant so many milliseconds after start.
func after(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

// tell writes changes of one user as "session connections online" lines.
func tell(changes []Change) []string {
	var lines []string
	for _, c := range changes {
		word := "offline"
		if c.Online {
			word = "online"
		}
		lines = append(lines, fmt.Sprint(c.SessionID, " ", c.Connections, " ", word))
	}
	return lines
}

func want(t *testing.T, what string, got []Change, lines ...string) {
	t.Helper()
	if fmt.Sprint(tell(got)) != fmt.Sprint(lines) {
		t.Errorf("%s: changes %q, want %q", what, tell(got), lines)
	}
}

func TestDeviceComesAndGoes(t *testing.T) {
	u := New(3 * time.Second)
	want(t, "first connection", u.Report("u", "a", "n", 1, after(0)), "a 1 online")
	want(t, "same again", u.Report("u", "a", "n", 1, after(1)))
	want(t, "second tab", u.Report("u", "a", "n", 2, after(2)), "a 2 online")
	want(t, "all closed", u.Report("u", "a", "n", 0, after(10)), "a 0 online")
	want(t, "within the grace", u.Expire(after(3009)))
	if next, ok := u.Next(); !ok || !next.Equal(after(3010)) {
		t.Errorf("Next = %v %v, want the end of the grace", next, ok)
	}
	want(t, "end of the grace", u.Expire(after(3010)), "a 0 offline")
	if _, ok := u.Next(); ok || u.Totals() != (Totals{}) || len(u.Of("u")) != 0 {
		t.Error("something is remembered of nobody")
	}
}

func TestReloadDoesNotFlap(t *testing.T) {
	u := New(3 * time.Second)
	u.Report("u", "a", "n", 1, after(0))
	want(t, "page unloads", u.Report("u", "a", "n", 0, after(100)), "a 0 online")
	want(t, "page loads", u.Report("u", "a", "n", 1, after(900)), "a 1 online")
	want(t, "later", u.Expire(after(60_000)))
}

func TestReportAfterTheGraceIsNoReload(t *testing.T) {
	u := New(time.Second)
	u.Report("u", "a", "n", 1, after(0))
	u.Report("u", "a", "n", 0, after(1))
	want(t, "back before anybody let time pass", u.Report("u", "a", "n", 1, after(2000)), "a 0 offline", "a 1 online")
}

func TestNoGrace(t *testing.T) {
	u := New(0)
	u.Report("u", "a", "n", 1, after(0))
	want(t, "last connection", u.Report("u", "a", "n", 0, after(1)), "a 0 offline")
}

func TestDeadNode(t *testing.T) {
	u := New(time.Second)
	u.Report("u", "both", "n1", 1, after(0))
	u.Report("u", "both", "n2", 2, after(0))
	u.Report("u", "one", "n1", 1, after(0))
	got := map[string]bool{}
	for _, line := range tell(u.NodeGone("n1", after(5))) {
		got[line] = true
	}
	if len(got) != 2 || !got["both 2 online"] || !got["one 0 offline"] {
		t.Errorf("changes %v, want one offline at once and both at 2", got)
	}
	want(t, "again", u.NodeGone("n1", after(6)))
	if got := u.Totals(); got != (Totals{Users: 1, Sessions: 1, Connections: 2}) {
		t.Errorf("Totals = %+v", got)
	}
}

func TestSequenceOfForgottenUserGoesOn(t *testing.T) {
	for name, back := range map[string]time.Time{
		"later":               after(60_000),
		"clock set back":      start.Add(-time.Hour),
		"in the same instant": after(1),
	} {
		t.Run(name, func(t *testing.T) {
			u := New(0)
			first := u.Report("u", "a", "n", 1, after(0))[0].Seq
			if first != after(0).UnixMicro() {
				t.Errorf("first seq %d, want the clock in microseconds", first)
			}
			last := u.Report("u", "a", "n", 0, after(1))[0].Seq
			if last != first+1 {
				t.Errorf("second seq %d, want %d", last, first+1)
			}
			if again := u.Report("u", "b", "n", 1, back)[0].Seq; again <= last {
				t.Errorf("seq %d after %d", again, last)
			}
		})
	}
}

func TestOfBelongsToTheCaller(t *testing.T) {
	u := New(time.Second)
	u.Report("u", "a", "n", 2, after(7))
	got := u.Of("u")
	if got["a"] != (State{Online: true, Connections: 2, LastSeen: after(7), Seq: after(7).UnixMicro()}) {
		t.Errorf("Of = %+v", got)
	}
	delete(got, "a")
	if len(u.Of("u")) != 1 {
		t.Error("the caller's map is ours")
	}
}
