package redis

import (
	"context"
	"maps"
	"slices"
	"sync"

	driver "github.com/redis/go-redis/v9"
)

// watches are the users this node wants to hear of although they may not be here, and the subscription by which.
type watches struct {
	mu        sync.Mutex // guards the following
	sub       *driver.PubSub
	byChannel map[string]*watched
}

type watched struct {
	watchers  int
	late      bool          // somebody did not wait for it
	live      bool          // Redis has confirmed it on the present subscription
	confirmed chan struct{} // closed when Redis has confirmed it once
}

// Watch has the user's changes told to this node, wherever his connections are, until stop is called. It returns
// when Redis has confirmed it, so that what is read after it misses nothing. When ctx ends before, or Redis cannot be
// reached, it returns too, and a gap is told once it is confirmed.
func (c *Cluster) Watch(ctx context.Context, userID string) (stop func()) {
	return c.watch(ctx, c.names.watch(userID))
}

// WatchAll is Watch for everybody.
func (c *Cluster) WatchAll(ctx context.Context) (stop func()) {
	return c.watch(ctx, c.names.watchAll())
}

func (c *Cluster) watch(ctx context.Context, channel string) (stop func()) {
	confirmed := c.watches.begin(c.ctx, channel)
	if c.able() {
		select {
		case <-confirmed:
		case <-ctx.Done():
			c.watches.lag(channel)
		case <-c.ctx.Done():
		}
	}
	return sync.OnceFunc(func() { c.watches.end(c.ctx, channel) })
}

// begin subscribes for the first watcher. An error of the connection ends the subscription, and the next has it.
func (w *watches) begin(ctx context.Context, channel string) (confirmed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.byChannel[channel]
	if one == nil {
		one = &watched{confirmed: make(chan struct{})}
		w.byChannel[channel] = one
		if w.sub != nil {
			_ = w.sub.Subscribe(ctx, channel)
		}
	}
	one.watchers++
	return one.confirmed
}

func (w *watches) end(ctx context.Context, channel string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.byChannel[channel]
	if one.watchers--; one.watchers > 0 {
		return
	}
	delete(w.byChannel, channel)
	if w.sub != nil {
		_ = w.sub.Unsubscribe(ctx, channel)
	}
}

// attach makes sub the present subscription and returns the channels it is to have.
func (w *watches) attach(sub *driver.PubSub) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sub = sub
	return slices.Collect(maps.Keys(w.byChannel))
}

func (w *watches) detach() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sub = nil
	for _, one := range w.byChannel {
		one.live = false
	}
}

// drop ends the present subscription, so that another begins.
func (w *watches) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sub != nil {
		_ = w.sub.Close()
	}
}

// lag notes that somebody did not wait for the channel.
func (w *watches) lag(channel string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one := w.byChannel[channel]; one != nil {
		one.late = true
	}
}

// confirmed notes Redis's word about a channel, and tells whether somebody who did not wait for it missed something.
func (w *watches) confirmed(m *driver.Subscription) (gap bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.byChannel[m.Channel]
	if one == nil {
		return false
	}
	one.live = m.Kind == "subscribe"
	if !one.live {
		return false
	}
	gap, one.late = one.late, false
	select {
	case <-one.confirmed:
	default:
		close(one.confirmed)
	}
	return gap
}

// twice tells whether what came on a user's channel also comes on the one for everybody.
func (w *watches) twice(channel string, n names) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.byChannel[n.watchAll()]
	return channel != n.watchAll() && all != nil && all.live
}
