package client

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/coder/websocket"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// write sends one frame. A failure ends the link.
func (l *link) write(frame any) error {
	data, err := json.Marshal(frame)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.ctx, writeTimeout)
	defer cancel()
	if err := l.conn.Write(ctx, websocket.MessageText, data); err != nil {
		l.socket.lost(l)
		time.AfterFunc(leaveTimeout, l.cancel) // not at once: a close that says why may be there to be read
		return ErrDisconnected
	}
	return nil
}

// request sends a frame and waits for its ack.
func (l *link) request(ctx context.Context, req wire.Request) error {
	answered := make(chan error, 1)
	l.ask(req, func(err error) { answered <- err })
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask sends a frame. Its answer, or the lack of one, is given to f exactly once.
func (l *link) ask(req wire.Request, f func(error)) {
	id, ok := l.expect(f)
	if !ok {
		f(ErrDisconnected)
		return
	}
	req.ID = id
	if err := l.write(req); err != nil {
		l.answer(id, err)
	}
}

// expect makes an id for a request whose answer f waits for, unless the link is over.
func (l *link) expect(f func(error)) (id string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return "", false
	}
	l.lastID++
	id = strconv.Itoa(l.lastID)
	l.pending[id] = f
	return id, true
}

func (l *link) answer(id string, err error) {
	l.mu.Lock()
	f := l.pending[id]
	delete(l.pending, id)
	l.mu.Unlock()
	if f != nil {
		f(err)
	}
}

// spawn runs a task that shut waits for. It is not run once the link is over.
func (l *link) spawn(task func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.tasks.Go(task)
	}
}
