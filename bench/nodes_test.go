package bench

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// two seeds a MongoDB and starts two nodes on it and on a Redis. Calls go to the first.
func two(b *testing.B, users int) (near, far *site, sessions []seeded) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	house := servertest.House{Bin: bin, Data: b.TempDir()}
	deployment := []string{
		"--store=" + servertest.MongoURI(b), "--redis-url=" + servertest.StartRedis(b).URL(), "--secret=" + strings.Repeat("0f", 32),
	}
	file := filepath.Join(b.TempDir(), "tokens")
	house.Run(b, "", append([]string{"seed", "--users", fmt.Sprint(users), "--sessions-per-user", "1", "--out", file}, deployment...)...)
	house.Run(b, password, append([]string{"user", "create", "--email", admin, "--role", "admin", "--password-stdin"}, deployment...)...)
	both := make([]*site, 2)
	for i := range both {
		both[i] = &site{Server: house.Serve(b, append(deployment, "--drain-window=1s")...), b: b}
		both[i].http = &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
		b.Cleanup(both[i].http.CloseIdleConnections)
	}
	return both[0], both[1], read(b, file)
}

// BenchmarkFarMessage sends messages on one node to a user on the other, from the call sent to the frame seen.
func BenchmarkFarMessage(b *testing.B) {
	const messages = 1000
	near, far, sessions := two(b, 1)
	token := near.admin()
	socket := dialAll(b, far, sessions)
	servertest.Eventually(b, "both nodes know him", func() bool {
		var got struct{ Delivered int }
		err := near.call("POST", "/admin/users/"+sessions[0].UserID+"/messages", token, map[string]any{"name": "news"}, &got)
		if err == nil {
			_, _, err = socket[0].Next()
		}
		return err == nil && got.Delivered == 1
	})
	took := make([]time.Duration, messages)
	for i := range took {
		time.Sleep(time.Millisecond) // one at a time, not one after the other
		var seen sync.WaitGroup
		began := time.Now()
		seen.Go(func() {
			if _, _, err := socket[0].Next(); err != nil {
				b.Error(err)
			}
			took[i] = time.Since(began) // the answer of the call may come later
		})
		if err := near.call("POST", "/admin/users/"+sessions[0].UserID+"/messages", token, map[string]any{"name": "news"}, nil); err != nil {
			b.Fatal(err)
		}
		seen.Wait()
	}
	percentiles(b, took)
}

// BenchmarkFarKick ends sessions on one node whose sockets are on the other, as an admin does, and measures from the call
// sent to the close frame seen.
func BenchmarkFarKick(b *testing.B) {
	const kicks = 1000
	near, far, sessions := two(b, kicks)
	token := near.admin()
	took := make([]time.Duration, kicks)
	for i, k := range dialAll(b, far, sessions) {
		time.Sleep(time.Millisecond) // one at a time, not one after the other
		took[i] = kick(b, near, token, sessions[i], k)
	}
	percentiles(b, took)
}

// BenchmarkFarKicks is FarKick by many at once.
func BenchmarkFarKicks(b *testing.B) {
	const kicks = 3000
	near, far, sessions := two(b, kicks)
	token := near.admin()
	sockets := dialAll(b, far, sessions)
	took := make([]time.Duration, kicks)
	before := near.spent() + far.spent()
	all := spread(b, kicks, func(_, i int) error {
		took[i] = kick(b, near, token, sessions[i], sockets[i])
		return nil
	})
	b.ReportMetric(float64((near.spent()+far.spent()-before).Microseconds())/kicks, "cpu-us/kick")
	b.ReportMetric(kicks/all.Seconds(), "kicks/s")
	percentiles(b, took)
}

// BenchmarkIdle is what two nodes use of a core while their 5,000 sockets do nothing.
func BenchmarkIdle(b *testing.B) {
	const sockets, settle, idle = 5000, 10 * time.Second, 30 * time.Second
	near, far, sessions := two(b, sockets)
	for _, k := range slices.Concat(dialAll(b, near, sessions[:sockets/2]), dialAll(b, far, sessions[sockets/2:])) {
		go k.Closed() // answers pings
	}
	time.Sleep(settle)
	before := near.spent() + far.spent()
	time.Sleep(idle)
	b.ReportMetric(100*float64(near.spent()+far.spent()-before)/float64(idle), "%core")
}

// spent is the processor time of the server's process.
func (s *site) spent() time.Duration {
	s.b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID))
	if err != nil {
		s.b.Skip("the time of a process is read from /proc")
	}
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var ticks int
	for _, field := range f[11:13] { // user and system, in hundredths of a second
		n, err := strconv.Atoi(string(field))
		if err != nil {
			s.b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
