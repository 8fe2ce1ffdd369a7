package hub

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// model plays one user's life at random: devices that sign in, connect, leave, are renamed, fade and end, and
// several of them watching, and staff watching everybody. What a watcher makes of snapshot and changes must be what the
// world says.
type model struct {
	*lab
	rand    *rand.Rand
	devices []Principal
	tabs    map[*client]Principal
	watches map[*client]Principal
	staff   map[*client]view
	born    map[*client]int
	steps   []string
}

// view is what one of staff watches.
type view struct {
	Principal
	q     string
	limit int
}

func TestFeedsAreTrue(t *testing.T) {
	dropped := uint64(0)
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			limits := Limits{
				FrameBurst: 1 << 20, FramesPerMinute: 1 << 20, QueueBytes: 2000 << (seed % 4), WriteTimeout: time.Hour, PongTimeout: time.Hour,
			}
			inTime(t, limits, func(t *testing.T, l *lab) {
				m := &model{lab: l, rand: rand.New(rand.NewPCG(seed, 7)), tabs: map[*client]Principal{}, watches: map[*client]Principal{}, staff: map[*client]view{}, born: map[*client]int{}}
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
		{3, "watch everybody", m.watchAll}, {1, "leave office", m.leaveOffice}, {1, "gap", func() { m.hub.Resync() }},
		{2, "hold staff", m.holdStaff}, {2, "rename user", m.renameUser},
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

// watchAll is one of staff who watches everybody, or watches something else from now on.
func (m *model) watchAll() {
	c := m.someView()
	if c == nil || len(m.staff) < 4 && m.rand.IntN(2) == 0 {
		p := m.lab.signIn(fmt.Sprint("usr_staff", len(m.born)), "moderator")
		c = m.lab.connect(p)
		m.staff[c], m.born[c] = view{Principal: p}, len(m.born)
	}
	v := m.staff[c]
	v.q = []string{"", "", "Name 1", "Fire", "usr_1", "Ada 1"}[m.rand.IntN(6)]
	v.limit = []int{1, 2, 200}[m.rand.IntN(3)]
	m.staff[c] = v
	c.send(v.subscribe())
}

func (v view) subscribe() string {
	return fmt.Sprintf(`{"type":"subscribe","feed":"sessions","q":%q,"limit":%d}`, v.q, v.limit)
}

func (m *model) someView() *client {
	of := map[*client]Principal{}
	for c, v := range m.staff {
		of[c] = v.Principal
	}
	return m.some(of)
}

func (m *model) leaveOffice() {
	if c := m.someView(); c != nil {
		c.release()
		c.net.Close()
		m.rest()
		delete(m.staff, c)
	}
}

func (m *model) holdStaff() {
	if c := m.someView(); c != nil {
		c.hold()
	}
}

func (m *model) renameUser() { m.office.rename("usr_1", fmt.Sprint("Ada ", m.rand.IntN(20))) }

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
	for c := range m.staff {
		c.release()
	}
	time.Sleep(retryAtMost)
	for c := range m.watches {
		if c.lost("devices") {
			c.send(subscribe)
		}
	}
	for c, v := range m.staff {
		if c.lost("sessions") {
			c.send(v.subscribe())
		}
	}
	m.rest()
	for c, v := range m.staff {
		m.check(c, v)
	}
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

// check compares the list of one of staff. What stood behind the page and did not change since need not be in it.
func (m *model) check(c *client, v view) {
	m.t.Helper()
	got, want := c.replayOf("sessions"), map[string]wire.Session{}
	page, _, err := m.office.List(m.t.Context(), v.q, 1<<20)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, s := range page {
		s.Current = s.ID == v.SessionID
		want[s.ID] = s
	}
	if snapshots := c.all("sessions.snapshot"); v.limit < snapshots[len(snapshots)-1].Total {
		maps.DeleteFunc(want, func(id string, _ wire.Session) bool { _, held := got[id]; return !held })
	}
	same := func(a, b wire.Session) bool { return sameDevice(a, b) && sameOwner(a.User, b.User) }
	if !maps.EqualFunc(got, want, same) {
		m.t.Fatalf("steps %v:\n%q limit %d\n got %+v\nwant %+v\nstory: %s", m.steps, v.q, v.limit, got, want, c.story())
	}
}

// lost tells whether no snapshot came after the last news that the feed is lost.
func (c *client) lost(feed string) (lost bool) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.frames {
		if f.Type == feed+".snapshot" || f.Feed == feed {
			lost = f.Type == "error"
		}
	}
	return lost
}

func (m *model) truth(watcher Principal) map[string]wire.Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]wire.Session{}
	for id, s := range m.sessions {
		if s.EndedAt == nil && s.UserID == watcher.UserID {
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
