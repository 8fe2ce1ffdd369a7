package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Handlers are told what a Socket hears, one call at a time, in order; any may be nil. They may use the Socket, but
// not Close it. When they fall 64 events behind and do not catch up within ten seconds, the connection is given up
// and made again: feeds begin anew with snapshots, messages in between are lost.
type Handlers struct {
	// Connected is called when a connection stands, the first and every later one.
	Connected func(wire.Welcome)
	// Disconnected is called when it was lost, or could not be made, and will be tried again after retry.
	Disconnected func(err error, retry time.Duration)
	// Devices gets the whole list after every change of the devices feed: this device first, then those online, then
	// the recent ones. change is nil for a snapshot. The list is the handler's.
	Devices func(list []wire.Session, change *wire.DevicesChanged)
	// Message is called for messages of other devices and of staff.
	Message func(wire.Message)
	// Authority is called when the socket's roles or level change, or its authority was renewed.
	Authority func(roles []string)
	// Error is called for refusals that answer nothing that was asked.
	Error func(*Error)
	// Frame gets every frame but pings as it came, before the handler that its type may have here.
	Frame func(frameType string, frame json.RawMessage)
}

// What the handlers may be behind, and how long a connection then waits for them.
const (
	maxEvents       = 64
	handlerPatience = 10 * time.Second
)

var errBehind = errors.New("the handlers do not keep up")

// Socket is a live connection that is made again when it is lost.
type Socket struct {
	// Static after construction.
	client   *Client
	handlers Handlers
	ctx      context.Context // its end is the end of the socket
	cancel   context.CancelFunc
	events   chan func() // what handlers are still to hear
	done     chan struct{}

	mu    sync.Mutex // guards the following
	link  *link      // nil while there is none
	up    chan struct{}
	feeds map[string]bool // to be subscribed to on every new link
	err   error           // why it stopped
}

// Connect keeps a socket until ctx ends, Close is called, or the session does. It returns at once.
func (c *Client) Connect(ctx context.Context, h Handlers) *Socket {
	s := &Socket{client: c, handlers: h, events: make(chan func(), maxEvents), done: make(chan struct{}),
		up: make(chan struct{}), feeds: map[string]bool{}}
	s.ctx, s.cancel = context.WithCancel(ctx)
	c.mu.Lock()
	c.sockets[s] = struct{}{}
	c.mu.Unlock()
	go s.run()
	return s
}

// Close ends the socket politely and waits until nothing of it runs. It must not be called by a handler.
func (s *Socket) Close() error {
	s.cancel()
	<-s.done
	return nil
}

// Done is closed when the socket has stopped for good.
func (s *Socket) Done() <-chan struct{} { return s.done }

// Err is why the socket stopped: *EndedError, ErrSignedOut, or ErrClosed for Close or the end of its context. It is
// nil while it lives.
func (s *Socket) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// run connects again and again, while another goroutine calls the handlers.
func (s *Socket) run() {
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for tell := range s.events {
			tell()
		}
	}()
	err := s.keep()
	s.client.mu.Lock()
	delete(s.client.sockets, s)
	s.client.mu.Unlock()
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
	s.cancel() // a handler may wait for a link that never comes
	close(s.events)
	<-heard
	close(s.done)
}

// keep returns why there is no coming back.
func (s *Socket) keep() error {
	var b backoff
	for {
		lost := s.connect()
		if s.ctx.Err() != nil && !stopped(lost.err) {
			return ErrClosed
		}
		if lost.final {
			return lost.err
		}
		wait := b.next(lost)
		s.tell(s.handlers.Disconnected != nil, func() { s.handlers.Disconnected(lost.err, wait) })
		if !sleep(s.ctx, wait) {
			return ErrClosed
		}
	}
}

// connect is one connection, from the dial to its end.
func (s *Socket) connect() loss {
	token, err := s.client.token(s.ctx)
	if err != nil {
		return loss{err: err, final: stopped(err), retryAfter: retryAfter(err)}
	}
	l, err := dial(s, token)
	if err != nil {
		return loss{err: err, retryAfter: retryAfter(err)}
	}
	return l.serve()
}

func retryAfter(err error) time.Duration {
	var said *Error
	if errors.As(err, &said) {
		return said.RetryAfter
	}
	return 0
}

// tell hands an event to the handlers' goroutine, if anybody wants it. It is false, and the event lost, when they
// have no room for it in time: a handler may itself be waiting for what only this caller can bring.
func (s *Socket) tell(wanted bool, event func()) bool {
	if !wanted {
		return true
	}
	select {
	case s.events <- event:
		return true
	default:
	}
	patience := time.NewTimer(handlerPatience)
	defer patience.Stop()
	select {
	case s.events <- event:
		return true
	case <-s.ctx.Done():
	case <-patience.C:
	}
	return false
}

// reauth shows the new token on the open connection. It does not wait.
func (s *Socket) reauth() {
	if l := s.current(); l != nil {
		l.spawn(l.reauth)
	}
}

// current is the open link, nil while there is none.
func (s *Socket) current() *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link
}

// opened makes l the link that requests use, and says which feeds it owes.
func (s *Socket) opened(l *link) (feeds []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link = l
	close(s.up)
	for feed := range s.feeds {
		feeds = append(feeds, feed)
	}
	return feeds
}

func (s *Socket) lost(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link == l {
		s.link, s.up = nil, make(chan struct{})
	}
}

// wait is the open link, once there is one.
func (s *Socket) wait(ctx context.Context) (*link, error) {
	for {
		s.mu.Lock()
		l, up := s.link, s.up
		s.mu.Unlock()
		if l != nil {
			return l, nil
		}
		select {
		case <-up:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.ctx.Done():
			return nil, cmp.Or(s.Err(), ErrClosed)
		}
	}
}
