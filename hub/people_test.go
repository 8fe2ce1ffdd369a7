package hub

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

func watchPeople(ids ...string) string {
	return fmt.Sprintf(`{"type":"subscribe","feed":"presence","user_ids":["%s"]}`, strings.Join(ids, `","`))
}

// standing is what the client makes of the presence it was told, whose seq must have no gap.
func (c *client) standing() map[string]bool {
	c.t.Helper()
	c.all("")
	c.mu.Lock()
	defer c.mu.Unlock()
	out, seq := map[string]bool{}, int64(0)
	for _, f := range c.frames {
		switch f.Type {
		case "presence.snapshot":
			clear(out)
			for _, u := range f.Users {
				out[u.UserID] = u.Online
			}
		case "presence.changed":
			if f.Seq != seq+1 {
				c.t.Fatalf("seq %d after %d", f.Seq, seq)
			}
			out[f.UserID] = f.Online
		default:
			continue
		}
		seq = f.Seq
	}
	return out
}

func TestPresenceOfOneself(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.connect(p)
		if f := c.ask(watchPeople("usr_1", "usr_1")); f.Type != "ack" {
			t.Fatal(f.raw)
		}
		f := c.one("presence.snapshot")
		if len(f.Users) != 1 || f.Users[0].UserID != "usr_1" || !f.Users[0].Online || f.Re != "" {
			t.Error(f.raw)
		}
		tab, other := l.connect(p), l.connect(l.signIn("usr_1"))
		tab.ws.CloseNow()
		other.ws.CloseNow()
		c.none("presence.changed") // one device more or less is no news
	})
}

func TestPresenceOfOthers(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.hub.cfg.PresenceVisible = true
		p := l.signIn("usr_2")
		c := l.connect(l.signIn("usr_1"))
		c.ask(watchPeople("usr_2", "usr_nobody"))
		f := c.one("presence.snapshot")
		if len(f.Users) != 2 || f.Users[0].UserID != "usr_2" || f.Users[0].Online || f.Users[0].LastSeenAt == nil {
			t.Error(f.raw)
		}
		if u := f.Users[1]; u.UserID != "usr_nobody" || u.Online || u.LastSeenAt != nil {
			t.Error(f.raw)
		}
		time.Sleep(time.Minute)
		tab := l.connect(p)
		online := c.one("presence.changed")
		if online.Seq != f.Seq+1 || online.UserID != "usr_2" || !online.Online {
			t.Error(online.raw)
		}
		l.with(func() { l.linger[p.SessionID] = true })
		tab.ws.CloseNow()
		c.one("presence.changed") // within the grace
		left := wire.At(time.Now())
		l.edit(p.SessionID, func(s *wire.Session) { s.LastSeenAt = left })
		l.with(func() { l.linger[p.SessionID] = false })
		l.hub.PresenceChanged("usr_2", p.SessionID)
		if f := c.all("presence.changed")[1]; f.Seq != online.Seq+1 || f.Online || !f.LastSeenAt.Std().Equal(left.Std()) {
			t.Error(f.raw)
		}
		l.end(p, "kicked") // and nothing of him is left that was ever seen
		l.hub.PresenceChanged("usr_2", p.SessionID)
		c.ask(watchPeople("usr_2"))
		if f := c.all("presence.snapshot")[1]; f.Users[0].Online || !f.Users[0].LastSeenAt.Std().Equal(left.Std()) {
			t.Errorf("forgot when he was seen: %s", f.raw)
		}
	})
}

// Subscribing again puts other people in the place of the earlier ones.
func TestPresenceSubscribedAgain(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_0", "moderator"))
		l.signIn("usr_1")
		c.ask(watchPeople("usr_1", "usr_2"))
		c.ask(watchPeople("usr_2", "usr_3"))
		if f := c.all("presence.snapshot"); len(f) != 2 || len(f[1].Users) != 2 || f[1].Users[1].UserID != "usr_3" {
			t.Error(c.story())
		}
		l.connect(l.signIn("usr_1"))
		c.none("presence.changed")
		l.connect(l.signIn("usr_2"))
		l.connect(l.signIn("usr_3"))
		if got := c.standing(); len(got) != 2 || !got["usr_2"] || !got["usr_3"] {
			t.Errorf("%v", got)
		}
	})
}

