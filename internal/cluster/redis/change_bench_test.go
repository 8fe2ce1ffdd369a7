package redis

import (
	"strconv"
	"strings"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// BenchmarkChange is what a session that comes, goes, and is gone after its grace costs Redis: three changes. script-us
// is what the scripts themselves took, cpu-us all of the server's processor time, both for one change. "one" writes each
// by itself, as on a quiet node, "piled" with what came meanwhile.
func BenchmarkChange(b *testing.B) {
	const n = 6000
	for name, size := range map[string]int{"one": 1, "piled": 64} {
		b.Run(name, func(b *testing.B) {
			s, nodes := pair(b)
			db := client(b, s.URL())
			entries := make([]entry, n)
			for i := range entries {
				user, session := id.New(id.User), id.New(id.Session)
				entries[i] = entry{d: &device{user: user, session: session}, user: user, session: session}
			}
			before, began := usage(b, db), time.Now()
			for _, steps := range [][]int{{1}, {0}, nil} {
				for at := 0; at < n; at += size {
					batch := entries[at:min(at+size, n)]
					for i := range batch {
						batch[i].steps, batch[i].gone = steps, steps == nil
					}
					if _, err := nodes[0].write(batch); err != nil {
						b.Fatal(err)
					}
				}
			}
			took, after := time.Since(began), usage(b, db)
			b.ReportMetric((after[0]-before[0])/(3*n), "script-us/change")
			b.ReportMetric((after[1]-before[1])/(3*n), "cpu-us/change")
			b.ReportMetric(3*n/took.Seconds(), "changes/s")
		})
	}
}

// BenchmarkStorm is the same for 2,000 sessions a second that come, have gone 20 ms later, and are gone after a grace.
func BenchmarkStorm(b *testing.B) {
	b.ReportMetric(0, "ns/op")
	const n, each = 4000, 500 * time.Microsecond
	s := servertest.StartRedis(b)
	node, err := Open(Config{URL: s.URL(), Grace: 200 * time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	defer node.Close()
	servertest.Eventually(b, "the node is healthy", func() bool { return node.Healthy() && node.writable() })
	db, users, sessions := client(b, s.URL()), make([]string, n), make([]string, n)
	for i := range n {
		users[i], sessions[i] = id.New(id.User), id.New(id.Session)
	}
	before, began, behind := usage(b, db), time.Now(), int(20*time.Millisecond/each)
	for i := range n + behind {
		if d := time.Until(began.Add(time.Duration(i) * each)); d > 0 {
			time.Sleep(d)
		}
		if i < n {
			node.Report(users[i], sessions[i], 1)
		}
		if i >= behind {
			node.Report(users[i-behind], sessions[i-behind], 0)
		}
	}
	servertest.Eventually(b, "all are gone", func() bool { _, empty := node.held.count(); return empty })
	after := usage(b, db)
	b.ReportMetric((after[0]-before[0])/(3*n), "script-us/change")
	b.ReportMetric((after[1]-before[1])/(3*n), "cpu-us/change")
}

// usage is how many microseconds Redis has spent in scripts that were known to it, and in all.
func usage(b *testing.B, db driver.UniversalClient) (us [2]float64) {
	b.Helper()
	info := db.InfoMap(b.Context(), "commandstats", "cpu").Val()
	number := func(text string) float64 {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			b.Fatal(err)
		}
		return f
	}
	if _, rest, ok := strings.Cut(info["Commandstats"]["cmdstat_evalsha"], "usec="); ok {
		text, _, _ := strings.Cut(rest, ",")
		us[0] = number(text)
	}
	for _, kind := range []string{"used_cpu_user", "used_cpu_sys"} {
		us[1] += 1e6 * number(info["CPU"][kind])
	}
	return us
}
