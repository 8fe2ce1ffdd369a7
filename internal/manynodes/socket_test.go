package manynodes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// socket is one that keeps what it is told.
type socket struct {
	t    testing.TB
	ws   *websocket.Conn
	over chan struct{} // closed when the socket has ended

	mu      sync.Mutex // guards the following
	devices map[string]wire.Session
	seq     int64
	changes []wire.DevicesChanged
	broken  string // what was wrong with the feed
	code    int    // of the close; 0: cut
	ended   time.Time
	endedBy *wire.SessionEnded
	told    []string // the types of frames
}

// dial opens a socket by an access token; with watch it follows the devices.
func (n *node) dial(token string, watch bool) *socket {
	n.s.t.Helper()
	k, err := dial(n.s.t, n.URL, token, watch)
	if err != nil {
		n.s.t.Fatal(err)
	}
	return k
}

func dial(t testing.TB, base, token string, watch bool) (*socket, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, strings.Replace(base, "http", "ws", 1)+"/ws", &websocket.DialOptions{
		Subprotocols: []string{wire.Protocol, wire.BearerPrefix + token},
	})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(16 << 20)
	k := &socket{t: t, ws: ws, over: make(chan struct{})}
	_, first, err := ws.Read(ctx)
	if err != nil || !strings.Contains(string(first), `"welcome"`) {
		ws.CloseNow()
		return nil, fmt.Errorf("no welcome: %s %w", first, err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	go k.read()
	if watch {
		k.say(`{"type":"subscribe","feed":"devices"}`)
		servertest.Eventually(t, "a snapshot", func() bool {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.devices != nil
		})
	}
	return k, nil
}

func (k *socket) say(frame string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = k.ws.Write(ctx, websocket.MessageText, []byte(frame)) // a socket that ended says so by its end
}

func (k *socket) read() {
	defer close(k.over)
	for {
		_, data, err := k.ws.Read(context.Background())
		if err != nil {
			k.mu.Lock()
			k.code, k.ended = max(0, int(websocket.CloseStatus(err))), time.Now()
			k.mu.Unlock()
			return
		}
		k.hear(data)
	}
}

func (k *socket) hear(data []byte) {
	var head struct{ Type string }
	if json.Unmarshal(data, &head) != nil {
		return
	}
	if head.Type == wire.TypePing {
		k.say(`{"type":"pong"}`)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.told = append(k.told, head.Type)
	switch head.Type {
	case wire.TypeSessionEnded:
		k.endedBy = new(wire.SessionEnded)
		_ = json.Unmarshal(data, k.endedBy)
	case wire.TypeDevicesSnapshot:
		var f wire.DevicesSnapshot
		if err := json.Unmarshal(data, &f); err != nil {
			k.broken = err.Error()
		}
		k.devices, k.seq = map[string]wire.Session{}, f.Seq
		for _, d := range f.Devices {
			k.devices[d.ID] = d
		}
	case wire.TypeDevicesChanged:
		var f wire.DevicesChanged
		if err := json.Unmarshal(data, &f); err != nil {
			k.broken = err.Error()
		}
		k.change(f)
	}
}

// change applies a change, which must be the next.
func (k *socket) change(f wire.DevicesChanged) {
	if f.Seq != k.seq+1 {
		k.broken = fmt.Sprintf("change %d after %d", f.Seq, k.seq)
	}
	k.seq = f.Seq
	k.changes = append(k.changes, f)
	if f.Change == wire.ChangeRemoved {
		delete(k.devices, f.Device.ID)
		return
	}
	k.devices[f.Device.ID] = f.Device
}

// online tells whether a device is, as far as this socket was told.
func (k *socket) online(session string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.devices[session].Online
}

func (k *socket) count(change, session string) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.changes {
		if c.Change == change && c.Device.ID == session {
			n++
		}
	}
	return n
}

// open tells whether it has not ended.
func (k *socket) open() bool {
	select {
	case <-k.over:
		return false
	default:
		return true
	}
}

// end waits for the end of the socket and returns its close code and when that was.
func (k *socket) end(within time.Duration) (code int, at time.Time) {
	k.t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-k.over:
	case <-timer.C:
		k.t.Fatalf("the socket is open after %s", within)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.code, k.ended
}

func (k *socket) sound() {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken != "" {
		k.t.Errorf("the feed is broken: %s", k.broken)
	}
}

// differs says where what the socket was told is not the truth.
func (k *socket) differs(truth map[string]int) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := ""
	for id, n := range truth {
		d, there := k.devices[id]
		if !there || !d.Current && (d.Connections != n || d.Online != (n > 0)) {
			out += fmt.Sprintf("%s want %d got %v %d %v; ", id, n, there, d.Connections, d.Online)
		}
	}
	for id := range k.devices {
		if _, ok := truth[id]; !ok {
			out += id + " should be gone; "
		}
	}
	return out
}
