package hub

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

const subscribeAll = `{"type":"subscribe","feed":"sessions"}`

// watchAll connects one of staff and subscribes to everybody's sessions.
func (l *lab) watchAll(more string) *client {
	l.t.Helper()
	c := l.connect(l.signIn("usr_staff", "moderator"))
	c.ask(strings.Replace(subscribeAll, "}", more+"}", 1))
	c.one("sessions.snapshot")
	return c
}

// told are the kinds of change in the feed of sessions that speak of the session.
func (c *client) told(session string, want ...string) {
	c.t.Helper()
	var got []string
	for _, f := range c.all("sessions.changed") {
		if f.Session.ID == session {
			got = append(got, f.Change)
		}
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("told %v, want %v; story: %s", got, want, c.story())
	}
	c.replayOf("sessions") // has no gap
}

func TestPageOfEverybodysSessions(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		var ids []string
		for i := range 260 {
			ids = append(ids, l.signIn(fmt.Sprint("usr_", i)).SessionID)
		}
		own := l.signIn("usr_staff", "admin")
		c := l.connect(own)
		l.connect(l.creds[ids[258]])
		for _, tt := range []struct {
			more               string
			n, total           int
			first, last, owner string
		}{
			{``, 50, 261, own.SessionID, ids[211], "usr_staff"},
			{`,"q":null,"limit":null`, 50, 261, own.SessionID, ids[211], "usr_staff"},
			{`,"limit":3`, 3, 261, own.SessionID, ids[258], "usr_staff"},
			{`,"limit":1000`, 200, 261, own.SessionID, ids[61], "usr_staff"},
			{`,"q":" usr_7 "`, 1, 1, ids[7], ids[7], "usr_7"},
			{`,"q":"nobody"`, 0, 0, "", "", ""},
		} {
			c.ask(strings.Replace(subscribeAll, "}", tt.more+"}", 1))
			f := c.last()
			if f.Type != "sessions.snapshot" || len(f.Sessions) != tt.n || f.Total != tt.total || f.Re != "" {
				t.Errorf("%s: %d of %d in %.200s", tt.more, len(f.Sessions), f.Total, f.raw)
				continue
			}
			if tt.n == 0 {
				if !strings.Contains(f.raw, `"sessions":[]`) {
					t.Error(f.raw)
				}
				continue
			}
			first, last := f.Sessions[0], f.Sessions[tt.n-1]
			if first.ID != tt.first || last.ID != tt.last || first.User == nil || first.User.ID != tt.owner || first.User.Email == "" {
				t.Errorf("%s: from %+v to %+v", tt.more, first, last)
			}
			for _, s := range f.Sessions {
				if s.Current != (s.ID == own.SessionID) || s.Online != (s.ID == own.SessionID || s.ID == ids[258]) {
					t.Errorf("%+v", s)
				}
			}
		}
		for _, bad := range []string{`,"limit":0`, `,"limit":-1`, `,"limit":"5"`, `,"limit":1.5`, `,"q":7`, `,"q":"` + strings.Repeat("x", 257) + `"`} {
			if f := c.ask(strings.Replace(subscribeAll, "}", bad+"}", 1)); f.Code != "invalid_request" {
				t.Errorf("%s: %s", bad, f.raw)
			}
		}
	})
}

// Of a session in the page changes are told as in the devices feed, each with its user.
func TestChangesOfEverybody(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		old := l.signIn("usr_1")
		c := l.watchAll("")
		p := l.signIn("usr_2")
		s := p.SessionID
		l.hub.SessionsChanged("usr_2", s)
		c.told(s, "added")
		first, second := l.connect(p), l.connect(p)
		c.told(s, "added", "online", "updated")
		if f := c.last(); f.Session.User == nil || f.Session.User.Email != "usr_2@example.com" || f.Session.Connections != 2 {
			t.Error(f.raw)
		}
		l.edit(s, func(r *wire.Session) { r.LastSeenAt = wire.At(time.Now().Add(time.Second)) }) // no news
		l.hub.PresenceChanged("usr_2")
		l.hub.PresenceChanged("usr_2", s)
		first.ws.CloseNow()
		l.rest()
		second.ws.CloseNow()
		c.told(s, "added", "online", "updated", "updated", "offline")
		l.office.rename("usr_2", "Ada")
		c.told(s, "added", "online", "updated", "updated", "offline", "updated")
		if f := c.last(); f.Session.User.Name != "Ada" {
			t.Error(f.raw)
		}
		l.end(p, "kicked")
		l.rest()
		l.hub.PresenceChanged("usr_2", s)
		l.rest()
		l.hub.SessionsChanged("usr_2", s)
		l.rest()
		l.hub.SessionsChanged("usr_2")
		c.told(s, "added", "online", "updated", "updated", "offline", "updated", "removed")
		if f := c.last(); f.Session.EndedAt == nil || f.Session.EndReason != "kicked" || f.Session.Online {
			t.Error(f.raw)
		}
		c.told(old.SessionID)
	})
}

