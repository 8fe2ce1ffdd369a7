package gatehouse_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Each test here is named for a promise of docs/architecture.md, and holds one node to it from outside.

// TestPromise1_ARevokedSessionIsDeadEverywhere looks the moment the call is answered: the record says it, requests
// and handshakes are refused, and of what is sent then the session's sockets get nothing.
func TestPromise1_ARevokedSessionIsDeadEverywhere(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	admin, victim := l.staff("admin"), l.register("Phone")
	elsewhere := l.shell()
	tabs := []*socket{victim.watch(), victim.watch(), victim.watch()}
	admin.ok("DELETE", "/admin/sessions/"+victim.session.ID, object{"message": "Bye", "reason": "not for him"})
	var sent struct{ Delivered int }
	admin.ok("POST", "/admin/users/"+victim.user.ID+"/messages", object{"name": "late", "data": 1}).into(t, &sent)
	if sent.Delivered != 0 {
		t.Errorf("%d sockets counted after the end", sent.Delivered)
	}
	if record, err := elsewhere.Store.Session(t.Context(), victim.session.ID); err != nil || record.EndReason != "kicked" {
		t.Errorf("the record says %q, %v", record.EndReason, err)
	}
	victim.refused("session_revoked")
	victim.dial(wire.BearerPrefix+victim.access, nil).closed(wire.CloseKicked)
	for _, tab := range tabs {
		if last := tab.closed(wire.CloseKicked); last.Message != "Bye" || strings.Contains(last.raw, "not for him") {
			t.Errorf("told %s", last.raw)
		}
		if tab.count(func(f frame) bool { return f.Type == wire.TypeMessage }) > 0 {
			t.Error("a message came after the end")
		}
	}
}

// TestPromise2_IssuedAccessTokensDieToo tries a token that is good for a quarter of an hour everywhere it could be used.
func TestPromise2_IssuedAccessTokensDieToo(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	victim := l.register("Phone")
	other := victim.other("Laptop")
	own := other.connect()
	other.ok("DELETE", "/auth/sessions/"+victim.session.ID, nil)

	for _, path := range []string{"/auth/me", "/auth/session", "/auth/sessions", "/auth/activity", "/admin/users"} {
		l.want(http.StatusUnauthorized, "session_revoked", "GET", path, victim.access, nil)
	}
	l.want(http.StatusUnauthorized, "session_revoked", "POST", "/auth/ticket", victim.access, nil)
	for what, s := range map[string]*socket{
		"subprotocol": l.dial(wire.BearerPrefix+victim.access, nil),
		"header":      l.dial("", http.Header{"Authorization": {"Bearer " + victim.access}}),
		"first frame": l.dial("", nil),
	} {
		if what == "first frame" {
			s.send(object{"type": wire.TypeAuth, "token": victim.access})
		}
		if last := s.closed(wire.CloseSessionRevoked); last.Type != wire.TypeSessionEnded {
			t.Errorf("%s: before the close came %s", what, last.raw)
		}
	}
	own.send(object{"type": wire.TypeAuth, "token": victim.access})
	own.closed(wire.CloseUnauthenticated) // it is another session's: the socket ends, its session lives on
	other.ok("GET", "/auth/me", nil)
}

// TestPromise4_RefreshNeverLogsTheInnocentOut lets tabs refresh at once and answers get lost, then replays a token
// whose successor was used.
func TestPromise4_RefreshNeverLogsTheInnocentOut(t *testing.T) {
	t.Parallel()
	l := openLab(t, "--refresh-grace=0s")
	d := l.register("Phone")
	s := d.connect()
	lost := *d
	for range 3 { // answers that nobody saw
		lost.refresh()
		lost.refreshToken = d.refreshToken
	}
	tabs := make([]signIn, 16)
	var all sync.WaitGroup
	for i := range tabs {
		all.Go(func() {
			a, err := l.call("POST", "/auth/refresh", "", object{"refresh_token": d.refreshToken})
			if err != nil || a.status != http.StatusOK || json.Unmarshal(a.body, &tabs[i]) != nil {
				t.Errorf("tab %d: %v %v", i, a, err)
			}
		})
	}
	all.Wait()
	for _, in := range tabs {
		if in.RefreshToken != tabs[0].RefreshToken {
			t.Fatal("two tabs got two successors")
		}
		l.want(http.StatusOK, "", "GET", "/auth/me", in.AccessToken, nil)
	}
	s.works()

	lost.over("token_reuse") // the successor is in use, and there is no grace
	s.closed(wire.CloseTokenReuse)
	l.want(http.StatusUnauthorized, "session_revoked", "GET", "/auth/me", tabs[0].AccessToken, nil)
}

