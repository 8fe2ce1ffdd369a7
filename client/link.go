package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

const (
	dialTimeout   = 15 * time.Second
	welcomeWithin = 15 * time.Second // of the handshake
	writeTimeout  = 10 * time.Second
	leaveTimeout  = time.Second // for the server to answer our close
	maxFrame      = 4 << 20     // of a server's frame: a snapshot may be long
)

// link is one connection of a Socket.
type link struct {
	// Static after construction.
	socket *Socket
	conn   *websocket.Conn
	ctx    context.Context // of everything the link does; its end cuts the connection
	cancel context.CancelFunc

	// Owned by the read loop.
	patience  time.Duration // how long the server may be silent
	devices   devices
	welcomed  time.Time
	farewell  loss               // what the server said about coming back
	endFrame  *wire.SessionEnded // what it said about the end
	sessionID string             // written before the link is opened
	behind    bool               // the handlers did not keep up

	auth  sync.Mutex // guards the following, and is held while an auth frame is written
	token string     // the last one shown
	again bool       // the server could not look at it: show it once more

	mu      sync.Mutex // guards the following
	over    bool
	lastID  int
	pending map[string]func(error) // by id of the request
	end     *EndedError            // a refused refresh said it
	tasks   sync.WaitGroup
}

// dial makes a connection that shows token.
func dial(s *Socket, token string) (*link, error) {
	ctx, cancel := context.WithTimeout(s.ctx, dialTimeout)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, s.client.cfg.BaseURL+"/ws", &websocket.DialOptions{
		HTTPClient:   s.client.http,
		HTTPHeader:   http.Header{"User-Agent": {s.client.cfg.UserAgent}},
		Subprotocols: []string{wire.Protocol, wire.BearerPrefix + token},
	})
	if err != nil {
		return nil, refusedDial(resp, err)
	}
	if conn.Subprotocol() != wire.Protocol {
		conn.CloseNow()
		return nil, errors.New("connect: the server does not speak " + wire.Protocol)
	}
	conn.SetReadLimit(maxFrame)
	l := &link{socket: s, conn: conn, token: token, patience: welcomeWithin, pending: map[string]func(error){}}
	l.ctx, l.cancel = context.WithCancel(context.Background()) // not of s.ctx: Close says goodbye first
	if current, session := s.client.current(); current == token {
		l.sessionID = session // an end can come before the welcome
	}
	return l, nil
}

// refusedDial is the problem that an answer without an upgrade carries, if it does.
func refusedDial(resp *http.Response, err error) error {
	if resp == nil || resp.Body == nil || resp.StatusCode == http.StatusSwitchingProtocols {
		return fmt.Errorf("connect: %w", err)
	}
	body, _ := io.ReadAll(resp.Body)
	return fmt.Errorf("connect: %w", refusal(resp, body))
}

// serve reads until the connection ends, and leaves nothing running.
func (l *link) serve() loss {
	left := make(chan struct{})
	stop := context.AfterFunc(l.socket.ctx, func() { defer close(left); l.leave() })
	err := l.read()
	if !stop() {
		<-left
	}
	l.shut()
	return l.loss(err)
}

// leave closes politely; a server that does not answer is not waited for.
func (l *link) leave() {
	cut := time.AfterFunc(leaveTimeout, l.cancel)
	defer cut.Stop()
	_ = l.conn.Close(websocket.StatusNormalClosure, "")
}

// shut fails what waits for an answer and waits for every task.
func (l *link) shut() {
	l.socket.lost(l)
	l.cancel()
	_ = l.conn.CloseNow()
	l.mu.Lock()
	l.over = true
	pending := l.pending
	l.pending = nil
	l.mu.Unlock()
	for _, answer := range pending {
		answer(ErrDisconnected)
	}
	l.tasks.Wait()
}

// read handles frames until there are no more.
func (l *link) read() error {
	for {
		ctx, cancel := context.WithTimeout(l.ctx, l.patience)
		_, data, err := l.conn.Read(ctx)
		cancel()
		if err != nil {
			return err
		}
		if err := l.handle(data); err != nil {
			return fmt.Errorf("frame of the server: %w", err)
		}
		if l.behind {
			return errBehind
		}
	}
}