// Also of what stands behind the page, though how it stood before is not known.
func TestChangesBehindThePage(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		tabs := l.signIn("usr_1")
		ended, gone, renamed, leaves := l.signIn("usr_1"), l.signIn("usr_2"), l.signIn("usr_3"), l.signIn("usr_4")
		l.connect(tabs)
		leaving := l.connect(leaves)
		c := l.watchAll(`,"limit":1`)
		if f := c.one("sessions.snapshot"); len(f.Sessions) != 1 || f.Total != 6 {
			t.Fatal(f.raw)
		}
		l.connect(tabs)
		c.told(tabs.SessionID, "updated")
		l.end(ended, "session_expired")
		l.hub.SessionsChanged("usr_1", ended.SessionID)
		c.told(ended.SessionID, "removed")
		l.connect(gone).ws.CloseNow()
		c.told(gone.SessionID, "online", "offline")
		l.edit(renamed.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		c.told(renamed.SessionID, "updated")
		leaving.ws.CloseNow()
		c.told(leaves.SessionID, "offline")
	})
}

// What begins to fit the filter comes, what ceases to goes; of the rest nothing is told.
func TestFilterOfEverybody(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p, other := l.signIn("usr_1"), l.signIn("usr_2")
		c := l.watchAll(`,"q":"Sofa"`)
		l.connect(p)
		l.connect(other)
		c.none("sessions.changed")
		l.edit(p.SessionID, func(s *wire.Session) { s.Name = "Sofa 1" })
		l.rest()
		l.edit(p.SessionID, func(s *wire.Session) { s.Name = "Sofa 2" })
		l.rest()
		l.edit(p.SessionID, func(s *wire.Session) { s.Name = "Chair" })
		l.rest()
		l.edit(p.SessionID, func(s *wire.Session) { s.Name = "Table" })
		c.told(p.SessionID, "added", "online", "updated", "removed")
		if f := c.last(); f.Session.EndedAt != nil || f.Session.Name != "Chair" {
			t.Errorf("it has not ended: %s", f.raw)
		}
		l.office.rename("usr_2", "Sofa") // a user's name counts too
		if got := c.replayOf("sessions"); len(got) != 1 || got[other.SessionID].ID == "" {
			t.Errorf("%v", got)
		}
		l.end(p, "kicked")
		c.told(p.SessionID, "added", "online", "updated", "removed")
	})
}

// A change that comes while the page is read reaches those who watch already, and is in the page.
func TestChangeWhileAPageIsRead(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.watchAll("")
		var born Principal
		l.office.with(func() {
			l.office.before = func() {
				l.office.with(func() { l.office.before = nil })
				l.edit(p.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
				born = l.signIn("usr_2")
				l.hub.SessionsChanged("usr_2", born.SessionID)
			}
		})
		late := l.watchAll("")
		for _, one := range []*client{c, late} {
			if got := one.replayOf("sessions"); got[p.SessionID].Name != "Sofa" || got[born.SessionID].ID == "" {
				t.Errorf("%v", got)
			}
		}
		c.told(p.SessionID, "updated")
		c.told(born.SessionID, "added")
	})
}

// What changes once the page has been read is told behind it, also when everything has to be read again meanwhile.
func TestGapWhileAPageIsRead(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		l.office.with(func() {
			l.office.after = func() {
				l.office.with(func() { l.office.after = nil })
				l.end(p, "kicked")
				l.hub.Resync()
			}
		})
		if got := l.watchAll("").replayOf("sessions"); got[p.SessionID].ID != "" {
			t.Errorf("the list has a session that ended: %v", got)
		}
	})
}

