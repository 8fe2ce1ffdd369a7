package manynodes

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-dev/gatehouse/bench/load"
)

// model is what should be.
type model struct {
	mu                          sync.Mutex                // guards the following
	gone                        map[string]bool           // sessions that ended
	open                        map[string][]*load.Socket // by session
	connects, disconnects, ends int
}

// step does one thing with a session that nobody else touches meanwhile: a session belongs to one worker.
func (m *model) step(t *testing.T, r *rand.Rand, n []*node, admin string, d seeded) {
	m.mu.Lock()
	gone, open := m.gone[d.SessionID], len(m.open[d.SessionID])
	m.mu.Unlock()
	switch roll := r.IntN(1000); {
	case gone:
	case roll < 1:
		n[r.IntN(len(n))].kick(admin, d.SessionID)
		m.mu.Lock()
		m.gone[d.SessionID], m.ends = true, m.ends+1
		m.mu.Unlock()
	case roll < 500 && open < 3:
		k, err := load.Dial(load.Gatehouse, n[r.IntN(len(n))].URL, d.AccessToken)
		if err != nil {
			t.Errorf("a live session is not let in: %v", err)
			return
		}
		go k.Closed()
		m.mu.Lock()
		m.open[d.SessionID] = append(m.open[d.SessionID], k)
		m.connects++
		m.mu.Unlock()
	case open > 0:
		m.mu.Lock()
		k := m.open[d.SessionID][0]
		m.open[d.SessionID] = m.open[d.SessionID][1:]
		m.disconnects++
		m.mu.Unlock()
		k.Cut()
	}
}

// truth is how many connections each live session of a user has, apart from the watchers'.
func (m *model) truth(sessions []seeded) map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]int{}
	for _, d := range sessions {
		if !m.gone[d.SessionID] {
			out[d.SessionID] = len(m.open[d.SessionID])
		}
	}
	return out
}

func (m *model) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, list := range m.open {
		for _, k := range list {
			k.Cut()
		}
	}
}

// shows tells whether the socket was told the truth: which sessions there are, and how they are connected. Its own
// session is the watchers', whose number changes while others look.
func (k *socket) shows(truth map[string]int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.devices) != len(truth) {
		return false
	}
	for id, n := range truth {
		d, there := k.devices[id]
		if !there {
			return false
		}
		if !d.Current && (d.Connections != n || d.Online != (n > 0)) {
			return false
		}
	}
	return true
}

// door is a balancer: it sends each connection to one of the nodes that are open.
type door struct {
	at   string
	turn atomic.Uint64

	mu    sync.Mutex // guards the following
	nodes []*node
}

func newDoor(t *testing.T, nodes []*node) *door {
	d := &door{nodes: slices.Clone(nodes)}
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(d.next()) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(front.Close)
	d.at = front.URL
	return d
}

func (d *door) url() string { return d.at }

func (d *door) next() *url.URL {
	d.mu.Lock()
	defer d.mu.Unlock()
	u, _ := url.Parse(d.nodes[d.turn.Add(1)%uint64(len(d.nodes))].URL)
	return u
}

// close sends no new connections to a node, as a balancer that looks at its readiness.
func (d *door) close(n *node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nodes = slices.DeleteFunc(d.nodes, func(x *node) bool { return x == n })
}

func (d *door) open(n *node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nodes = append(d.nodes, n)
}
