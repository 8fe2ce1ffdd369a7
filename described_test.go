package gatehouse_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/hub/wire/wiretest"
)

// protocol is what docs/asyncapi.yaml says. All that goes over the sockets of a lab is held to it.
var protocol = sync.OnceValues(func() (*wiretest.Description, error) { return wiretest.Read("docs/asyncapi.yaml") })

// frames are the names of the messages that went over a lab's sockets.
type frames struct {
	mu   sync.Mutex // guards the following
	seen map[string]bool
}

// note holds a frame to the description. Any goroutine may call it.
func (l *lab) note(from string, frame []byte) {
	described, err := protocol()
	if err != nil {
		l.t.Error(err)
		return
	}
	message, err := described.Check(from, frame)
	if err != nil {
		l.t.Errorf("%s%s is not as described: %v", from, frame, err)
	}
	l.said.mu.Lock()
	defer l.said.mu.Unlock()
	l.said.seen[message] = true
}

func (l *lab) heard(message string) bool {
	l.said.mu.Lock()
	defer l.said.mu.Unlock()
	return l.said.seen[message]
}

// tap is an address of the lab for clients that keep their sockets to themselves: it notes what goes through.
func (l *lab) tap() string {
	l.t.Helper()
	target, err := url.Parse(l.url)
	must(l.t, err)
	rest := httputil.NewSingleHostReverseProxy(target)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ws" {
			l.relay(w, r)
		} else {
			rest.ServeHTTP(w, r)
		}
	}))
	l.t.Cleanup(s.Close)
	return s.URL
}

// relay passes frames on in both directions until one side has closed.
func (l *lab) relay(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(l.t.Context())
	defer cancel()
	header := http.Header{}
	if token := r.Header.Get("Authorization"); token != "" {
		header.Set("Authorization", token)
	}
	inner, resp, err := websocket.Dial(ctx, l.url+"/ws", &websocket.DialOptions{
		HTTPClient: l.http, HTTPHeader: header, Subprotocols: strings.Split(strings.ReplaceAll(r.Header.Get("Sec-WebSocket-Protocol"), " ", ""), ","),
	})
	if err != nil {
		l.t.Errorf("relay: %v %v", resp, err)
		return
	}
	outer, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{wire.Protocol}})
	if err != nil {
		l.t.Errorf("relay: %v", err)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.pass(ctx, wiretest.Server, inner, outer) })
	both.Go(func() { l.pass(ctx, wiretest.Client, outer, inner) })
	both.Wait()
}

// pass passes on what comes from one side to the other, and the close.
func (l *lab) pass(ctx context.Context, side string, from, to *websocket.Conn) {
	for {
		_, data, err := from.Read(ctx)
		if code := websocket.CloseStatus(err); code > 0 {
			_ = to.Close(code, "") // whoever has left already needs none
		}
		if err != nil {
			to.CloseNow()
			return
		}
		l.note(side, data)
		if to.Write(ctx, websocket.MessageText, data) != nil {
			return
		}
	}
}

// TestABusyRunIsAsDescribed says and hears everything that the protocol has: each frame is held to the description,
// and each message of the description was really sent.
func TestABusyRunIsAsDescribed(t *testing.T) {
	t.Parallel()
	busy := openLab(t, "--presence-grace=0s", "--mail-dir="+t.TempDir())
	brief := openLab(t, "--access-ttl=2s")
	renewals(brief)
	admin, user := busy.staff("admin"), busy.register("Laptop")
	manage(busy, admin, user)
	owe(user)
	claims(busy, admin)
	wait(busy, user)

	described, err := protocol()
	must(t, err)
	for _, message := range described.Messages() {
		if !busy.heard(message) && !brief.heard(message) {
			t.Errorf("no %s in all that was said", message)
		}
	}
}

// renewals lets the Go client keep a socket while its tokens end.
func renewals(l *lab) {
	l.t.Helper()
	owner := l.register("Laptop")
	c := client.New(client.Config{BaseURL: l.tap(), DeviceName: "Phone"})
	_, _, err := c.Login(l.t.Context(), owner.user.Email, password)
	must(l.t, err)
	renewed := make(chan []string, 100)
	s := c.Connect(l.t.Context(), client.Handlers{Authority: func(roles []string) { renewed <- roles }})
	defer s.Close()
	must(l.t, s.Subscribe(l.t.Context(), wire.FeedDevices))
	must(l.t, s.Send(l.t.Context(), "hello", nil))
	must(l.t, s.Unsubscribe(l.t.Context(), wire.FeedDevices))
	for range 2 {
		hear(l.t, "fresh authority", renewed)
	}
	eventually(l.t, "the socket shows the fresh token", func() bool { return l.heard(wiretest.Client + wire.TypeAuth) })
}

// manage lets staff watch everything while a user comes, goes, hears from them and is kicked.
func manage(l *lab, admin, user *device) {
	l.t.Helper()
	s := admin.connect()
	s.subscribe(wire.FeedPresence, object{"user_ids": []string{user.user.ID}})
	s.subscribe(wire.FeedSessions, object{"q": "", "limit": 5})
	s.ack(object{"type": wire.TypeSubscribe, "feed": wire.FeedAudit})
	s.ack(object{"type": wire.TypeSubscribe, "feed": wire.FeedJobs})
	tab, phone := user.watch(), user.other("Phone")
	s.stands(user.user.ID, true)
	pocket := phone.connect()
	tab.change(wire.ChangeOnline, phone.session.ID)
	s.ack(object{"type": wire.TypeMessage, "to": object{"user_id": user.user.ID}, "name": "notice", "data": object{"text": "Closing soon"}})
	s.expect(wire.TypeAuditAdded)
	pocket.expect(wire.TypeMessage)
	if f := pocket.ask(object{"type": wire.TypeSubscribe, "feed": wire.FeedSessions}); f.Code != "forbidden" {
		l.t.Errorf("a user's subscription to everybody: %s", f.raw)
	}
	admin.ok("DELETE", "/admin/sessions/"+phone.session.ID, object{"message": "Bye"})
	pocket.closed(wire.CloseKicked)
	s.turn(wire.ChangeRemoved, phone.session.ID)
	user.enrol() // of which a mail tells
	s.expect(wire.TypeJobsChanged)
	tab.expect(wire.TypeAuthOK)
}

// owe signs in on one more device and lets it owe a factor that it pays by a frame.
func owe(user *device) {
	user.t.Helper()
	other := user.register("Tablet")
	phone := other.other("Phone")
	pocket := phone.connect()
	app := other.enrol()
	pocket.expect(wire.TypeMFARequired)
	pocket.ask(pays("000000"))
	if f := pocket.ask(pays(app.code())); f.Type != wire.TypeAck {
		user.t.Errorf("paying: %s", f.raw)
	}
}

// claims makes somebody a moderator before his own eyes.
func claims(l *lab, admin *device) {
	l.t.Helper()
	mod := l.register("Desk")
	s := mod.connect()
	admin.ok("PUT", "/admin/users/"+mod.user.ID+"/roles", object{"roles": []string{"moderator"}})
	s.expect(wire.TypeAuthChanged)
}

// wait opens sockets until the first ping, of which each has its own time, and ends the node.
func wait(l *lab, user *device) {
	l.t.Helper()
	var open []*socket
	for range 20 {
		open = append(open, user.connect())
	}
	eventually(l.t, "a ping and its pong", func() bool { return l.heard(wiretest.Client + wire.TypePong) })
	l.drain()
	for _, s := range open {
		s.expect(wire.TypeReconnect)
	}
}
