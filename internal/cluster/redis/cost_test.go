package redis

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// TestIdleSocketsCostNothing: 5,000 sockets on two nodes that do nothing make fewer than five commands a second,
// with the defaults.
func TestIdleSocketsCostNothing(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	nodes := make([]*Cluster, 2)
	for i := range nodes {
		nodes[i] = open(t, Config{URL: s.URL(), Grace: 3 * time.Second})
	}
	const sockets = 5000
	for i := range sockets {
		nodes[i%2].Report(fmt.Sprint("usr_", i/2), fmt.Sprint("ses_", i), 1)
	}
	observe(t, nodes[0]).totals(presence.Totals{Users: sockets / 2, Sessions: sockets, Connections: sockets})
	db := client(t, s.URL())
	commands := func() int {
		_, rest, _ := strings.Cut(db.Info(t.Context(), "stats").Val(), "total_commands_processed:")
		text, _, _ := strings.Cut(rest, "\r\n")
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before, began := commands(), time.Now()
	const window = 12 * time.Second
	<-time.After(window) // what is measured is a rate
	rate := float64(commands()-before) / time.Since(began).Seconds()
	if rate <= 0 || rate >= 5 {
		t.Errorf("%.1f commands a second, want fewer than 5", rate)
	}
}

// TestRandomLives: three nodes report at random, all at once. Who watches everybody is told of every step of every user
// without a hole, and in the end states and totals are what the nodes hold.
func TestRandomLives(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	nodes := lab(t, s.URL(), 3)
	watcher := lab(t, s.URL(), 1)[0]
	watcher.WatchAll(t.Context())
	// A session of each user stays, so that no user is forgotten and his sequence goes on.
	for u := range 4 {
		nodes[0].Report(fmt.Sprint("usr_", u), fmt.Sprint("ses_stays", u), 1)
	}
	var reporters sync.WaitGroup
	final := make([]map[[2]string]int, len(nodes))
	for i, o := range nodes {
		final[i] = map[[2]string]int{}
		random := rand.New(rand.NewPCG(uint64(i), 7))
		reporters.Go(func() {
			for range 500 {
				who := [2]string{fmt.Sprint("usr_", random.IntN(4)), fmt.Sprint("ses_", random.IntN(3))}
				final[i][who] = random.IntN(3)
				o.Report(who[0], who[1], final[i][who])
				if random.IntN(50) == 0 {
					<-time.After(testGrace / 2) // lets graces end in between
				}
			}
		})
	}
	reporters.Wait()
	want := presence.Totals{Users: 4, Sessions: 4, Connections: 4}
	total := map[[2]string]int{}
	for _, counts := range final {
		for who, n := range counts {
			total[who] += n
			want.Connections += n
		}
	}
	for who, n := range total {
		if n > 0 {
			want.Sessions++
			watcher.counts(who[0], who[1], n)
		}
	}
	watcher.totals(want)
	settle(t, nodes[0], watcher)
	seqs, states := map[string]int64{}, map[[2]string]int{}
	watcher.told(func(c presence.Change) bool {
		if last, seen := seqs[c.UserID]; seen && c.Seq != last+1 {
			t.Fatalf("%s: seq %d after %d", c.UserID, c.Seq, last)
		}
		seqs[c.UserID] = c.Seq
		states[[2]string{c.UserID, c.SessionID}] = c.Connections
		return true
	})
	for who, n := range total {
		if states[who] != n {
			t.Errorf("%v: the last change told %d connections, want %d", who, states[who], n)
		}
	}
}
