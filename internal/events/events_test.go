package events

import (
	"context"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

var epoch = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestWhatIsAnEvent(t *testing.T) {
	ended := wire.SessionEnded{Reason: "kicked", By: wire.By{Kind: wire.ByAdmin, Name: "Ada"}, At: wire.At(epoch)}
	for _, c := range []struct {
		change revocation.Change
		want   string
	}{
		{revocation.Change{At: epoch, Version: 1, UserID: "u", SessionID: "s"}, "session.started"},
		{revocation.Change{At: epoch, Version: 2, UserID: "u", SessionID: "s"}, ""},
		{revocation.Change{At: epoch, Version: 3, UserID: "u", SessionID: "s", Ended: &ended}, "session.ended"},
		{revocation.Change{At: epoch, Version: 2, UserID: "u", Roles: []string{"user"}}, "user.roles_changed"},
		{revocation.Change{At: epoch, Version: 2, UserID: "u", Disabled: true}, "user.disabled"},
	} {
		e, ok := Of(c.change)
		if ok != (c.want != "") || e.Type != c.want {
			t.Errorf("%+v is %q, want %q", c.change, e.Type, c.want)
		}
		if ok && e.Data.By != nil && (e.Data.Reason != "kicked" || e.Data.By.Kind != "admin") {
			t.Errorf("data %+v", e.Data)
		}
	}
}

func TestDevicesComeAndGoOnce(t *testing.T) {
	for _, c := range []struct {
		change presence.Change
		want   string
	}{
		{presence.Change{Online: true, Connections: 1}, "device.online"},
		{presence.Change{Online: true, Connections: 2}, ""},
		{presence.Change{Online: true, Connections: 0}, ""},
		{presence.Change{}, "device.offline"},
	} {
		e, ok := OfPresence(c.change)
		if ok != (c.want != "") || ok && e.Type != c.want {
			t.Errorf("%+v is %q", c.change, e.Type)
		}
	}
}

func TestPositionsComeBack(t *testing.T) {
	at, ok := ParsePosition(position(epoch))
	if !ok || !at.Equal(epoch) {
		t.Errorf("%s, %v", at, ok)
	}
	for _, text := range []string{"", "x", "-1", "0", "99999999999999999999999"} {
		if _, ok := ParsePosition(text); ok {
			t.Errorf("%q is a position", text)
		}
	}
}

func TestAStreamThatFallsBehindIsClosedAndTheOthersGoOn(t *testing.T) {
	var b Broker
	slow, good := b.Open("a"), b.Open("b")
	for i := range backlog + 1 {
		b.Publish(Event{Position: position(epoch.Add(time.Duration(i)))})
		<-good.C
	}
	n := 0
	for range slow.C { // ends, because it was closed
		n++
	}
	if n != backlog || b.Count("a") != 0 || b.Count("b") != 1 || b.Stats() != (Stats{Streams: 1, Lost: 1}) {
		t.Errorf("%d events, %+v", n, b.Stats())
	}
	b.CloseKey("b")
	if _, open := <-good.C; open {
		t.Error("the stream of a key that is gone is open")
	}
	b.Close(good) // again does nothing
	last := b.Open("c")
	b.CloseAll()
	if _, open := <-last.C; open {
		t.Error("a stream is open after all were closed")
	}
}

// past is a store with changes.
type past struct{ changes revocation.Changes }

func (p past) Changes(_ context.Context, since time.Time) (revocation.Changes, error) {
	out := revocation.Changes{Now: p.changes.Now}
	if since.IsZero() {
		return out, nil
	}
	for _, s := range p.changes.Sessions {
		if !s.ChangedAt.Before(since) {
			out.Sessions = append(out.Sessions, s)
		}
	}
	for _, u := range p.changes.Users {
		if !u.ChangedAt.Before(since) {
			out.Users = append(out.Users, u)
		}
	}
	return out, nil
}

func TestHistory(t *testing.T) {
	at := func(minutes int) time.Time { return epoch.Add(time.Duration(minutes) * time.Minute) }
	p := past{revocation.Changes{
		Now: at(0),
		Sessions: []session.Session{
			{ID: "old", Version: 2, ChangedAt: at(-60), EndedAt: at(-60), EndReason: "kicked"},
			{ID: "new", Version: 1, ChangedAt: at(-5)},
			{ID: "end", Version: 2, ChangedAt: at(-10), EndedAt: at(-10), EndReason: "signed_out"},
		},
		Users: []account.User{{ID: "u", Version: 2, ChangedAt: at(-7), Roles: []string{"user"}}},
	}}
	h := History{Source: p, Kept: 24 * time.Hour, Recent: 16 * time.Minute, Overlap: 30 * time.Second}
	for _, c := range []struct {
		name  string
		last  time.Time
		reset bool
		want  []string
	}{
		{"new", time.Time{}, false, []string{"session.ended", "user.roles_changed"}},
		{"resumed", at(-8), false, []string{"user.roles_changed", "session.started"}},
		{"resumed at an event, which comes again", at(-10), false, []string{"session.ended", "user.roles_changed", "session.started"}},
		{"resumed long ago", at(-120), false, []string{"session.ended", "session.ended", "user.roles_changed", "session.started"}},
		{"too old", at(-25 * 60), true, []string{"session.ended", "user.roles_changed"}},
	} {
		list, reset, err := h.Since(t.Context(), c.last)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range list {
			got = append(got, e.Type)
		}
		if reset != c.reset || len(got) != len(c.want) {
			t.Errorf("%s: reset %v, %v, want %v", c.name, reset, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
				break
			}
		}
	}
}
