package hub

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

const subscribe = `{"type":"subscribe","feed":"devices"}`

// changes are the kinds of change so far that speak of the session.
func (c *client) changes(session string) []string {
	var out []string
	for _, f := range c.all("devices.changed") {
		if f.Device.ID == session {
			out = append(out, f.Change)
		}
	}
	return out
}

func (c *client) changed(session string, want ...string) {
	c.t.Helper()
	if got := c.changes(session); !slices.Equal(got, want) {
		c.t.Errorf("changes %v, want %v; story: %s", got, want, c.story())
	}
	c.replay() // has no gap
}

func TestSnapshotOrder(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		old := l.signIn("usr_1")
		online := l.signIn("usr_1")
		time.Sleep(time.Minute)
		recent, own := l.signIn("usr_1"), l.signIn("usr_1")
		l.signIn("usr_2")
		ended := l.signIn("usr_1")
		l.end(ended, "kicked")
		l.connect(online)
		c := l.watch(own)
		var got []string
		for _, d := range c.one("devices.snapshot").Devices {
			got = append(got, d.ID)
			mine, on := d.ID == own.SessionID, d.ID == own.SessionID || d.ID == online.SessionID
			if d.Current != mine || d.Online != on || (d.Connections == 1) != on {
				t.Errorf("%+v", d)
			}
		}
		if want := []string{own.SessionID, online.SessionID, recent.SessionID, old.SessionID}; !slices.Equal(got, want) {
			t.Errorf("order %v, want %v", got, want)
		}
	})
}

// The ack comes first, then the snapshot; the first change has its seq + 1.
func TestSubscribeIsAnswered(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.watch(l.signIn("usr_1"))
		if f := c.answer("sub"); f.Type != "ack" {
			t.Error(f.raw)
		}
		if f := c.last(); f.Type != "devices.snapshot" || f.Re != "" {
			t.Error(f.raw)
		}
		l.hub.SessionsChanged("usr_1") // nothing did
		c.none("devices.changed")
		added := l.signIn("usr_1")
		l.hub.SessionsChanged("usr_1")
		c.changed(added.SessionID, "added")
	})
}

func TestChanges(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.watch(l.signIn("usr_1"))
		p := l.signIn("usr_1")
		s := p.SessionID
		l.hub.SessionsChanged("usr_1")
		c.changed(s, "added")
		first := l.connect(p)
		c.changed(s, "added", "online")
		second := l.connect(p)
		c.changed(s, "added", "online", "updated") // the count
		l.edit(s, func(r *wire.Session) { r.Name = "Sofa" })
		l.rest()
		l.edit(s, func(r *wire.Session) { r.Location = &wire.Location{City: "Oslo", Country: "NO"} })
		l.rest()
		l.edit(s, func(r *wire.Session) { r.LastSeenAt = wire.At(time.Now().Add(time.Second)) }) // no news
		c.changed(s, "added", "online", "updated", "updated", "updated")
		first.ws.CloseNow()
		l.rest()
		second.ws.CloseNow()
		c.changed(s, "added", "online", "updated", "updated", "updated", "updated", "offline")
		l.end(p, "kicked")
		c.changed(s, "added", "online", "updated", "updated", "updated", "updated", "offline", "removed")
		if f := c.last(); f.Device.EndedAt == nil || f.Device.EndReason != "kicked" || f.Device.Online || f.Device.Connections != 0 {
			t.Error(f.raw)
		}
		l.hub.SessionsChanged("usr_1")
		l.hub.PresenceChanged("usr_1")
		if c.last().Change != "removed" {
			t.Errorf("after removed: %s", c.last().raw)
		}
	})
}

// A device that comes online before its record was seen is added first.
func TestOnlineBeforeItsRecordWasSeen(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.watch(l.signIn("usr_1"))
		p := l.signIn("usr_1") // and no hint of it
		l.connect(p)
		c.changed(p.SessionID, "added", "online")
		added := c.all("devices.changed")[0].Device
		if added.Online || added.Connections != 0 {
			t.Errorf("added as %+v", added)
		}
	})
}

// A record that vanished without a word is removed all the same.
func TestVanishedRecord(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.watch(l.signIn("usr_1"))
		p := l.signIn("usr_1")
		l.hub.SessionsChanged("usr_1")
		l.rest()
		l.with(func() { delete(l.sessions, p.SessionID) })
		l.hub.SessionsChanged("usr_1")
		c.changed(p.SessionID, "added", "removed")
		if f := c.last(); f.Device.EndReason != "session_expired" || f.Device.EndedAt == nil {
			t.Error(f.raw)
		}
	})
}

// Between its two connections a page that reloads is online without one.
func TestReloadDoesNotFlap(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.watch(l.signIn("usr_1"))
		p := l.signIn("usr_1")
		l.with(func() { l.linger[p.SessionID] = true })
		tab := l.connect(p)
		for range 3 {
			tab.ws.CloseNow()
			l.rest()
			if d := c.replay()[p.SessionID]; !d.Online || d.Connections != 0 {
				t.Errorf("within the grace: %+v", d)
			}
			tab = l.connect(p)
		}
		if got := c.changes(p.SessionID); slices.Contains(got, "offline") || got[1] != "online" || slices.Contains(got[2:], "online") {
			t.Errorf("changes %v", got)
		}
		tab.ws.CloseNow()
		l.with(func() { l.linger[p.SessionID] = false })
		l.hub.PresenceChanged("usr_1")
		l.rest()
		if got := c.changes(p.SessionID); got[len(got)-1] != "offline" {
			t.Errorf("after the grace: %v", got)
		}
	})
}

