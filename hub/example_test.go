package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/hub"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// house is a program with accounts of its own. It tells the hub who may come in, and what it knows of sessions.
type house struct {
	hub *hub.Hub

	mu     sync.Mutex // guards the following
	people map[string]hub.Principal
	online map[string]int // connections by session
	ended  map[string]*hub.Error
}

func (h *house) Admit(*http.Request) error    { return nil }
func (h *house) HasCookie(*http.Request) bool { return false }

func (h *house) Authenticate(_ context.Context, c hub.Credential) (hub.Principal, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, known := h.people[c.Value]
	if !known || c.Kind != hub.Token {
		return p, &hub.Error{Code: "invalid_token"}
	}
	return p, nil
}

// Standing must know an end before SessionEnded is called.
func (h *house) Standing(p hub.Principal) (hub.Principal, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e := h.ended[p.SessionID]; e != nil {
		return p, e
	}
	return p, nil
}

func (h *house) Sessions(_ context.Context, userID string, _ []string) ([]wire.Session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []wire.Session
	for _, p := range h.people {
		if p.UserID == userID && h.ended[p.SessionID] == nil {
			list = append(list, wire.Session{ID: p.SessionID, UserID: userID, Name: "Device of " + userID})
		}
	}
	return list, nil
}

func (h *house) Report(userID, sessionID string, connections int) {
	h.mu.Lock()
	h.online[sessionID] = connections
	h.mu.Unlock()
	h.hub.PresenceChanged(userID)
}

func (h *house) Presence(_ context.Context, userID string) (map[string]hub.Presence, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]hub.Presence{}
	for _, p := range h.people {
		if n := h.online[p.SessionID]; p.UserID == userID && n > 0 {
			out[p.SessionID] = hub.Presence{Online: true, Connections: n}
		}
	}
	return out, nil
}

// Send carries messages: there is only this node.
func (h *house) Send(_ context.Context, d hub.Delivery) error {
	h.hub.Deliver(d)
	return nil
}

// end signs a session out: the record first, then the hub.
func (h *house) end(p hub.Principal, reason string) {
	frame := wire.SessionEnded{Reason: reason, By: wire.By{Kind: wire.ByAdmin}, At: wire.At(time.Now())}
	h.mu.Lock()
	h.ended[p.SessionID] = &hub.Error{Code: "session_revoked", Ended: &frame}
	h.mu.Unlock()
	h.hub.SessionEnded(hub.End{UserID: p.UserID, SessionID: p.SessionID, Frame: frame})
}

// A program embeds the hub with an Authenticator of its own: a client comes in, looks at its devices, and is signed out.
func Example() {
	ada := hub.Principal{UserID: "ada", SessionID: "laptop", Roles: []string{"user"}, AAL: 1, Issued: time.Now(), Expires: time.Now().Add(time.Hour)}
	h := &house{people: map[string]hub.Principal{"secret": ada}, online: map[string]int{}, ended: map[string]*hub.Error{}}
	h.hub = hub.New(hub.Config{Node: "one", Auth: h, Devices: h, Presence: h, Courier: h})
	server := httptest.NewServer(h.hub)
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	defer h.hub.Shutdown(ctx)

	socket, _, err := websocket.Dial(ctx, server.URL, &websocket.DialOptions{
		Subprotocols: []string{wire.Protocol, wire.BearerPrefix + "secret"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer socket.CloseNow()
	for {
		_, data, err := socket.Read(ctx)
		if err != nil {
			fmt.Printf("closed: %d\n", websocket.CloseStatus(err))
			return
		}
		var frame struct {
			Type, Reason string
			Devices      []wire.Session
		}
		json.Unmarshal(data, &frame)
		switch frame.Type {
		case wire.TypeWelcome:
			fmt.Println("welcome")
			socket.Write(ctx, websocket.MessageText, []byte(`{"type":"subscribe","feed":"devices"}`))
		case wire.TypeDevicesSnapshot:
			for _, d := range frame.Devices {
				fmt.Printf("%s, online: %t, current: %t\n", d.Name, d.Online, d.Current)
			}
			h.end(ada, wire.CloseKicked.Name())
		case wire.TypeSessionEnded:
			fmt.Println("ended:", frame.Reason)
		}
	}
	// Output:
	// welcome
	// Device of ada, online: true, current: true
	// ended: kicked
	// closed: 4502
}
