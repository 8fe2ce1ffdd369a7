package client_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// watcher writes down what the Devices handler gets: "change: ids in order".
type watcher struct{ seen []string }

func (w *watcher) handle(list []wire.Session, change *wire.DevicesChanged) {
	line := "snapshot:"
	if change != nil {
		line = change.Change + ":"
	}
	for _, s := range list {
		line += " " + s.ID
		if s.Online {
			line += "*"
		}
	}
	w.seen = append(w.seen, line)
	clear(list) // it is ours
}

func (w *watcher) want(t *testing.T, lines ...string) {
	t.Helper()
	synctest.Wait()
	if strings.Join(w.seen, "\n") != strings.Join(lines, "\n") {
		t.Errorf("heard %q, want %q", w.seen, lines)
	}
	w.seen = nil
}

func device(id string, online bool, seen int) object {
	return object{"id": id, "current": id == "me", "online": online, "last_seen_at": time.Date(2026, 5, 1, seen, 0, 0, 0, time.UTC)}
}

func snapshot(seq int, list ...object) object {
	return object{"type": "devices.snapshot", "seq": seq, "devices": list}
}

func changed(seq int, change string, d object) object {
	return object{"type": "devices.changed", "seq": seq, "change": change, "device": d}
}

// subscribed is a socket whose devices feed stands.
func subscribed(t *testing.T, h *house, c *client.Client, w *watcher) (*client.Socket, *peer) {
	t.Helper()
	s, p := connect(t, h, c, client.Handlers{Devices: w.handle})
	acked := make(chan error, 1)
	go func() { acked <- s.Subscribe(t.Context(), wire.FeedDevices) }()
	if f := p.ack("subscribe"); f.Feed != "devices" {
		t.Errorf("subscribed to %q", f.Feed)
	}
	if err := <-acked; err != nil {
		t.Fatal(err)
	}
	return s, p
}

func TestDevicesList(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		w := &watcher{}
		s, p := subscribed(t, h, c, w)
		p.send(snapshot(1, device("me", true, 9), device("b", true, 8), device("c", false, 7)))
		w.want(t, "snapshot: me* b* c")
		p.send(changed(2, "added", device("d", false, 9)))
		p.send(changed(3, "online", device("d", true, 9)))
		p.send(changed(4, "offline", device("b", false, 8)))
		p.send(changed(5, "updated", device("c", false, 10)))
		p.send(changed(6, "removed", device("d", true, 9)))
		w.want(t, "added: me* b* d c", "online: me* d* b* c", "offline: me* d* b c", "updated: me* d* c b", "removed: me* c b")
		p.conn.CloseNow()
		s.Close()
	})
}

// TestGapMeansSnapshot: anything but last + 1 is not applied, nor what follows it, until a snapshot came.
func TestGapMeansSnapshot(t *testing.T) {
	for _, seq := range []int{1, 0, 3, 900} {
		t.Run(fmt.Sprint(seq), func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				w := &watcher{}
				s, p := subscribed(t, h, c, w)
				p.send(snapshot(1, device("me", true, 9)))
				p.send(changed(seq, "added", device("b", false, 8)))
				if f := p.expect("subscribe"); f.Feed != "devices" {
					t.Errorf("asked for %q", f.Feed)
				}
				p.send(changed(seq+1, "added", device("c", false, 8)))
				p.send(snapshot(1, device("me", true, 9), device("b", false, 8)))
				p.send(changed(2, "removed", device("b", false, 8)))
				w.want(t, "snapshot: me*", "snapshot: me* b", "removed: me*")
				p.conn.CloseNow()
				s.Close()
			})
		})
	}
}

func TestFeedsComeBackWithTheConnection(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		w := &watcher{}
		s, p := subscribed(t, h, c, w)
		p.send(snapshot(7, device("me", true, 9)))
		synctest.Wait()
		p.conn.CloseNow()
		again := h.greet()
		again.expect("subscribe")
		again.send(changed(8, "removed", device("me", true, 9))) // nothing of the old connection counts
		again.send(snapshot(1, device("me", true, 9), device("b", true, 9)))
		w.want(t, "snapshot: me*", "snapshot: me* b*")

		unsubscribed := make(chan error, 1)
		go func() { unsubscribed <- s.Unsubscribe(t.Context(), wire.FeedDevices) }()
		again.ack("unsubscribe")
		if err := <-unsubscribed; err != nil {
			t.Error(err)
		}
		again.conn.CloseNow()
		third := h.greet()
		third.send(object{"type": "ping"})
		third.expect("pong") // and no subscribe before it
		third.conn.CloseNow()
		s.Close()
	})
}

func TestFeedLost(t *testing.T) {
	for lost, again := range map[string]bool{"unavailable": true, "forbidden": false} {
		t.Run(lost, func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				s, p := subscribed(t, h, c, &watcher{})
				p.send(object{"type": "error", "code": lost, "feed": "devices"})
				time.Sleep(5 * time.Second)
				p.send(object{"type": "ping"})
				if again {
					p.expect("subscribe")
				}
				p.expect("pong")
				p.conn.CloseNow()
				s.Close()
			})
		})
	}
}

// TestRefusedAfterReconnect: nobody waits for the answer any more, so the handler hears it.
func TestRefusedAfterReconnect(t *testing.T) {
	for lost, again := range map[string]bool{"rate_limited": true, "token_expired": true, "forbidden": false} {
		t.Run(lost, func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				heard := make(chan *client.Error, 1)
				s, p := connect(t, h, c, client.Handlers{Error: func(err *client.Error) { heard <- err }})
				go s.Subscribe(t.Context(), wire.FeedDevices)
				p.ack("subscribe")
				synctest.Wait()
				p.conn.CloseNow()
				p = h.greet()
				p.send(object{"type": "error", "re": p.expect("subscribe").ID, "code": lost, "retry_after": 3})
				if err := <-heard; err.Code != lost {
					t.Errorf("heard %v", err)
				}
				time.Sleep(4 * time.Second)
				p.send(object{"type": "ping"})
				if again {
					p.expect("subscribe")
				}
				p.expect("pong")
				p.conn.CloseNow()
				s.Close()
			})
		})
	}
}

func TestUnsubscribeDoesNotWaitForAConnection(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		s, p := subscribed(t, h, c, &watcher{})
		p.conn.CloseNow()
		synctest.Wait()
		if err := s.Unsubscribe(t.Context(), wire.FeedDevices); err != nil {
			t.Error(err)
		}
		again := h.greet()
		again.send(object{"type": "ping"})
		again.expect("pong") // and no subscribe before it
		again.conn.CloseNow()
		s.Close()
	})
}

func TestRefusedSubscription(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		s, p := connect(t, h, c, client.Handlers{})
		refused := make(chan error, 1)
		go func() { refused <- s.Subscribe(t.Context(), wire.FeedAudit) }()
		p.send(object{"type": "error", "re": p.expect("subscribe").ID, "code": "forbidden"})
		if err := <-refused; !code("forbidden")(err) {
			t.Errorf("Subscribe: %v", err)
		}
		p.conn.CloseNow()
		again := h.greet()
		again.send(object{"type": "ping"})
		again.expect("pong") // and no subscribe before it
		again.conn.CloseNow()
		s.Close()
	})
}