// TestPromise5_PresenceIsTrue opens and closes tabs before a watcher's eyes.
func TestPromise5_PresenceIsTrue(t *testing.T) {
	t.Parallel()
	l := openLab(t, "--presence-grace=1s")
	watcher := l.register("Laptop")
	phone := watcher.other("Phone")
	feed := watcher.watch()
	tabs := []*socket{phone.connect(), phone.connect()}
	feed.change(wire.ChangeOnline, phone.session.ID)
	counted := func(n int) {
		t.Helper()
		feed.await(fmt.Sprint(n, " connections"), func() bool {
			last := feed.frames[len(feed.frames)-1]
			return last.Device.ID == phone.session.ID && last.Device.Connections == n
		})
	}
	counted(2)
	if list := watcher.devices(); len(list) != 2 || list[phone.session.ID].Connections != 2 {
		t.Errorf("two tabs are %+v", list)
	}

	for range 3 { // reloads
		tabs[0].ws.Close(websocket.StatusGoingAway, "")
		tabs[1].ws.Close(websocket.StatusGoingAway, "")
		counted(0)
		if s := watcher.devices()[phone.session.ID]; !s.Online || s.Connections != 0 {
			t.Errorf("within the grace: %+v", s)
		}
		tabs = []*socket{phone.connect(), phone.connect()}
		counted(2)
	}
	if n := feed.count(func(f frame) bool { return f.Change == wire.ChangeOffline }); n > 0 {
		t.Errorf("went offline %d times by reloading", n)
	}

	tabs[0].ws.CloseNow() // as a network does
	tabs[1].ws.CloseNow()
	gone := time.Now()
	if took := feed.change(wire.ChangeOffline, phone.session.ID).at.Sub(gone); took < 900*time.Millisecond {
		t.Errorf("offline after %v", took)
	}
	if watcher.devices()[phone.session.ID].Online {
		t.Error("still listed as online")
	}
}

// TestPromise6_ClaimsChangeLive makes a moderator of somebody whose sockets are open, and unmakes him.
func TestPromise6_ClaimsChangeLive(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	admin, d := l.staff("admin"), l.register("Phone")
	s := d.connect()
	c, _ := d.keeper("Laptop")
	heard, welcomes := make(chan []string, 10), make(chan wire.Welcome, 10)
	kept := c.Connect(t.Context(), client.Handlers{
		Authority: func(roles []string) { heard <- roles },
		Connected: func(w wire.Welcome) { welcomes <- w },
	})
	defer kept.Close()
	hear(t, "welcome", welcomes)

	for _, roles := range [][]string{{"user", "moderator"}, {"user"}} {
		admin.ok("PUT", "/admin/users/"+d.user.ID+"/roles", object{"roles": roles})
		if f := s.expect(wire.TypeAuthChanged); !slices.Equal(f.Roles, roles) || !f.TokenStale {
			t.Errorf("heard %s, want %v", f.raw, roles)
		}
		d.refused("token_stale")
		l.dial(wire.BearerPrefix+d.access, nil).closed(wire.CloseTokenExpired)
		s.works()
		d.refresh()
		if f := s.expect(wire.TypeAuthOK); !slices.Equal(f.Roles, roles) {
			t.Errorf("re-armed with %s", f.raw)
		}
		status, code := http.StatusForbidden, "forbidden"
		if len(roles) > 1 {
			status, code = http.StatusOK, ""
		}
		d.want(status, code, "GET", "/admin/users", d.access, nil)
		for !slices.Equal(hear(t, "the client's roles", heard), roles) {
		}
		if _, err := c.Me(t.Context()); err != nil { // with a refresh in between
			t.Errorf("the client's next call: %v", err)
		}
	}
	if len(welcomes) > 0 {
		t.Error("the client had to connect again")
	}
}

