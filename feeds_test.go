package gatehouse_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// subscribe asks for a feed and waits for its snapshot.
func (s *socket) subscribe(feed string, more object) frame {
	s.t.Helper()
	request := object{"type": wire.TypeSubscribe, "feed": feed}
	for name, value := range more {
		request[name] = value
	}
	s.ack(request)
	return s.expect(feed + ".snapshot")
}

// turn is the next change of a session in the feed of all sessions.
func (s *socket) turn(kind, session string) frame {
	s.t.Helper()
	return s.next(kind+" of "+session, func(f frame) bool {
		return f.Type == wire.TypeSessionsChanged && f.Change == kind && f.Session.ID == session
	})
}

// stands is the next change of a user's presence.
func (s *socket) stands(user string, online bool) frame {
	s.t.Helper()
	return s.next(fmt.Sprint("presence of ", user), func(f frame) bool {
		return f.Type == wire.TypePresenceChanged && f.UserID == user && f.Online == online
	})
}

// sees waits for a frame, whatever comes before or after it.
func (s *socket) sees(what string, match func(frame) bool) {
	s.t.Helper()
	s.find(what, func(frames []frame) int { return slices.IndexFunc(frames, match) })
}

func TestPresenceVisibility(t *testing.T) {
	t.Parallel()
	for visibility, visible := range map[string]bool{"self": false, "users": true} {
		t.Run(visibility, func(t *testing.T) {
			t.Parallel()
			l := openLab(t, "--presence-visibility="+visibility, "--presence-grace=0s")
			ada, bob := l.register("Laptop"), l.register("Phone")
			s := ada.connect()
			if f := s.subscribe("presence", object{"user_ids": []string{ada.user.ID}}); len(f.Users) != 1 || !f.Users[0].Online {
				t.Errorf("of oneself: %s", f.raw)
			}
			both := object{"type": "subscribe", "feed": "presence", "user_ids": []string{ada.user.ID, bob.user.ID, "usr_nobody"}}
			if !visible {
				if f := s.ask(both); f.Code != "forbidden" {
					t.Errorf("of others: %s", f.raw)
				}
				s = l.staff("moderator").connect() // who may watch anybody
			}
			f := s.subscribe("presence", both)
			if len(f.Users) != 3 || f.Users[0].Online != visible && visible || f.Users[1].Online || f.Users[1].LastSeenAt == nil {
				t.Errorf("snapshot %s", f.raw)
			}
			if u := f.Users[2]; u.UserID != "usr_nobody" || u.Online || u.LastSeenAt != nil {
				t.Errorf("somebody unknown is %+v", u)
			}
			before := time.Now().Add(-time.Second)
			tab := bob.connect()
			online := s.stands(bob.user.ID, true)
			if online.Seq != f.Seq+1 {
				t.Errorf("seq %d after the snapshot's %d", online.Seq, f.Seq)
			}
			tab.ws.CloseNow()
			if f := s.stands(bob.user.ID, false); f.LastSeenAt == nil || f.LastSeenAt.Std().Before(before) {
				t.Errorf("last seen in %s", f.raw)
			}
		})
	}
}

// TestSessionsFeedIsTheListOfStaff compares the snapshot with GET /admin/sessions, and follows what fits the filter.
func TestSessionsFeedIsTheListOfStaff(t *testing.T) {
	t.Parallel()
	l := openLab(t, "--presence-grace=0s")
	mod, ada := l.staff("moderator"), l.register("Ada's old phone")
	for range 3 {
		ada.other("Laptop")
	}
	l.register("Laptop") // somebody else's
	s := mod.connect()
	list := func(q string, limit int) (page struct {
		Sessions []wire.Session
		Total    int
	}) {
		mod.ok("GET", fmt.Sprintf("/admin/sessions?limit=%d&q=%s", limit, url.QueryEscape(q)), nil).into(t, &page)
		return page
	}
	for _, tt := range []struct {
		q     string
		limit int
		n     int
	}{{"", 50, 6}, {"", 2, 2}, {ada.user.Email, 50, 4}, {ada.user.Email, 2, 2}, {"LAPT", 50, 4}, {ada.session.ID, 50, 1}, {"127.0.0.1", 200, 6}, {"nobody", 50, 0}} {
		got, want := s.subscribe("sessions", object{"q": tt.q, "limit": tt.limit}), list(tt.q, tt.limit)
		if len(got.Sessions) != tt.n || got.Total != want.Total || !slices.EqualFunc(got.Sessions, want.Sessions, sameRow) {
			t.Errorf("%q: %s, want %+v", tt.q, got.raw, want)
		}
	}

	f := s.subscribe("sessions", object{"q": ada.user.Email, "limit": 1})
	l.register("Another").connect() // does not fit
	ada.connect()                   // fits, and stands behind the page
	if online := s.turn(wire.ChangeOnline, ada.session.ID); online.Seq != f.Seq+1 || online.Session.User == nil || online.Session.User.Email != ada.user.Email {
		t.Errorf("%s after %d", online.raw, f.Seq)
	}
	newer := ada.other("Tablet")
	s.turn(wire.ChangeAdded, newer.session.ID)
	newer.ok("PATCH", "/auth/sessions/"+newer.session.ID, object{"name": "Slate"})
	if f := s.turn(wire.ChangeUpdated, newer.session.ID); f.Session.Name != "Slate" {
		t.Errorf("renamed in %s", f.raw)
	}
	ada.ok("PATCH", "/auth/me", object{"name": "Countess"})
	s.next("a session with the new name", func(f frame) bool { return f.Type == wire.TypeSessionsChanged && f.Session.User.Name == "Countess" })
	mod.ok("DELETE", "/admin/sessions/"+ada.session.ID, nil)
	if f := s.turn(wire.ChangeRemoved, ada.session.ID); f.Session.EndReason != "kicked" || f.Session.EndedAt == nil || f.Session.Online {
		t.Errorf("ended in %s", f.raw)
	}
}

