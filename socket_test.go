package gatehouse_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/hub/wire/wiretest"
)

// frame is what came from the server.
type frame struct {
	Type, Re, Code, Change, Reason, Message, Name, Feed string
	Seq                                                 int64
	Devices                                             []wire.Session
	Device                                              wire.Session
	Sessions                                            []wire.Session
	Session                                             wire.Session
	Total                                               int
	Users                                               []wire.Presence
	UserID                                              string `json:"user_id"`
	Online                                              bool
	LastSeenAt                                          *wire.Time `json:"last_seen_at"`
	Event                                               wire.Event
	By                                                  wire.By
	User                                                wire.WelcomeUser
	Roles, Methods                                      []string
	AAL                                                 int
	TokenStale                                          bool  `json:"token_stale"`
	ExpiresIn                                           int   `json:"expires_in"`
	AfterMS                                             int64 `json:"after_ms"`
	RetryAfter                                          int   `json:"retry_after"`

	raw string
	at  time.Time
}

// socket is a WebSocket that answers pings and remembers everything.
type socket struct {
	t    testing.TB
	ws   *websocket.Conn
	note func(from string, frame []byte) // hears of all that goes over it

	asked, read int // by the test alone

	mu     sync.Mutex // guards the following
	moved  chan struct{}
	frames []frame
	ended  bool
	code   wire.CloseCode // 0 when it was cut
	reason string
	at     time.Time // of the end
}

// connect opens a socket with the access token and waits for its welcome.
func (d *device) connect() *socket {
	d.t.Helper()
	s := d.dial(wire.BearerPrefix+d.access, nil)
	s.expect(wire.TypeWelcome)
	return s
}

// watch is connect, and the devices feed up to its snapshot.
func (d *device) watch() *socket {
	d.t.Helper()
	s := d.connect()
	s.ack(object{"type": wire.TypeSubscribe, "feed": wire.FeedDevices})
	s.expect(wire.TypeDevicesSnapshot)
	return s
}

// dial opens a socket with the credential as a subprotocol, unless it is "".
func (l *lab) dial(credential string, header http.Header) *socket {
	l.t.Helper()
	s, resp, err := l.tryDial(credential, header)
	if err != nil {
		l.t.Fatalf("handshake: %v %v", resp, err)
	}
	return s
}

func (l *lab) tryDial(credential string, header http.Header) (*socket, *http.Response, error) {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	protocols := []string{wire.Protocol}
	if credential != "" {
		protocols = append(protocols, credential)
	}
	ws, resp, err := websocket.Dial(ctx, l.url+"/ws", &websocket.DialOptions{HTTPClient: l.http, Subprotocols: protocols, HTTPHeader: header})
	if err != nil {
		return nil, resp, err
	}
	ws.SetReadLimit(1 << 20)
	s := &socket{t: l.t, ws: ws, note: l.note, moved: make(chan struct{})}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		s.listen()
	}()
	l.t.Cleanup(func() {
		ws.CloseNow()
		<-gone
	})
	return s, resp, nil
}

func (s *socket) listen() {
	for {
		_, data, err := s.ws.Read(context.Background())
		var f frame
		if err == nil {
			err = json.Unmarshal(data, &f)
			f.raw, f.at = string(data), time.Now()
			s.note(wiretest.Server, data)
		}
		if err == nil && f.Type == wire.TypePing {
			s.send(object{"type": wire.TypePong})
			continue
		}
		s.hear(f, err)
		if err != nil {
			return
		}
	}
}

// hear remembers a frame, or the end.
func (s *socket) hear(f frame, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.frames = append(s.frames, f)
	} else {
		s.ended, s.at = true, time.Now()
		var closed websocket.CloseError
		if errors.As(err, &closed) {
			s.code, s.reason = wire.CloseCode(closed.Code), closed.Reason
		}
	}
	close(s.moved)
	s.moved = make(chan struct{})
}

// send sends what a client may send.
func (s *socket) send(frame any) { s.note(wiretest.Client, s.blurt(frame)) }

// blurt sends anything.
func (s *socket) blurt(frame any) []byte {
	data, err := json.Marshal(frame)
	must(s.t, err)
	_ = s.ws.Write(context.Background(), websocket.MessageText, data) // a socket that ended says so when it is read
	return data
}

// ask sends a request and waits for its answer.
func (s *socket) ask(request object) frame {
	s.t.Helper()
	s.asked++
	re := fmt.Sprint("ask", s.asked)
	request["id"] = re
	s.send(request)
	return s.find("the answer to "+fmt.Sprint(request["type"]), func(frames []frame) int {
		for i, f := range frames {
			if f.Re == re {
				return i
			}
		}
		return -1
	})
}

// ack is ask for what must be granted.
func (s *socket) ack(request object) {
	s.t.Helper()
	if f := s.ask(request); f.Type != wire.TypeAck {
		s.t.Fatalf("%v answered %s", request, f.raw)
	}
}

// works demands that the socket is open and has authority.
func (s *socket) works() {
	s.t.Helper()
	s.ack(object{"type": wire.TypeUnsubscribe, "feed": wire.FeedPresence})
}

// expect is the next frame of the type after the last that was expected.
func (s *socket) expect(kind string) frame {
	s.t.Helper()
	return s.next(kind, func(f frame) bool { return f.Type == kind })
}

// change is the next change of a device in the feed.
func (s *socket) change(kind, session string) frame {
	s.t.Helper()
	return s.next(kind+" of "+session, func(f frame) bool {
		return f.Type == wire.TypeDevicesChanged && f.Change == kind && f.Device.ID == session
	})
}

func (s *socket) next(what string, match func(frame) bool) frame {
	s.t.Helper()
	return s.find(what, func(frames []frame) int {
		for i := s.read; i < len(frames); i++ {
			if match(frames[i]) {
				s.read = i + 1
				return i
			}
		}
		return -1
	})
}

// find waits until pick finds a frame.
func (s *socket) find(what string, pick func([]frame) int) frame {
	s.t.Helper()
	var found frame
	s.await(what, func() bool {
		i := pick(s.frames)
		if i >= 0 {
			found = s.frames[i]
		}
		return i >= 0
	})
	return found
}

// await waits until so, which is asked under the lock, after every frame and the end.
func (s *socket) await(what string, so func() bool) {
	s.t.Helper()
	if !s.wait(so) {
		s.t.Fatalf("no %s before the end (%d %s) or in time; story: %s", what, s.code, s.reason, s.story())
	}
}

// wait is await for goroutines: it tells whether it came to be so.
func (s *socket) wait(so func() bool) bool {
	late := time.After(patience)
	for {
		s.mu.Lock()
		done, ended, moved := so(), s.ended, s.moved
		s.mu.Unlock()
		if done || ended {
			return done
		}
		select {
		case <-moved:
		case <-late:
			return false
		}
	}
}

// over waits for the end, and tells whether it came.
func (s *socket) over() (wire.CloseCode, bool) {
	ended := s.wait(func() bool { return s.ended })
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code, ended
}

// closed waits for the end, which must be the code with its name as the reason, and returns the last frame.
func (s *socket) closed(code wire.CloseCode) frame {
	s.t.Helper()
	s.await("close", func() bool { return s.ended })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.code != code || s.reason != code.Name() {
		s.t.Fatalf("closed %d %q, want %d %q", s.code, s.reason, code, code.Name())
	}
	if len(s.frames) == 0 {
		return frame{}
	}
	return s.frames[len(s.frames)-1]
}
