package hub

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// model plays one user's life at random: devices that sign in, connect, leave, are renamed, fade and end, and
// several of them watching. What a watcher makes of snapshot and changes must be what the world says.
type model struct {
	*lab
	rand    *rand.Rand
	devices []Principal
	tabs    map[*client]Principal
	watches map[*client]Principal
	born    map[*client]int
	steps   []string
}

func TestFeedsAreTrue(t *testing.T) {
	dropped := uint64(0)
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			limits := Limits{
				FrameBurst: 1 << 20, FramesPerMinute: 1 << 20, QueueBytes: 2000 << (seed % 4), WriteTimeout: time.Hour, PongTimeout: time.Hour,
			}
			inTime(t, limits, func(t *testing.T, l *lab) {
				m := &model{lab: l, rand: rand.New(rand.NewPCG(seed, 7)), tabs: map[*client]Principal{}, watches: map[*client]Principal{}, born: map[*client]int{}}
				m.signIn()
				for range 250 {
					m.step()
				}
				m.settle()
				dropped += l.hub.Stats().DroppedChanges
			})
		})
	}
	if dropped == 0 {
		t.Error("no watcher ever fell behind")
	}
}

func (m *model) step() {
	acts := []struct {
		weight int
		name   string
		do     func()
	}{
		{2, "sign in", m.signIn}, {5, "connect", m.connect}, {3, "watch", m.watch}, {4, "leave", m.leave},
		{4, "rename", m.rename}, {1, "end", m.end}, {3, "fade", m.fade}, {2, "subscribe again", m.again},
		{1, "unsubscribe", m.unsubscribe}, {2, "hold", m.hold}, {1, "store down", m.breakStore}, {2, "store up", m.mendStore},
		{2, "hint of nothing", func() { m.hub.SessionsChanged("usr_1") }}, {2, "time", m.wait}, {3, "settle", m.settle},
	}
	total := 0
	for _, a := range acts {
		total += a.weight
	}
	n := m.rand.IntN(total)
	for _, a := range acts {
		if n -= a.weight; n < 0 {
			m.steps = append(m.steps, a.name)
			a.do()
			return
		}
	}
}

func (m *model) wait() { time.Sleep(time.Duration(m.rand.IntN(1000)) * time.Millisecond) }

func (m *model) device() Principal { return m.devices[m.rand.IntN(len(m.devices))] }

// some picks one of the map's clients.
func (m *model) some(of map[*client]Principal) *client {
	byAge := slices.SortedFunc(maps.Keys(of), func(a, b *client) int { return m.born[a] - m.born[b] })
	if len(byAge) == 0 {
		return nil
	}
	return byAge[m.rand.IntN(len(byAge))]
}

func (m *model) open(p Principal) *client {
	c := m.lab.connect(p)
	m.tabs[c], m.born[c] = p, len(m.born)
	return c
}

func (m *model) signIn() {
	if len(m.devices) < 6 {
		m.devices = append(m.devices, m.lab.signIn("usr_1"))
		m.hub.SessionsChanged("usr_1")
	}
}

func (m *model) connect() {
	if p := m.device(); len(m.tabs) < 12 {
		m.open(p)
	}
}

func (m *model) watch() {
	if p := m.device(); len(m.watches) < 5 {
		c := m.open(p)
		c.send(subscribe)
		m.watches[c] = p
	}
}

// leave closes a tab. Half of the time its device stays online for a while.
func (m *model) leave() {
	c := m.some(m.tabs)
	if c == nil {
		return
	}
	m.with(func() { m.linger[m.tabs[c].SessionID] = m.rand.IntN(2) == 0 })
	c.release()
	c.net.Close()
	m.rest()
	delete(m.tabs, c)
	delete(m.watches, c)
}

// fade is the end of a grace.
func (m *model) fade() {
	m.with(func() { m.linger[m.device().SessionID] = false })
	m.hub.PresenceChanged("usr_1")
}

func (m *model) rename() {
	m.edit(m.device().SessionID, func(s *wire.Session) { s.Name = fmt.Sprint("Name ", m.rand.IntN(100)) })
}

func (m *model) end() {
	if len(m.devices) == 1 {
		return
	}
	i := m.rand.IntN(len(m.devices))
	p := m.devices[i]
	m.devices = slices.Delete(m.devices, i, i+1)
	m.lab.end(p, "kicked")
	for c, owner := range m.tabs {
		if owner.SessionID == p.SessionID {
			c.release()
			c.closed(wire.CloseKicked)
			delete(m.tabs, c)
			delete(m.watches, c)
		}
	}
}

func (m *model) again() {
	if c := m.some(m.watches); c != nil {
		c.send(subscribe)
	}
}

func (m *model) unsubscribe() {
	if c := m.some(m.watches); c != nil {
		c.send(`{"type":"unsubscribe","feed":"devices"}`)
		delete(m.watches, c)
	}
}

// hold makes a watcher stop reading, so that changes pile up and are dropped.
func (m *model) hold() {
	if c := m.some(m.watches); c != nil {
		c.hold()
	}
}

func (m *model) breakStore() { m.with(func() { m.broken = errDown }) }
func (m *model) mendStore()  { m.with(func() { m.broken = nil }) }

// settle lets everything come to rest, and compares. A watcher that was sent away while the store failed subscribes
// again, as it was told to.
func (m *model) settle() {
	m.t.Helper()
	m.mendStore()
	for c := range m.tabs {
		c.release()
	}
	time.Sleep(retryAtMost)
	for c := range m.watches {
		if f := c.last(); f.Feed == "devices" && f.Code == "unavailable" {
			c.send(subscribe)
		}
	}
	m.rest()
	for c, p := range m.watches {
		got, want := c.replay(), m.truth(p)
		if !maps.EqualFunc(got, want, sameDevice) {
			m.t.Fatalf("steps %v:\n got %+v\nwant %+v\nstory: %s", m.steps, got, want, c.story())
		}
	}
	if err := m.hub.ConsistencyCheck(); err != nil {
		m.t.Fatalf("steps %v: %v", m.steps, err)
	}
}

func (m *model) truth(watcher Principal) map[string]wire.Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]wire.Session{}
	for id, s := range m.sessions {
		if s.EndedAt == nil {
			s.Connections, s.Current = m.counts[id], id == watcher.SessionID
			s.Online = s.Connections > 0 || m.linger[id] && hasCount(m.counts, id)
			out[id] = s
		}
	}
	return out
}

// hasCount tells whether the session ever had a connection.
func hasCount(counts map[string]int, id string) bool { _, ok := counts[id]; return ok }

func sameDevice(a, b wire.Session) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Online == b.Online && a.Connections == b.Connections && a.Current == b.Current
}