// TestPromise7_OneSlowSocketHarmsNobodyElse floods a user one of whose sockets does not read. It is cut off; his other
// one, and a stranger, are served meanwhile.
func TestPromise7_OneSlowSocketHarmsNobodyElse(t *testing.T) {
	l := openLab(t, "--presence-grace=0s")
	admin, bystander := l.staff("admin"), l.register("Laptop")
	good := bystander.watch()
	slow := bystander.other("Slow")
	good.change(wire.ChangeAdded, slow.session.ID)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	deaf, _, err := websocket.Dial(ctx, l.url+"/ws", &websocket.DialOptions{Subprotocols: []string{wire.Protocol, wire.BearerPrefix + slow.access}})
	must(t, err)
	defer deaf.CloseNow()
	good.change(wire.ChangeOnline, slow.session.ID)

	stranger := l.register("Stranger").connect()
	flood := object{"name": "flood", "data": strings.Repeat("x", 4000)}
	cutOff := func() bool {
		return good.count(func(f frame) bool { return f.Change == wire.ChangeOffline && f.Device.ID == slow.session.ID }) > 0
	}
	var waits []time.Duration
	for sent := 0; !cutOff(); sent++ {
		admin.ok("POST", "/admin/users/"+bystander.user.ID+"/messages", flood)
		if sent%100 == 0 && len(waits) < 15 { // within what a socket may ask
			began := time.Now()
			stranger.works()
			waits = append(waits, time.Since(began))
		}
		if sent == 50_000 {
			t.Fatal("a socket that does not read is fed for ever")
		}
	}
	if slices.Sort(waits); waits[len(waits)/2] > 100*time.Millisecond {
		t.Errorf("a stranger waited %v for answers", waits)
	}
	good.works()
}

// TestPromise8_DrainingIsPolite stops a node under open sockets and starts the next one. Everybody is told, nobody is
// signed out, and the Go client is back by itself.
func TestPromise8_DrainingIsPolite(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	owner := l.register("Laptop")
	var feeds []*socket
	for range 10 {
		feeds = append(feeds, owner.connect())
	}
	c, session := owner.keeper("Phone")
	welcomes, lists, lost := make(chan wire.Welcome, 10), make(chan []wire.Session, 100), make(chan error, 10)
	kept := c.Connect(t.Context(), client.Handlers{
		Connected:    func(w wire.Welcome) { welcomes <- w },
		Disconnected: func(err error, _ time.Duration) { lost <- err },
		Devices: func(list []wire.Session, change *wire.DevicesChanged) {
			if change == nil {
				lists <- list
			}
		},
	})
	defer kept.Close()
	must(t, kept.Subscribe(t.Context(), wire.FeedDevices))
	first := hear(t, "welcome", welcomes)
	hear(t, "snapshot", lists)

	began := time.Now()
	l.stop()
	eventually(t, "readiness goes off", func() bool {
		a, err := l.call("GET", "/readyz", "", nil)
		return err == nil && a.status == http.StatusServiceUnavailable
	})
	l.drain()
	var latest time.Duration
	for _, s := range feeds {
		last := s.closed(wire.CloseRestart)
		if last.Type != wire.TypeReconnect || last.AfterMS < 0 || last.AfterMS > l.cfg.PresenceGrace.Milliseconds()/2 {
			t.Errorf("before the close came %s", last.raw)
		}
		latest = max(latest, s.at.Sub(began))
	}
	if latest < l.cfg.DrainWindow/2 {
		t.Errorf("the closes came within %v, not over the window", latest)
	}
	var closed *client.CloseError
	if err := hear(t, "loss", lost); !errors.As(err, &closed) || closed.Code != wire.CloseRestart {
		t.Errorf("the client lost its connection by %v", err)
	}

	l.start()
	if again := hear(t, "the client's return", welcomes); again.SessionID != session.ID || again.Node == first.Node {
		t.Errorf("welcomed again by %+v", again)
	}
	if list := hear(t, "a new snapshot", lists); len(list) != 2 {
		t.Errorf("new snapshot %+v", list)
	}
	owner.ok("GET", "/auth/me", nil)
	owner.refresh()
	owner.connect().works()
}