// sameRow compares rows but for what passes with time.
func sameRow(a, b wire.Session) bool {
	a.LastSeenAt, b.LastSeenAt = wire.Time{}, wire.Time{}
	left, _ := json.Marshal(a)
	right, _ := json.Marshal(b)
	return string(left) == string(right)
}

// TestAuditIsLive kicks somebody before the eyes of staff: the row comes as GET /admin/audit has it.
func TestAuditIsLive(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	admin, mod, victim := l.staff("admin"), l.staff("moderator"), l.register("Phone")
	s := mod.connect()
	s.ack(object{"type": "subscribe", "feed": "audit"})
	admin.ok("DELETE", "/admin/sessions/"+victim.session.ID, object{"reason": "stolen", "message": "Bye"})
	f := s.next("the row of the kick", func(f frame) bool { return f.Type == wire.TypeAuditAdded && f.Event.Action == "session.ended" })
	if e := f.Event; e.Actor.Name != "Head of admin" || e.Target.ID != victim.session.ID || e.Reason != "stolen" || e.Details["end_reason"] != "kicked" {
		t.Errorf("live: %s", f.raw)
	}
	var page struct{ Events []json.RawMessage }
	mod.ok("GET", "/admin/audit?action=session.ended&target="+victim.session.ID, nil).into(t, &page)
	var live struct{ Event json.RawMessage }
	must(t, json.Unmarshal([]byte(f.raw), &live))
	if len(page.Events) != 1 || string(page.Events[0]) != string(live.Event) {
		t.Errorf("live %s, listed %s", live.Event, page.Events)
	}
	other := l.register("Laptop")
	s.next("the row of a registration", func(f frame) bool {
		return f.Type == wire.TypeAuditAdded && f.Event.Action == "user.registered" && f.Event.Target.ID == other.user.ID
	})
	admin.ok("PUT", "/admin/users/"+other.user.ID+"/roles", object{"roles": []string{"moderator"}})
	s.next("the row of a promotion", func(f frame) bool {
		return f.Type == wire.TypeAuditAdded && f.Event.Action == "user.roles" && f.Event.Target.ID == other.user.ID
	})
}

// TestThreat17_FeedsOfOthersAndOfStaff asks for what one may not watch, as a user and as a moderator, and goes on
// watching after a demotion: its feeds end within 100 ms.
func TestThreat17_FeedsOfOthersAndOfStaff(t *testing.T) {
	l := openLab(t, "--presence-grace=0s")
	admin, mod, victim := l.staff("admin"), l.staff("moderator"), l.register("Phone")
	forbidden := func(s *socket, feeds ...string) {
		t.Helper()
		for _, feed := range feeds {
			if f := s.ask(object{"type": "subscribe", "feed": feed, "user_ids": []string{victim.user.ID}}); f.Code != "forbidden" {
				t.Errorf("%s: %s", feed, f.raw)
			}
		}
	}
	forbidden(l.register("Laptop").connect(), "sessions", "audit", "jobs", "presence")
	s := mod.connect()
	forbidden(s, "jobs")
	s.subscribe("devices", nil)
	s.subscribe("sessions", nil)
	s.subscribe("presence", object{"user_ids": []string{victim.user.ID}})
	s.ack(object{"type": "subscribe", "feed": "audit"})
	tab := victim.connect()
	s.stands(victim.user.ID, true)

	admin.ok("PUT", "/admin/users/"+mod.user.ID+"/roles", object{"roles": []string{"user"}})
	answered := time.Now()
	s.expect(wire.TypeAuthChanged)
	lost := map[string]bool{}
	var last frame
	for len(lost) < 3 {
		last = s.next("the end of a feed", func(f frame) bool { return f.Type == wire.TypeError && f.Code == "forbidden" && f.Feed != "" })
		lost[last.Feed] = true
	}
	if took := last.at.Sub(answered); took > 100*time.Millisecond || !lost["sessions"] || !lost["presence"] || !lost["audit"] {
		t.Errorf("lost %v within %v", lost, took)
	}
	told := func(f frame) bool {
		return f.Type == wire.TypeSessionsChanged || f.Type == wire.TypePresenceChanged || f.Type == wire.TypeAuditAdded
	}
	before := s.count(told)
	tab.ws.CloseNow()
	admin.ok("DELETE", "/admin/sessions/"+victim.session.ID, nil)
	forbidden(s, "sessions", "audit", "jobs", "presence")
	other := mod.other("Laptop")
	s.change(wire.ChangeAdded, other.session.ID) // its own devices stay
	if after := s.count(told); after != before {
		t.Errorf("%d frames after the demotion; story: %s", after-before, s.story())
	}
	s.works()
}