// Other nodes are listened to only while somebody watches.
func TestEverybodyIsFollowedWhileWatched(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.connect(l.signIn("usr_1", "admin"))
		if n := l.office.follows(""); n != 0 {
			t.Errorf("followed %d times, and nobody watches", n)
		}
		a, b := l.watchAll(""), l.watchAll(`,"q":"Sofa"`)
		if n := l.office.follows(""); n != 1 {
			t.Errorf("followed %d times for two", n)
		}
		a.ask(`{"type":"unsubscribe","feed":"sessions"}`)
		b.ws.CloseNow()
		l.rest()
		if n := l.office.follows(""); n != 0 {
			t.Errorf("still followed %d times", n)
		}
		before := l.loaded()
		l.edit(l.signIn("usr_2").SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		l.rest()
		if l.loaded() != before {
			t.Error("read for nobody")
		}
	})
}

// Nobody is left when the following is confirmed at last.
func TestEverybodyLeavesWhileItIsLoaded(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1", "admin"))
		l.office.with(func() {
			l.office.before = func() {
				l.office.with(func() { l.office.before = nil })
				c.send(`{"type":"unsubscribe","feed":"sessions"}`)
				time.Sleep(time.Second)
			}
		})
		c.ask(subscribeAll)
		time.Sleep(2 * time.Second)
		c.none("sessions.snapshot")
		if n := l.office.follows(""); n != 0 {
			t.Errorf("followed %d times", n)
		}
	})
}

func TestEverybodyThatFellBehind(t *testing.T) {
	inTime(t, Limits{QueueBytes: 2000, WriteTimeout: time.Hour, PingInterval: time.Hour}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.deaf(l.signIn("usr_staff", "moderator"))
		c.send(subscribeAll)
		for i := range 50 {
			l.edit(p.SessionID, func(s *wire.Session) { s.Name = fmt.Sprint("Name ", i) })
			l.rest()
		}
		if l.hub.Stats().DroppedChanges == 0 {
			t.Fatal("nothing was dropped")
		}
		c.listen()
		if got := c.replayOf("sessions")[p.SessionID].Name; got != "Name 49" {
			t.Errorf("ended as %q", got)
		}
		if n := len(c.all("sessions.snapshot")); n != 2 {
			t.Errorf("%d snapshots", n)
		}
	})
}

func TestEverybodyWhileTheStoreFails(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.watchAll("")
		l.with(func() { l.broken = errDown })
		l.edit(p.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		l.hub.Resync()
		newcomer := l.connect(l.signIn("usr_staff", "admin"))
		began := time.Now()
		newcomer.ask(subscribeAll)
		time.Sleep(time.Minute)
		if f := newcomer.one("error"); f.Code != "unavailable" || f.Feed != "sessions" || f.at.Sub(began) != loadTimeout {
			t.Errorf("%s after %v", f.raw, f.at.Sub(began))
		}
		c.none("error")
		l.with(func() { l.broken = nil })
		time.Sleep(retryAtMost)
		if got := c.replayOf("sessions")[p.SessionID].Name; got != "Sofa" {
			t.Errorf("ended as %q", got)
		}
	})
}

// More news than are worth reading one by one end in a snapshot, and so does what is too much to remember.
func TestEverybodyIsTooMuch(t *testing.T) {
	t.Run("news", func(t *testing.T) {
		inTime(t, Limits{}, func(t *testing.T, l *lab) {
			p := l.signIn("usr_1")
			c := l.watchAll("")
			l.with(func() { l.broken = errDown })
			l.edit(p.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
			for i := range mostPending + mostUsers + 10 {
				l.hub.PresenceChanged(fmt.Sprint("usr_other", i))
			}
			f := l.hub.feed(feedKey{name: "sessions"})
			f.mu.Lock()
			waits := len(f.matter.(*everybody).pending)
			f.mu.Unlock()
			if waits > mostPending {
				t.Errorf("news of %d users wait", waits)
			}
			l.with(func() { l.broken = nil })
			time.Sleep(retryAtMost)
			if got := c.replayOf("sessions")[p.SessionID].Name; got != "Sofa" || len(c.all("sessions.snapshot")) != 2 {
				t.Errorf("ended as %q; story: %s", got, c.story())
			}
		})
	})
	t.Run("memory", func(t *testing.T) {
		inTime(t, Limits{QueueBytes: 16 << 20}, func(t *testing.T, l *lab) {
			c := l.watchAll("")
			for range mostHeld {
				l.signIn("usr_1")
			}
			l.hub.SessionsChanged("usr_1")
			if n := len(c.all("sessions.snapshot")); n != 2 {
				t.Errorf("%d snapshots", n)
			}
			f := l.hub.feed(feedKey{name: "sessions"})
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, w := range f.watches {
				if w.roll.size > defaultPage {
					t.Errorf("%d sessions remembered", w.roll.size)
				}
			}
		})
	})
}
