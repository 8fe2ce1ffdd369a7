package hub

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// How a feed bears trouble with what it reads.
const (
	loadTimeout  = 2 * time.Second // of one load, and for a first snapshot in all
	retryAtFirst = 250 * time.Millisecond
	retryAtMost  = 5 * time.Second
)

// feed is what sockets here watch together, alive while one does. One goroutine at a time loads, and what changed goes
// to every watch in the same order: so snapshots and changes never contradict each other.
type feed struct {
	hub    *Hub
	key    feedKey
	kick   chan struct{} // wakes a loader that waits to try again
	matter matter

	mu      sync.Mutex // guards the following, and the matter
	watches map[*conn]*watch
	ending  []func() // to be called under no lock: they stop what the feed followed
	loading bool
}

// feedKey tells feeds apart: every user has devices of his own, of the others there is one.
type feedKey struct{ name, user string }

// matter is what a feed is about: it notes what may have changed, loads it and tells the watches. All of it is called
// under the feed's mu.
type matter interface {
	joined(w *watch)
	// left is called when the watch is in the feed no longer.
	left(w *watch)
	// resume gives a watch that fell behind a fresh snapshot, now or in a turn. It is false when there are none.
	resume(w *watch) bool
	// resync notes that anything may have changed.
	resync()
	// next takes what is to be loaded; nil when nothing is.
	next() turn
}

// turn is one turn of the loader.
type turn interface {
	load(ctx context.Context) error // under no lock
	apply()                         // tells what was loaded, under the feed's mu
	failed()                        // notes that it is still to be done, under the feed's mu
}

// attend puts the watch into its feed, which begins with the first one, in the place of the socket's earlier one.
func (h *Hub) attend(w *watch, kind feedKind) {
	s := h.shardOf(w.key.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !w.c.keep(w) {
		return
	}
	f := s.feeds[w.key]
	if f == nil {
		f = &feed{hub: h, key: w.key, kick: make(chan struct{}, 1), watches: map[*conn]*watch{}}
		f.matter = kind.matter(f)
		s.feeds[w.key] = f
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	earlier := f.watches[w.c]
	f.watches[w.c] = w
	w.asked = time.Now()
	f.matter.joined(w) // before the other leaves: what both want goes on
	if earlier != nil {
		f.matter.left(earlier)
	}
	f.loadLocked()
	f.wake()
}

// leave takes the watch from its socket and its feed, and tells whether it was there.
func (h *Hub) leave(w *watch) bool {
	s := h.shardOf(w.key.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaveLocked(w)
	return w.c.drop(w)
}

// leaveLocked takes the watch from its feed. The last one out ends it.
func (s *shard) leaveLocked(w *watch) {
	f := s.feeds[w.key]
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watches[w.c] != w {
		return
	}
	delete(f.watches, w.c)
	f.matter.left(w)
	if len(f.watches) == 0 {
		delete(s.feeds, f.key)
		f.wake()
	}
	f.loadLocked()
}

// notify tells a feed, if somebody watches it, what may have changed. It is loaded if f says so.
func notify[M matter](h *Hub, key feedKey, f func(M) (load bool)) {
	one := h.feed(key)
	if one == nil {
		return
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	if f(one.matter.(M)) {
		one.loadLocked()
	}
}

// resync has the feed load everything again.
func (f *feed) resync() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.matter.resync()
	f.loadLocked()
}

func (f *feed) wake() {
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// loadLocked starts the loader if it does not run. A feed with a watch, or that one has just left, has a socket whose
// goroutine keeps the hub's work above zero.
func (f *feed) loadLocked() {
	if !f.loading && len(f.watches)+len(f.ending) > 0 {
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
		t, ending := f.next()
		for _, end := range ending {
			end()
		}
		if t == nil && ending == nil {
			return
		}
		if t == nil {
			continue
		}
		if err := f.turn(t); err == nil {
			backoff = retryAtFirst
			continue
		} else if f.hub.ctx.Err() == nil {
			f.hub.log.Warn(f.key.name+" feed cannot load", "user", f.key.user, "err", err)
		}
		f.pause(f.dismiss(backoff))
		backoff = min(2*backoff, retryAtMost)
	}
}

// next takes what is to be done. When there is nothing, the loader is over.
func (f *feed) next() (t turn, ending []func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ending, f.ending = f.ending, nil
	if len(f.watches) > 0 && f.hub.ctx.Err() == nil {
		t = f.matter.next()
	}
	f.loading = t != nil || ending != nil
	return t, ending
}

// turn loads and applies.
func (f *feed) turn(t turn) error {
	ctx, cancel := context.WithTimeout(f.hub.ctx, loadTimeout)
	defer cancel()
	err := t.load(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		t.failed()
		return err
	}
	t.apply()
	return nil
}

// dismiss sends away who waited too long for a first snapshot, and returns how long to wait before trying again.
func (f *feed) dismiss(backoff time.Duration) time.Duration {
	now := time.Now()
	f.mu.Lock()
	var lost []*watch
	for _, w := range f.watches {
		if w.live || w.asked.IsZero() {
			continue
		}
		patience := w.asked.Add(loadTimeout).Sub(now)
		if patience <= 0 {
			lost = append(lost, w)
			continue
		}
		backoff = min(backoff, patience)
	}
	f.mu.Unlock()
	for _, w := range lost {
		w.lose("unavailable")
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

// waitingLocked are up to n watches that are to get a snapshot.
func (f *feed) waitingLocked(n int) []*watch {
	var out []*watch
	for _, w := range f.watches {
		if !w.live && len(out) < n {
			out = append(out, w)
		}
	}
	return out
}

// startLocked gives a watch that waits its snapshot, unless it has left meanwhile. Changes count from here on.
func (f *feed) startLocked(w *watch, snapshot []byte) {
	if f.watches[w.c] == w && !w.live {
		w.live = true
		w.start(snapshot)
	}
}

// resume gives a watch that fell behind a fresh snapshot. Where there is none to give, it has lost the feed.
func (f *feed) resume(w *watch) {
	f.mu.Lock()
	there, served := f.watches[w.c] == w && w.live, true
	if there {
		served = f.matter.resume(w)
		f.loadLocked()
	} else {
		w.caughtUp() // it has left, or its snapshot is still to come
	}
	f.mu.Unlock()
	if !served {
		w.lose("unavailable")
	}
}

// change is an encoded change of a feed: the same for every watch but for its seq.
type change struct{ head, tail []byte }

// newChange encodes a frame whose Seq is 0.
func newChange(frame any) change {
	const seq = `"seq":`
	data := encode(frame)
	i := bytes.Index(data, []byte(seq+"0")) + len(seq)
	return change{head: data[:i], tail: data[i+1:]}
}

func (ch change) numbered(seq int64) []byte {
	data := make([]byte, 0, len(ch.head)+len(ch.tail)+20)
	data = strconv.AppendInt(append(data, ch.head...), seq, 10)
	return append(data, ch.tail...)
}

// lostFeed is the error that tells a socket that it has lost a feed. What is unavailable may be asked for again.
func lostFeed(name, code string) wire.Error {
	e := wire.Error{Type: wire.TypeError, Code: code, Feed: name}
	if code == "unavailable" {
		e.RetryAfter = 1
	}
	return e
}
