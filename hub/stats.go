package hub

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Stats are counters since New, but for the first two, which are what is now.
type Stats struct {
	Connections int // authenticated sockets
	Waiting     int // sockets that have not authenticated

	Handshakes map[string]uint64 // by outcome: "ok", "waiting", or the code of the refusal
	Closes     map[string]uint64 // by the close code's name; "normal" and "gone" when the client went

	FramesIn       uint64
	FramesOut      uint64
	DroppedChanges uint64 // feed changes that did not fit; a snapshot or the end of the feed followed
	LostMessages   uint64 // messages that did not fit on a socket
	SlowConsumers  uint64
	LimitedFrames  uint64 // refused because a socket sent too many
}

type counters struct {
	framesIn, framesOut, dropped, lost, slow, limited atomic.Uint64

	mu         sync.Mutex // guards the following
	handshakes map[string]uint64
	closes     map[string]uint64
}

func (s *counters) handshake(outcome string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handshakes[outcome]++
}

func (s *counters) closed(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closes[name]++
	if name == wire.CloseSlowConsumer.Name() {
		s.slow.Add(1)
	}
}

// Stats reads the counters.
func (h *Hub) Stats() Stats {
	var out Stats
	out.Connections = h.authenticated()
	h.lobby.mu.Lock()
	for _, n := range h.lobby.waiting {
		out.Waiting += n
	}
	h.lobby.mu.Unlock()

	s := &h.stats
	s.mu.Lock()
	out.Handshakes, out.Closes = maps.Clone(s.handshakes), maps.Clone(s.closes)
	s.mu.Unlock()
	out.FramesIn, out.FramesOut = s.framesIn.Load(), s.framesOut.Load()
	out.DroppedChanges, out.LostMessages = s.dropped.Load(), s.lost.Load()
	out.SlowConsumers, out.LimitedFrames = s.slow.Load(), s.limited.Load()
	return out
}