// TestSessionsFeedCopes watches 5,000 sessions of which fifty a second come and go.
func TestSessionsFeedCopes(t *testing.T) {
	const rows, rate, seconds = 5_000, 50, 3
	l := openLab(t, "--presence-grace=0s")
	devices := l.seed(rows/5, 5)
	l.drain()
	l.start() // what another process wrote is no news to this one
	s := l.staff("moderator").connect()
	if f := s.subscribe("sessions", object{"limit": 200}); f.Total != rows+1 || len(f.Sessions) != 200 {
		t.Fatalf("%d of %d", len(f.Sessions), f.Total)
	}
	var delays []time.Duration
	tick := time.NewTicker(time.Second / (rate / 2)) // each comes and goes
	defer tick.Stop()
	for i := range rate / 2 * seconds {
		<-tick.C
		d := devices[i*7%rows]
		began := time.Now()
		tab := d.connect()
		delays = append(delays, s.turn(wire.ChangeOnline, d.session.ID).at.Sub(began))
		tab.ws.CloseNow()
	}
	slices.Sort(delays)
	t.Logf("news within %v, at most %v", delays[len(delays)/2], delays[len(delays)-1])
	if middle := delays[len(delays)/2]; middle > 100*time.Millisecond { // and a handshake is in it
		t.Errorf("news took %v", middle)
	}
	if n := s.count(func(f frame) bool { return f.Type == wire.TypeSessionsSnapshot }); n != 1 {
		t.Errorf("%d snapshots", n)
	}
	seq := int64(0)
	for _, f := range s.frames {
		if f.Type == wire.TypeSessionsChanged && seq != 0 && f.Seq != seq+1 {
			t.Errorf("seq %d after %d", f.Seq, seq)
		}
		if f.Type == wire.TypeSessionsChanged || f.Type == wire.TypeSessionsSnapshot {
			seq = f.Seq
		}
	}
}

// TestFeedsSeeTheOtherNode watches on one node what happens on another.
func TestFeedsSeeTheOtherNode(t *testing.T) {
	t.Cleanup(servertest.EndMongo)
	shared := []string{
		"--store=" + servertest.MongoURI(t), "--redis-url=" + servertest.StartRedis(t).URL(), "--presence-grace=1s",
		"--secret=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	}
	one := openLab(t, shared...)
	two := openLab(t, append(shared, "--public-url="+one.url)...)
	admin := one.staff("admin")
	s, ada := admin.connect(), two.register("Phone")
	var stats struct{ Nodes []struct{ ID string } }
	eventually(t, "the nodes see each other", func() bool {
		admin.ok("GET", "/admin/stats", nil).into(t, &stats)
		return len(stats.Nodes) == 2
	})

	s.subscribe("sessions", object{"q": ada.user.Email})
	s.subscribe("presence", object{"user_ids": []string{ada.user.ID}})
	s.ack(object{"type": "subscribe", "feed": "audit"})
	tab := ada.connect()
	began := time.Now()
	online := s.turn(wire.ChangeOnline, ada.session.ID)
	t.Logf("another node's device was seen after %v", online.at.Sub(began))
	if online.Session.Connections != 1 || online.Session.User.Email != ada.user.Email {
		t.Errorf("%s", online.raw)
	}
	s.sees("presence", func(f frame) bool { return f.Type == wire.TypePresenceChanged && f.Online && f.UserID == ada.user.ID })
	laptop := ada.other("Laptop")
	s.turn(wire.ChangeAdded, laptop.session.ID)
	s.sees("a row of the audit", func(f frame) bool {
		return f.Type == wire.TypeAuditAdded && f.Event.Action == "session.started" && f.Event.Target.ID == laptop.session.ID
	})
	tab.ws.CloseNow()
	s.turn(wire.ChangeOffline, ada.session.ID)
	ada.ok("POST", "/auth/logout", nil)
	if f := s.turn(wire.ChangeRemoved, ada.session.ID); f.Session.EndReason != "signed_out" {
		t.Errorf("%s", f.raw)
	}
}
