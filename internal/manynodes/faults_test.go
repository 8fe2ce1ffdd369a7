package manynodes

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// A kick that node A takes closes a socket on node B.
func TestKickAcrossNodes(t *testing.T) {
	const kicks = 200
	s := open(t)
	n := s.nodes(2)
	a, b := n[0], n[1]
	admin := s.admin(a)
	took := make([]time.Duration, 0, kicks)
	for _, x := range s.seed(kicks, 1) {
		k := b.dial(x.AccessToken, false)
		began := time.Now()
		a.kick(admin, x.SessionID)
		code, at := k.end(patience)
		if code != 4502 {
			t.Fatalf("closed with %d", code)
		}
		took = append(took, at.Sub(began))
	}
	slices.Sort(took)
	p50, p99 := took[kicks/2], took[kicks*99/100]
	t.Logf("kick on one node, socket on the other, %d kicks: p50 %s, p99 %s", kicks, p50, p99)
	if p99 > time.Second {
		t.Errorf("p99 is %s: a lost hint, not a slow machine", p99)
	}
}

// Redis dies: kicks land all the same, and when it is back without data, presence is right again by itself.
func TestRedisKilled(t *testing.T) {
	s := open(t)
	n := s.nodes(2)
	a, b := n[0], n[1]
	admin := s.admin(a)
	x := s.seed(1, 3)
	watcher, victim, other := a.dial(x[0].AccessToken, true), b.dial(x[1].AccessToken, false), b.dial(x[2].AccessToken, false)
	servertest.Eventually(t, "all three are online", func() bool { return watcher.online(x[1].SessionID) && watcher.online(x[2].SessionID) })
	servertest.Eventually(t, "their records say so too", func() bool { return s.writtenOnline(a, x) })

	s.redis.Kill()
	began := time.Now()
	a.kick(admin, x[1].SessionID)
	code, at := victim.end(patience)
	t.Logf("kick while Redis is dead: the socket on the other node closed after %s", at.Sub(began))
	if code != 4502 || at.Sub(began) > 2*time.Second {
		t.Errorf("closed with %d after %s", code, at.Sub(began))
	}
	if !watcher.online(x[2].SessionID) || watcher.count("offline", x[2].SessionID) != 0 {
		t.Error("without Redis, a device of the other node is shown offline")
	}
	if no := call(t, "GET", b.URL+"/auth/me", x[1].AccessToken, nil, nil); no.Code != "session_revoked" {
		t.Errorf("its token there: %+v", no)
	}

	s.redis.Start()
	fresh, err := dial(t, a.URL, x[0].AccessToken, true)
	if err != nil {
		t.Fatal(err)
	}
	back := servertest.Within(t, 12*time.Second, "presence is right again", func() bool {
		st := s.stats(b)
		return st.Connections >= 3 && fresh.online(x[2].SessionID) && watcher.online(x[2].SessionID)
	})
	t.Logf("Redis came back empty: presence was right again after %s", back)
	if !watcher.open() || !other.open() {
		t.Error("somebody lost his socket")
	}
	watcher.sound()
}

// Redis hangs and goes on: what is here does not wait for it, and nothing is lost.
func TestRedisPaused(t *testing.T) {
	s := open(t)
	n := s.nodes(2)
	a, b := n[0], n[1]
	admin := s.admin(a)
	x := s.seed(1, 4)
	watcher := a.dial(x[0].AccessToken, true)
	here, there := a.dial(x[1].AccessToken, false), b.dial(x[2].AccessToken, false)
	servertest.Eventually(t, "they are online", func() bool { return watcher.online(x[1].SessionID) && watcher.online(x[2].SessionID) })

	s.redis.Signal(syscall.SIGSTOP)
	began := time.Now()
	a.kick(admin, x[1].SessionID)
	if code, at := here.end(patience); code != 4502 || at.Sub(began) > 500*time.Millisecond {
		t.Errorf("the local socket closed with %d after %s", code, at.Sub(began))
	}
	began = time.Now()
	late := a.dial(x[3].AccessToken, false)
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("a handshake took %s", took)
	}
	began = time.Now()
	a.kick(admin, x[2].SessionID)
	_, at := there.end(patience)
	t.Logf("kick while Redis hangs: local at once, on the other node after %s", at.Sub(began))
	if at.Sub(began) > 3*time.Second {
		t.Errorf("a kick took %s", at.Sub(began))
	}

	s.redis.Signal(syscall.SIGCONT)
	servertest.Within(t, 15*time.Second, "the list is right", func() bool {
		watcher.mu.Lock()
		defer watcher.mu.Unlock()
		return len(watcher.devices) == 2 && watcher.devices[x[0].SessionID].Online && watcher.devices[x[3].SessionID].Online
	})
	watcher.sound()
	if !watcher.open() || !late.open() {
		t.Error("somebody lost his socket")
	}
}

