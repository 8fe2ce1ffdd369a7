package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Subscribe asks for a feed (such as wire.FeedDevices), now and after every reconnect. It returns when the server has
// agreed, waiting for a connection if there is none; a refusal is *Error.
func (s *Socket) Subscribe(ctx context.Context, feed string) error {
	for {
		l, err := s.wait(ctx)
		if err != nil {
			return err
		}
		s.want(feed, true)
		err = l.request(ctx, wire.Request{Type: wire.TypeSubscribe, Feed: feed})
		if errors.Is(err, ErrDisconnected) {
			continue
		}
		if err != nil {
			s.want(feed, false)
		}
		return err
	}
}

// Unsubscribe ends a feed.
func (s *Socket) Unsubscribe(ctx context.Context, feed string) error {
	s.want(feed, false)
	l := s.current()
	if l == nil {
		return nil // nobody will ask for it again
	}
	err := l.request(ctx, wire.Request{Type: wire.TypeUnsubscribe, Feed: feed})
	if errors.Is(err, ErrDisconnected) {
		return nil // and with the connection, its feeds
	}
	return err
}

// Send sends a message to the user's other devices. data is encoded as JSON, at most 4 KiB. It returns when the
// server has taken it, waiting for a connection if there is none. With ErrDisconnected it may have been sent or not.
func (s *Socket) Send(ctx context.Context, name string, data any) error {
	return s.send(ctx, "devices", name, data)
}

// SendTo is Send to all devices of any user. It is for admins.
func (s *Socket) SendTo(ctx context.Context, userID, name string, data any) error {
	return s.send(ctx, map[string]string{"user_id": userID}, name, data)
}

func (s *Socket) send(ctx context.Context, to any, name string, data any) error {
	address, err := json.Marshal(to)
	if err != nil {
		return err
	}
	body, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("send message: encode: %w", err)
	}
	l, err := s.wait(ctx)
	if err != nil {
		return err
	}
	return l.request(ctx, wire.Request{Type: wire.TypeMessage, To: address, Name: name, Data: body})
}

func (s *Socket) want(feed string, wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wanted {
		s.feeds[feed] = true
	} else {
		delete(s.feeds, feed)
	}
}

func (s *Socket) wants(feed string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.feeds[feed]
}