// Nodes elsewhere are listened to only for who is watched here, and only so long.
func TestPeopleAreFollowedWhileTheyAreWatched(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		a, b := l.connect(l.signIn("usr_a", "admin")), l.connect(l.signIn("usr_b", "admin"))
		expect := func(one, two int) {
			t.Helper()
			l.rest()
			if l.office.follows("usr_1") != one || l.office.follows("usr_2") != two || l.office.follows("") != 0 {
				t.Errorf("followed %d and %d times, want %d and %d", l.office.follows("usr_1"), l.office.follows("usr_2"), one, two)
			}
		}
		a.ask(watchPeople("usr_1", "usr_2"))
		b.ask(watchPeople("usr_1"))
		expect(1, 1)
		a.ask(watchPeople("usr_1"))
		expect(1, 0)
		a.ask(`{"type":"unsubscribe","feed":"presence"}`)
		expect(1, 0)
		b.ws.CloseNow()
		expect(0, 0)
	})
}

// Who is watched no longer when the following is confirmed is not followed for ever.
func TestPeopleLeftWhileTheyAreLoaded(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1", "admin"))
		l.with(func() { l.hangs = true })
		c.ask(watchPeople("usr_2", "usr_3"))
		c.ask(watchPeople("usr_3"))
		c.ask(`{"type":"unsubscribe","feed":"presence"}`)
		time.Sleep(time.Minute)
		if n := l.office.follows("usr_2") + l.office.follows("usr_3"); n != 0 {
			t.Errorf("%d follows for nobody", n)
		}
		c.none("error")
	})
}

func TestPresenceWantsIds(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1", "admin"))
		many := make([]string, wire.MaxPresenceIDs+1)
		for i := range many {
			many[i] = fmt.Sprint("usr_", i)
		}
		for _, bad := range []string{
			`{"type":"subscribe","feed":"presence"}`, watchPeople(), watchPeople(many...), watchPeople(strings.Repeat("x", 65)),
			`{"type":"subscribe","feed":"presence","user_ids":null}`, `{"type":"subscribe","feed":"presence","user_ids":"usr_1"}`,
			`{"type":"subscribe","feed":"presence","user_ids":[]}`, `{"type":"subscribe","feed":"presence","user_ids":["usr_1",null]}`,
			`{"type":"subscribe","feed":"presence","user_ids":["usr_1",7]}`,
		} {
			if f := c.ask(bad); f.Code != "invalid_request" {
				t.Errorf("%.80s: %s", bad, f.raw)
			}
		}
		c.none("presence.snapshot")
		c.ask(watchPeople(many[:wire.MaxPresenceIDs]...))
		if n := len(c.one("presence.snapshot").Users); n != wire.MaxPresenceIDs {
			t.Errorf("%d users", n)
		}
	})
}

// What does not fit is dropped, and ends in a snapshot.
func TestPresenceThatFellBehind(t *testing.T) {
	inTime(t, Limits{QueueBytes: 1000, WriteTimeout: time.Hour, PingInterval: time.Hour}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_2")
		c := l.deaf(l.signIn("usr_1", "admin"))
		c.send(watchPeople("usr_2"))
		for range 20 {
			l.connect(p).ws.CloseNow()
			l.rest()
		}
		l.connect(p)
		if l.hub.Stats().DroppedChanges == 0 {
			t.Fatal("nothing was dropped")
		}
		c.listen()
		if got := c.standing(); !got["usr_2"] {
			t.Errorf("%v; story: %s", got, c.story())
		}
	})
}

func TestPresenceWhileTheStoreFails(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c, later := l.connect(l.signIn("usr_1", "admin")), l.connect(l.signIn("usr_1", "admin"))
		c.ask(watchPeople("usr_2"))
		l.with(func() { l.down = errDown })
		later.ask(watchPeople("usr_3"))
		p := l.signIn("usr_2")
		l.connect(p)
		time.Sleep(3 * time.Second)
		if f := later.one("error"); f.Code != "unavailable" || f.Feed != "presence" || f.RetryAfter != 1 {
			t.Error(f.raw)
		}
		c.none("error") // it has begun, and waits
		l.with(func() { l.down = nil })
		time.Sleep(retryAtMost)
		if got := c.standing(); !got["usr_2"] {
			t.Errorf("%v", got)
		}
		if l.office.follows("usr_3") != 0 {
			t.Error("somebody is followed whom nobody watches")
		}
	})
}

// After a gap everything is read again.
func TestPresenceAfterAGap(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.signIn("usr_1", "admin"))
		c.ask(watchPeople("usr_2"))
		p := l.signIn("usr_2")
		l.with(func() { l.counts[p.SessionID] = 1 })
		c.none("presence.changed")
		l.hub.Resync()
		if got := c.standing(); !got["usr_2"] {
			t.Errorf("%v", got)
		}
		l.with(func() { delete(l.counts, p.SessionID) })
	})
}
