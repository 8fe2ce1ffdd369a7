package presence

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// model knows the whole history of counts and works everything out anew each time.
type model struct {
	grace  time.Duration
	counts map[[3]string]int       // user, session, node
	left   map[[2]string]time.Time // user, session: when the last connection ended; zero: without grace
}

func (m *model) total(who [2]string) (n int) {
	for key, count := range m.counts {
		if key[0] == who[0] && key[1] == who[1] {
			n += count
		}
	}
	return n
}

func (m *model) report(user, session, node string, n int, now time.Time) {
	who := [2]string{user, session}
	before := m.total(who)
	m.counts[[3]string{user, session, node}] = n
	if before > 0 && m.total(who) == 0 {
		m.left[who] = now
	}
}

func (m *model) nodeGone(node string) {
	for key, n := range m.counts {
		if key[2] == node && n > 0 {
			m.counts[key] = 0
			if who := [2]string{key[0], key[1]}; m.total(who) == 0 {
				delete(m.left, who)
			}
		}
	}
}

func (m *model) of(user string, sessions []string, now time.Time) map[string]string {
	got := map[string]string{}
	for _, session := range sessions {
		who := [2]string{user, session}
		left, wasThere := m.left[who]
		if n := m.total(who); n > 0 || wasThere && now.Sub(left) < m.grace {
			got[session] = fmt.Sprint(n)
		}
	}
	return got
}

// TestAgainstNaiveModel plays random lives and demands after every step that states and totals equal the model's,
// and that a reader of the changes alone knows the same.
func TestAgainstNaiveModel(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { t.Parallel(); play(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func play(t *testing.T, random *rand.Rand) {
	users, sessions, nodes := []string{"u", "v", "w"}, []string{"a", "b", "c", "d"}, []string{"n1", "n2", "n3"}
	pick := func(of []string) string { return of[random.IntN(len(of))] }
	grace := time.Duration(random.IntN(4)) * 50 * time.Millisecond
	real, naive := New(grace), &model{grace: grace, counts: map[[3]string]int{}, left: map[[2]string]time.Time{}}
	reader := map[string]map[string]string{"u": {}, "v": {}, "w": {}}
	seqs := map[string]int64{}
	now := start
	for step := range 400 {
		now = now.Add(time.Duration(random.IntN(40)) * time.Millisecond)
		var changes []Change
		switch random.IntN(10) {
		case 0:
			node := pick(nodes)
			changes = real.NodeGone(node, now)
			naive.nodeGone(node)
		case 1, 2:
			changes = real.Expire(now)
		default:
			user, session, node, n := pick(users), pick(sessions), pick(nodes), random.IntN(3)
			changes = real.Report(user, session, node, n, now)
			naive.report(user, session, node, n, now)
		}
		for _, c := range changes {
			alone := len(reader[c.UserID]) == 0
			if last := seqs[c.UserID]; c.Seq <= last || !alone && c.Seq != last+1 {
				t.Fatalf("step %d: seq %d after %d", step, c.Seq, last)
			}
			seqs[c.UserID] = c.Seq
			if c.Online {
				reader[c.UserID][c.SessionID] = fmt.Sprint(c.Connections)
			} else {
				delete(reader[c.UserID], c.SessionID)
			}
		}
		agree(t, step, real, naive, reader, sessions, now)
	}
}

func agree(t *testing.T, step int, real *Users, naive *model, reader map[string]map[string]string, sessions []string, now time.Time) {
	t.Helper()
	var totals Totals
	for _, user := range slices.Sorted(maps.Keys(reader)) {
		want, got := naive.of(user, sessions, now), map[string]string{}
		for session, state := range real.Of(user) {
			got[session] = fmt.Sprint(state.Connections)
			totals.Connections += state.Connections
		}
		if !maps.Equal(got, want) || !maps.Equal(reader[user], want) {
			t.Fatalf("step %d, user %s: state %v, changes told %v, want %v", step, user, got, reader[user], want)
		}
		totals.Sessions += len(want)
		if len(want) > 0 {
			totals.Users++
		}
	}
	if real.Totals() != totals {
		t.Fatalf("step %d: Totals = %+v, want %+v", step, real.Totals(), totals)
	}
}
