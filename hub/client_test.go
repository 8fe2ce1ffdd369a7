package hub

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// frame is what came from the server.
type frame struct {
	Type, Re, Code, Change, Reason, Name, Feed string
	Seq                                        int64
	Devices                                    []wire.Session
	Device                                     wire.Session
	Sessions                                   []wire.Session
	Session                                    wire.Session
	Total                                      int
	Users                                      []wire.Presence
	UserID                                     string `json:"user_id"`
	Online                                     bool
	LastSeenAt                                 *wire.Time `json:"last_seen_at"`
	Event                                      wire.Event
	Job                                        wire.Job
	Data                                       json.RawMessage
	From                                       wire.From
	Roles, Methods                             []string
	User                                       wire.WelcomeUser
	TokenStale                                 bool  `json:"token_stale"`
	ExpiresIn                                  int   `json:"expires_in"`
	RetryAfter                                 int   `json:"retry_after"`
	AfterMS                                    int64 `json:"after_ms"`
	AAL                                        int
	raw                                        string
	at                                         time.Time
}

// client is one socket, seen from its other end.
type client struct {
	t    *testing.T
	ws   *websocket.Conn
	net  net.Conn
	mute bool

	asked int // by the test alone
	held  atomic.Pointer[chan struct{}]

	mu     sync.Mutex
	frames []frame
	code   int // of the close; 0 while open, -1 when cut
	reason string
	at     time.Time
}

func (c *client) read() {
	for c.readOne() {
	}
}

func (c *client) readOne() bool {
	_, data, err := c.ws.Read(context.Background())
	if err != nil {
		c.close(err)
		return false
	}
	if gate := c.held.Load(); gate != nil {
		<-*gate
	}
	var f frame
	if err := json.Unmarshal(data, &f); err != nil {
		f.Type = "not json: " + err.Error()
	}
	f.raw, f.at = string(data), time.Now()
	c.mu.Lock()
	c.frames = append(c.frames, f)
	c.mu.Unlock()
	if f.Type == "ping" && !c.mute {
		c.ws.Write(context.Background(), websocket.MessageText, []byte(`{"type":"pong"}`))
	}
	return true
}

func (c *client) close(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.code = time.Now(), -1
	var ce websocket.CloseError
	if errors.As(err, &ce) {
		c.code, c.reason = int(ce.Code), ce.Reason
	}
	c.net.Close()
}

func (c *client) send(text string) {
	c.ws.Write(context.Background(), websocket.MessageText, []byte(text))
}

// ask sends a request and gives its answer.
func (c *client) ask(text string) frame {
	c.t.Helper()
	c.asked++
	re := fmt.Sprint("ask", c.asked)
	c.send(strings.Replace(text, "{", `{"id":"`+re+`",`, 1))
	return c.answer(re)
}

// hold stops the reading after the next frame, until release.
func (c *client) hold() {
	gate := make(chan struct{})
	c.held.CompareAndSwap(nil, &gate)
}

func (c *client) release() {
	if gate := c.held.Swap(nil); gate != nil {
		close(*gate)
	}
}

// listen begins to read on a socket that was deaf.
func (c *client) listen() { go c.read() }

// raw writes bytes beneath the WebSocket library.
func (c *client) raw(b []byte) { c.net.Write(b) }

// masked is a frame as a client sends it. The mask is zero, so that the payload shows.
func masked(fin bool, opcode byte, payload []byte) []byte {
	b := []byte{opcode, 0x80}
	if fin {
		b[0] |= 0x80
	}
	switch n := len(payload); {
	case n > 0xffff:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	case n > 125:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] |= byte(n)
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// all is every frame of the type so far, once nothing moves any more.
func (c *client) all(kind string) []frame {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []frame
	for _, f := range c.frames {
		if f.Type == kind {
			out = append(out, f)
		}
	}
	return out
}

// one is the only frame of the type so far.
func (c *client) one(kind string) frame {
	c.t.Helper()
	got := c.all(kind)
	if len(got) != 1 {
		c.t.Fatalf("%d frames %s, want one; story: %s", len(got), kind, c.story())
	}
	return got[0]
}

func (c *client) none(kind string) {
	c.t.Helper()
	if n := len(c.all(kind)); n != 0 {
		c.t.Fatalf("%d frames %s, want none; story: %s", n, kind, c.story())
	}
}

// answer is the frame that answers the request.
func (c *client) answer(re string) frame {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	var got []frame
	for _, f := range c.frames {
		if f.Re == re {
			got = append(got, f)
		}
	}
	c.mu.Unlock()
	if len(got) != 1 {
		c.t.Fatalf("%d answers to %q, want one; story: %s", len(got), re, c.story())
	}
	return got[0]
}

// works demands that the socket is open and answers.
func (c *client) works() {
	c.t.Helper()
	if f := c.ask(`{"type":"unsubscribe","feed":"presence"}`); f.Type != "ack" {
		c.t.Fatalf("answered %s", f.raw)
	}
}

// closed demands that the socket is closed with the code, its name as the reason.
func (c *client) closed(code wire.CloseCode) {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	got, reason := c.code, c.reason
	c.mu.Unlock()
	if got != int(code) || code > 0 && reason != code.Name() {
		c.t.Fatalf("closed %d %q, want %d %q; story: %s", got, reason, code, code.Name(), c.story())
	}
}

// closedAfter is how long after an instant the socket was closed.
func (c *client) closedAfter(began time.Time) time.Duration {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.code == 0 {
		c.t.Fatal("still open")
	}
	return c.at.Sub(began)
}

func (c *client) isOpen() bool {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code == 0
}

// last is the frame before the close.
func (c *client) last() frame {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.frames) == 0 {
		c.t.Fatal("no frame came")
	}
	return c.frames[len(c.frames)-1]
}

func (c *client) story() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, f := range c.frames {
		b.WriteString("\n  " + f.raw)
	}
	return b.String()
}

// replay applies the changes since the last snapshot of the devices, whose seq must have no gap.
func (c *client) replay() map[string]wire.Session {
	c.t.Helper()
	return c.replayOf("devices")
}

// replayOf is the list of the feed devices or sessions as its snapshot and changes told it.
func (c *client) replayOf(feed string) map[string]wire.Session {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	list, seq := map[string]wire.Session{}, int64(0)
	for _, f := range c.frames {
		switch f.Type {
		case feed + ".snapshot":
			clear(list)
			for _, s := range append(f.Devices, f.Sessions...) {
				list[s.ID] = s
			}
		case feed + ".changed":
			if f.Seq != seq+1 {
				c.t.Fatalf("seq %d after %d", f.Seq, seq)
			}
			s := f.Device
			if feed == "sessions" {
				s = f.Session
			}
			if f.Change == "removed" {
				delete(list, s.ID)
			} else {
				list[s.ID] = s
			}
		default:
			continue
		}
		seq = f.Seq
	}
	return maps.Clone(list)
}
