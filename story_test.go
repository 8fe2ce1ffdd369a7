package gatehouse_test

import (
	"strings"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// count is how many frames match so far.
func (s *socket) count(match func(frame) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.frames {
		if match(f) {
			n++
		}
	}
	return n
}

func (s *socket) story() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, f := range s.frames {
		b.WriteString("\n  " + f.raw)
	}
	return b.String()
}

// replay is the devices list as the feed told it: the last snapshot and the changes after it, without a gap.
func (s *socket) replay() map[string]wire.Session {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	list, seq := map[string]wire.Session{}, int64(0)
	for _, f := range s.frames {
		switch f.Type {
		case wire.TypeDevicesSnapshot:
			clear(list)
			for _, d := range f.Devices {
				list[d.ID] = d
			}
		case wire.TypeDevicesChanged:
			if f.Seq != seq+1 {
				s.t.Fatalf("seq %d after %d", f.Seq, seq)
			}
			if f.Change == wire.ChangeRemoved {
				delete(list, f.Device.ID)
			} else {
				list[f.Device.ID] = f.Device
			}
		default:
			continue
		}
		seq = f.Seq
	}
	return list
}
