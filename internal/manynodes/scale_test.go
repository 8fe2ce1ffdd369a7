package manynodes

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/gatehouse-dev/gatehouse/bench/load"
	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// spread runs f for 0 to n-1, sixteen at a time.
func spread(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	if err := load.Spread(n, 16, func(_, i int) error { return f(i) }); err != nil {
		t.Fatal(err)
	}
}

// commands is how many Redis has executed, those inside scripts too.
func commands(t *testing.T, db *driver.Client) (n int64) {
	t.Helper()
	_, err := fmt.Sscanf(db.InfoMap(t.Context(), "stats").Val()["Stats"]["total_commands_processed"], "%d", &n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Idle sockets cost the bus nothing.
func TestIdleSocketsCostRedisNothing(t *testing.T) {
	const sockets, rest = 5000, 12 * time.Second
	s := open(t)
	n := s.nodes(2)
	x := s.seed(sockets, 1)
	spread(t, sockets, func(i int) error {
		k, err := load.Dial(load.Gatehouse, n[i%2].URL, x[i].AccessToken)
		if err == nil {
			t.Cleanup(k.Cut)
			go k.Closed() // answers pings until it is cut
		}
		return err
	})
	servertest.Eventually(t, "all are counted", func() bool { return s.stats(n[0]).Connections >= sockets })
	db := driver.NewClient(&driver.Options{Addr: s.redis.Addr()})
	defer db.Close()
	quiet(t, db)
	before, began := commands(t, db), time.Now()
	time.Sleep(rest) // this is what is measured
	after, took := commands(t, db), time.Since(began).Seconds()
	rate := float64(after-before-1) / took
	t.Logf("%d idle sockets on two nodes: Redis executes %.1f commands a second", sockets, rate)
	if rate >= 5 {
		t.Errorf("that is %.1f a second", rate)
	}
}

// quiet waits until what was going on has been written.
func quiet(t *testing.T, db *driver.Client) {
	t.Helper()
	servertest.Eventually(t, "Redis is quiet", func() bool {
		before := commands(t, db)
		time.Sleep(time.Second) // the length of the sample
		return commands(t, db)-before < 15
	})
}

// life is one of many clients: it keeps a socket until it is told that this is over.
type life struct {
	c *client.Client
	s *client.Socket

	mu       sync.Mutex // guards the following
	welcomes []time.Time
}

// A rolling restart signs nobody out, and spreads who comes back.
func TestRollingRestart(t *testing.T) {
	const clients = 2000
	s := open(t, "--drain-window=5s")
	n := s.nodes(3)
	door := newDoor(t, n)
	x := s.seed(clients, 1)
	lives := make([]*life, clients)
	spread(t, clients, func(i int) error {
		l := &life{c: client.New(client.Config{BaseURL: door.url()})}
		l.c.Resume(x[i].RefreshToken)
		l.s = l.c.Connect(t.Context(), client.Handlers{
			Connected: func(wire.Welcome) {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.welcomes = append(l.welcomes, time.Now())
			},
		})
		lives[i] = l
		return nil
	})
	t.Cleanup(func() {
		for _, l := range lives {
			go l.s.Close()
		}
		for _, l := range lives {
			<-l.s.Done()
		}
	})
	here := func() bool { return s.stats(n[0]).Connections >= clients }
	servertest.Within(t, 2*time.Minute, "all are here", here)

	began := time.Now()
	for i := range n {
		door.close(n[i])
		if err := n[i].Stop(); err != nil {
			t.Fatalf("node %d: %v\n%s", i, err, n[i].Log())
		}
		n[i] = s.node()
		door.open(n[i])
	}
	servertest.Within(t, time.Minute, "all are back", here)
	t.Logf("three nodes restarted under %d clients: all back after %s", clients, time.Since(began).Round(time.Millisecond))
	var all []time.Time
	for i, l := range lives {
		select {
		case <-l.s.Done():
			t.Fatalf("client %d is over: %v", i, l.s.Err())
		default:
		}
		l.mu.Lock()
		all = append(all, l.welcomes...)
		l.mu.Unlock()
	}
	if busiest := busiestSecond(all, began); busiest > clients*2/3 {
		t.Errorf("%d handshakes in one second: they are not spread", busiest)
	} else {
		t.Logf("the busiest second had %d handshakes", busiest)
	}
}

func busiestSecond(welcomes []time.Time, since time.Time) (most int) {
	per := map[int]int{}
	for _, w := range welcomes {
		if w.After(since) {
			per[int(w.Sub(since)/time.Second)]++
			most = max(most, per[int(w.Sub(since)/time.Second)])
		}
	}
	return most
}

// Many sessions come and go on three nodes; in the end every node tells the truth, and so does every feed that was
// followed all the while.
func TestChurn(t *testing.T) {
	const users, each, length = 100, 10, 60 * time.Second
	s := open(t, "--presence-grace=1s")
	n := s.nodes(3)
	x := s.seed(users, each)
	admin := s.admin(n[0])
	// The first session of a user watches, on a node of its own choice, and stays.
	var watchers []*socket
	for u := range users {
		watchers = append(watchers, n[u%3].dial(x[u*each].AccessToken, true))
	}
	deadline := time.Now().Add(length)
	if testing.Short() {
		deadline = time.Now().Add(length / 6)
	}
	m := &model{gone: map[string]bool{}, open: map[string][]*load.Socket{}}
	var work sync.WaitGroup
	for w := range 16 {
		work.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for time.Now().Before(deadline) {
				// Each worker has users of its own, so that it knows what should be.
				u := r.IntN(users/16)*16 + w
				d := x[u*each+1+r.IntN(each-1)]
				m.step(t, r, n, admin, d)
			}
		})
	}
	work.Wait()
	t.Logf("%d sessions on three nodes, %s: %d connects, %d disconnects, %d ends", users*each, length, m.connects, m.disconnects, m.ends)
	for u := range users {
		truth := m.truth(x[u*each : (u+1)*each])
		for end := time.Now().Add(15 * time.Second); !watchers[u].shows(truth); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the feed of user %d is wrong: %s", u, watchers[u].differs(truth))
			}
		}
		watchers[u].sound()
		for i := range n {
			fresh := n[i].dial(x[u*each].AccessToken, true)
			servertest.Within(t, 5*time.Second, fmt.Sprint("node ", i, " is right about user ", u), func() bool { return fresh.shows(truth) })
			fresh.ws.CloseNow()
		}
	}
	m.cut()
}