// A node dies: its devices go offline for watchers elsewhere, once each.
func TestNodeKilled(t *testing.T) {
	const devices = 20
	s := open(t)
	n := s.nodes(3)
	x := s.seed(1, devices+2)
	watchers := []*socket{n[1].dial(x[devices].AccessToken, true), n[2].dial(x[devices+1].AccessToken, true)}
	for _, d := range x[:devices] {
		n[0].dial(d.AccessToken, false)
	}
	all := func(online bool) func() bool {
		return func() bool {
			for _, w := range watchers {
				for _, d := range x[:devices] {
					if w.online(d.SessionID) != online {
						return false
					}
				}
			}
			return true
		}
	}
	servertest.Eventually(t, "all are online", all(true))
	n[0].Kill()
	took := servertest.Within(t, 13*time.Second, "all are offline", all(false))
	t.Logf("a node with %d devices died: offline for everybody after %s (lease 10 s)", devices, took)
	if took > 12*time.Second {
		t.Errorf("that took %s", took)
	}
	for _, w := range watchers {
		w.sound()
		for _, d := range x[:devices] {
			if n := w.count("offline", d.SessionID); n != 1 {
				t.Errorf("%d offline for one device", n)
			}
		}
	}
}

// A node that is cut off from both store and bus admits nobody, sends its sockets away, and comes back by itself.
func TestNodeCutOff(t *testing.T) {
	s := open(t, "--fence-after=3s")
	n := s.nodes(2)
	a, b := n[0], n[1]
	x := s.seed(1, 2)
	k, other := b.dial(x[0].AccessToken, false), a.dial(x[1].AccessToken, false)

	b.cut(true)
	began := time.Now()
	code, at := k.end(patience)
	t.Logf("cut off from store and bus: socket closed with %d after %s (fence 3 s)", code, at.Sub(began))
	if code != 1012 || at.Sub(began) > 6*time.Second {
		t.Errorf("closed with %d after %s", code, at.Sub(began))
	}
	if no := call(t, "GET", b.URL+"/auth/me", x[0].AccessToken, nil, nil); no.Status != 503 || no.Code != "unavailable" {
		t.Errorf("a request: %+v", no)
	}
	if _, err := dial(t, b.URL, x[0].AccessToken, false); err == nil {
		t.Error("a handshake is let in")
	}
	if b.ready() {
		t.Error("it says that it is ready")
	}
	if no := call(t, "GET", a.URL+"/auth/me", x[0].AccessToken, nil, nil); no.Code != "" {
		t.Errorf("the other node: %+v", no)
	}

	b.cut(false)
	servertest.Within(t, 15*time.Second, "it is ready again", b.ready)
	b.dial(x[0].AccessToken, false)
	if !other.open() {
		t.Error("the other node's socket is gone")
	}
}

// One of the two is enough: cut off from Redis alone, a node follows the store.
func TestNodeWithoutRedisIsNotFenced(t *testing.T) {
	s := open(t, "--fence-after=2s")
	n := s.nodes(2)
	x := s.seed(1, 2)
	admin := s.admin(n[0])
	k, victim := n[1].dial(x[0].AccessToken, false), n[1].dial(x[1].AccessToken, false)
	n[1].toRedis.Sever(true)
	began := time.Now()
	n[0].kick(admin, x[1].SessionID)
	if code, at := victim.end(patience); code != 4502 || at.Sub(began) > 2*time.Second {
		t.Errorf("closed with %d after %s", code, at.Sub(began))
	}
	select {
	case <-k.over:
		t.Error("it was fenced")
	case <-time.After(4 * time.Second): // twice the fence
	}
}
