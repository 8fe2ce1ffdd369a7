package hub

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// How a feed bears trouble with the store or the registry.
const (
	loadTimeout  = 2 * time.Second // of one load, and for a first snapshot in all
	retryAtFirst = 250 * time.Millisecond
	retryAtMost  = 5 * time.Second
)

// feed is the devices of one user, alive while a socket here watches them. One goroutine at a time loads the list,
// and what changed goes to every watch in the same order: so snapshots and changes never contradict each other.
type feed struct {
	hub  *Hub
	user string
	kick chan struct{} // wakes a loader that waits to try again

	mu      sync.Mutex // guards the following
	watches map[*conn]*watch
	list    map[string]wire.Session // nil: never loaded
	seq     int64                   // of the last change; all watches share it
	reload  bool                    // records may have changed
	recount bool                    // connections may have changed
	loading bool
}

// load is one turn of the loader.
type load struct {
	records bool
	known   []string
	waiting []*watch // get a snapshot from it
}

func (c *conn) watchDevices() {
	w := c.watchOf(wire.FeedDevices)
	h := c.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, here := h.conns[c]; !here {
		return
	}
	f := h.feeds[c.userID]
	if f == nil {
		f = &feed{hub: h, user: c.userID, kick: make(chan struct{}, 1), watches: map[*conn]*watch{}, seq: 1}
		h.feeds[c.userID] = f
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watches[c] = w
	w.live, w.asked = false, time.Now()
	f.reload = true
	f.loadLocked()
	f.wake()
}

func (c *conn) unwatchDevices() {
	c.dropWatch(wire.FeedDevices)
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	c.hub.leaveFeedLocked(c)
}

// leaveFeedLocked takes the socket from its user's feed. The last one out ends it.
func (h *Hub) leaveFeedLocked(c *conn) {
	f := h.feeds[c.userID]
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watches, c)
	if len(f.watches) == 0 {
		delete(h.feeds, f.user)
		f.wake()
	}
}

func (f *feed) wake() {
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// changed notes that records, or else only counts, may have changed.
func (f *feed) changed(records bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if records {
		f.reload = true
	} else {
		f.recount = true
	}
	f.loadLocked()
}

// loadLocked starts the loader if it does not run. A feed with a watch has a socket, whose goroutine keeps the
// hub's work above zero.
func (f *feed) loadLocked() {
	if !f.loading && len(f.watches) > 0 {
		f.loading = true
		f.hub.work.Add(1)
		go f.run()
	}
}

// run loads as long as something may have changed.
func (f *feed) run() {
	defer f.hub.work.Done()
	backoff := retryAtFirst
	for {
		turn, ok := f.next()
		if !ok {
			return
		}
		if err := f.turn(turn); err == nil {
			backoff = retryAtFirst
			continue
		} else if f.hub.ctx.Err() == nil {
			f.hub.log.Warn("devices feed cannot load", "user", f.user, "err", err)
		}
		f.pause(f.failed(turn, backoff))
		backoff = min(2*backoff, retryAtMost)
	}
}

// next takes what is to be done. When there is nothing, the loader is over.
func (f *feed) next() (load, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.watches) == 0 || !f.reload && !f.recount || f.hub.ctx.Err() != nil {
		f.loading = false
		return load{}, false
	}
	turn := load{records: f.reload || f.list == nil}
	f.reload, f.recount = false, false
	if turn.records {
		for id := range f.list {
			turn.known = append(turn.known, id)
		}
		turn.waiting = f.waitingLocked()
	}
	return turn, true
}

func (f *feed) waitingLocked() []*watch {
	var out []*watch
	for _, w := range f.watches {
		if !w.live {
			out = append(out, w)
		}
	}
	return out
}

// turn loads and applies.
func (f *feed) turn(turn load) error {
	ctx, cancel := context.WithTimeout(f.hub.ctx, loadTimeout)
	defer cancel()
	var sessions []wire.Session
	if turn.records {
		var err error
		if sessions, err = f.hub.cfg.Devices.Sessions(ctx, f.user, turn.known); err != nil {
			return err
		}
	}
	presence, err := f.hub.cfg.Presence.Presence(ctx, f.user)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !turn.records {
		f.recountLocked(presence)
		return nil
	}
	f.replaceLocked(sessions, presence)
	for _, w := range turn.waiting {
		if f.watches[w.c] == w && !w.live {
			w.live = true
			w.start(f.snapshotLocked(w))
		}
	}
	return nil
}

// failed notes that the turn is still to be done, sends away who waited too long for a first snapshot, and returns
// how long to wait before trying again.
func (f *feed) failed(turn load, backoff time.Duration) time.Duration {
	now := time.Now()
	f.mu.Lock()
	f.reload, f.recount = f.reload || turn.records, f.recount || !turn.records
	var lost []*watch
	for _, w := range f.waitingLocked() {
		patience := w.asked.Add(loadTimeout).Sub(now)
		if patience <= 0 {
			lost = append(lost, w)
			continue
		}
		backoff = min(backoff, patience)
	}
	f.mu.Unlock()
	for _, w := range lost {
		w.c.unwatchDevices()
		w.c.send(wire.Error{Type: wire.TypeError, Code: "unavailable", RetryAfter: 1, Feed: w.name})
	}
	return backoff
}

func (f *feed) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-f.kick:
	case <-f.hub.ctx.Done():
	}
}

// resume gives a watch that fell behind a fresh snapshot.
func (f *feed) resume(w *watch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watches[w.c] == w && w.live {
		w.start(f.snapshotLocked(w))
		return
	}
	w.caughtUp() // it has left, or its first snapshot is still to come
}

func (f *feed) snapshotLocked(w *watch) []byte {
	devices := make([]wire.Session, 0, len(f.list))
	for _, s := range f.list {
		s.Current = s.ID == w.session
		devices = append(devices, s)
	}
	slices.SortFunc(devices, wire.ByInterest)
	return encode(wire.DevicesSnapshot{Type: wire.TypeDevicesSnapshot, Seq: f.seq, Devices: devices})
}