func TestCurrentIsTheWatchersOwn(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		a, b := l.signIn("usr_1"), l.signIn("usr_1")
		watchers := map[string]*client{a.SessionID: l.watch(a), b.SessionID: l.watch(b)}
		l.edit(a.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		l.rest()
		for own, c := range watchers {
			for id, d := range c.replay() {
				if d.Current != (id == own) {
					t.Errorf("%s is current %t for %s", id, d.Current, own)
				}
			}
			if d := c.last().Device; d.ID != a.SessionID || d.Current != (own == a.SessionID) {
				t.Errorf("changed with current %t for %s", d.Current, own)
			}
		}
	})
}

func TestSubscribeAgain(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.watch(l.signIn("usr_1"))
		other := l.signIn("usr_1")
		l.edit(other.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		c.changed(other.SessionID, "added")
		c.ask(subscribe)
		if n := len(c.all("devices.snapshot")); n != 2 {
			t.Errorf("%d snapshots", n)
		}
		l.edit(other.SessionID, func(s *wire.Session) { s.Name = "Chair" })
		c.changed(other.SessionID, "added", "updated") // once
	})
}

func TestUnsubscribe(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c, other := l.watch(l.signIn("usr_1")), l.signIn("usr_1")
		stays := l.watch(other)
		for range 2 { // the second time there is nothing to leave
			if f := c.ask(`{"type":"unsubscribe","feed":"devices"}`); f.Type != "ack" {
				t.Error(f.raw)
			}
		}
		before := len(c.all("devices.changed"))
		l.edit(other.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		if n := len(c.all("devices.changed")); n != before {
			t.Errorf("%d changes after unsubscribe", n-before)
		}
		stays.changed(other.SessionID, "updated")
		c.ask(subscribe)
		if got := c.replay()[other.SessionID].Name; got != "Sofa" {
			t.Errorf("named %q", got)
		}
	})
}

// Nobody watches: nobody loads.
func TestFeedWithoutWatchersCostsNothing(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		l.connect(p)
		c := l.watch(l.signIn("usr_1"))
		l.watch(l.signIn("usr_2"))
		c.ws.CloseNow()
		l.rest()
		before := l.loaded()
		l.edit(p.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		l.hub.PresenceChanged("usr_1")
		l.rest()
		if l.loaded() != before {
			t.Errorf("%d loads for nobody", l.loaded()-before)
		}
	})
}

// Counts alone do not read the store.
func TestPresenceDoesNotReadTheStore(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.watch(l.signIn("usr_1"))
		before := l.loaded()
		l.connect(p)
		l.connect(p)
		c.changed(p.SessionID, "online", "updated")
		if l.loaded() != before {
			t.Errorf("%d loads", l.loaded()-before)
		}
	})
}

func TestFeedNames(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1"))
		for _, kind := range []string{"subscribe", "unsubscribe"} {
			for _, feed := range []string{`"everything"`, `""`, `7`, `null`, `["devices"]`} {
				if f := c.ask(fmt.Sprintf(`{"type":%q,"feed":%s}`, kind, feed)); f.Code != "invalid_request" {
					t.Errorf("%s %s: %s", kind, feed, f.raw)
				}
			}
			if f := c.ask(fmt.Sprintf(`{"type":%q}`, kind)); f.Code != "invalid_request" {
				t.Error(f.raw)
			}
		}
		c.works()
	})
}

// A change of presence that follows on what the feed knows is told as it is. One that the feed knows is nothing. When some
// are missing between, when none has a number, or when it does not say what sockets here do, how things stand is read.
func TestPresenceIsTakenOver(t *testing.T) {
	for name, test := range map[string]struct {
		change Presence // its Seq counts from what the feed knows
		here   bool     // it is of the watcher's own session, which has one socket
		reads  int
		told   bool // as it is
	}{
		"the next":            {Presence{Online: true, Connections: 3, Seq: 1}, false, 0, true},
		"the next, offline":   {Presence{Seq: 1}, false, 0, false}, // it was
		"known already":       {Presence{Online: true, Connections: 3, Seq: 0}, false, 0, false},
		"one is missing":      {Presence{Online: true, Connections: 3, Seq: 2}, false, 1, false},
		"sockets here agree":  {Presence{Online: true, Connections: 1, Seq: 1}, true, 0, false},
		"sockets here do not": {Presence{Online: true, Connections: 2, Seq: 1}, true, 1, false},
		"it has not a number": {Presence{Online: true, Connections: 3, Seq: -1 << 40}, false, 1, false},
		"one of long ago":     {Presence{Online: true, Connections: 3, Seq: -1}, false, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, Limits{}, func(t *testing.T, l *lab) {
				p, other := l.signIn("usr_1"), l.signIn("usr_1")
				c := l.watch(p)
				l.rest()
				session := other.SessionID
				if test.here {
					session = p.SessionID
				}
				change, reads := test.change, 0
				l.with(func() {
					l.seqs["usr_1"] += 10 // there may be some before
				})
				l.hub.PresenceChanged("usr_1")
				l.rest()
				l.with(func() {
					reads = l.reads
					change.Seq = max(0, change.Seq+l.seqs["usr_1"])
				})
				l.hub.SessionPresence("usr_1", session, change)
				l.rest()
				var read int
				l.with(func() { read = l.reads - reads })
				if read != test.reads {
					t.Errorf("read %d times", read)
				}
				if got := c.replay()[session]; test.told != (got.Connections == 3) {
					t.Errorf("told %+v", got)
				}
			})
		})
	}
}
