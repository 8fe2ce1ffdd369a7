package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
	"github.com/gatehouse-dev/gatehouse/internal/cluster/redis"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// BenchmarkRedis is what Redis pays for presence: memory for a session that is online, its own time for a session that
// comes and for one that goes, and commands while 20,000 are idle on two nodes.
func BenchmarkRedis(b *testing.B) {
	const sessions, idle = 20_000, 12 * time.Second
	s := servertest.StartRedis(b)
	nodes := make([]*redis.Cluster, 2)
	for i := range nodes {
		nodes[i] = join(b, s.URL())
	}
	b.ReportMetric(0, "ns/op")
	report := func(connections int) (cpu float64) {
		before := redisInfo(b, s, "used_cpu_user") + redisInfo(b, s, "used_cpu_sys")
		for i := range sessions {
			nodes[i%2].Report(fmt.Sprintf("usr_%026d", i/2), fmt.Sprintf("ses_%026d", i), connections)
		}
		until(b, nodes[0], sessions*connections)
		return redisInfo(b, s, "used_cpu_user") + redisInfo(b, s, "used_cpu_sys") - before
	}
	memory := redisInfo(b, s, "used_memory")
	came := report(1)
	b.ReportMetric((redisInfo(b, s, "used_memory")-memory)/sessions, "redis-bytes/session")
	b.ReportMetric(came/sessions*1e6, "redis-us/came")
	commands, began := redisInfo(b, s, "total_commands_processed"), time.Now()
	<-time.After(idle)
	b.ReportMetric((redisInfo(b, s, "total_commands_processed")-commands)/time.Since(began).Seconds(), "idle-commands/s")
	b.ReportMetric(report(0)/sessions*1e6, "redis-us/went")
}

func join(b *testing.B, url string) *redis.Cluster {
	b.Helper()
	c, err := redis.Open(redis.Config{URL: url, Grace: 100 * time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	c.OnChange(func(presence.Change) {})
	b.Cleanup(func() { _ = c.Close() })
	servertest.Eventually(b, "the node is in Redis", c.Healthy)
	return c
}

// until waits for the registry to have so many connections.
func until(b *testing.B, c *redis.Cluster, connections int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		t, err := c.Totals(ctx)
		if err == nil && t.Connections == connections && t.Sessions == connections {
			return
		}
		select {
		case <-ctx.Done():
			b.Fatalf("the registry has %+v, %v; want %d connections", t, err, connections)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// redisInfo is a number that INFO tells, asked over a connection of its own, in the plainest of Redis's dialects.
func redisInfo(b *testing.B, s *servertest.Redis, name string) float64 {
	b.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprint(conn, "INFO\r\n"); err != nil {
		b.Fatal(err)
	}
	var text strings.Builder
	for buf := make([]byte, 64<<10); !strings.Contains(text.String(), "# Keyspace"); {
		n, err := conn.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		text.Write(buf[:n])
	}
	_, rest, _ := strings.Cut(text.String(), "\n"+name+":")
	value, _, _ := strings.Cut(rest, "\r")
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return n
}

// BenchmarkStoreSize is what a user and a session take in the SQLite file, with its indexes, once the write-ahead log is
// in it.
func BenchmarkStoreSize(b *testing.B) {
	const users, each = 2000, 20
	b.ReportMetric(0, "ns/op")
	size := func(sessions int) float64 {
		house := servertest.House{Bin: bin, Data: b.TempDir()}
		house.Run(b, "", "seed", "--users", fmt.Sprint(users), "--sessions-per-user", fmt.Sprint(sessions), "--out", filepath.Join(b.TempDir(), "tokens"))
		info, err := os.Stat(filepath.Join(house.Data, "gatehouse.db"))
		if err != nil {
			b.Fatal(err)
		}
		return float64(info.Size())
	}
	few, many := size(1), size(1+each)
	session := (many - few) / (users * each)
	b.ReportMetric(session, "file-bytes/session")
	b.ReportMetric(few/users-session, "file-bytes/user")
}

// BenchmarkBus is what Redis pays for a hint to all and each node that gets it, of ten.
func BenchmarkBus(b *testing.B) {
	const nodes, waves, hints = 10, 10, 2000 // a node lets 4,096 hints wait
	s := servertest.StartRedis(b)
	var heard atomic.Int64
	all := make([]*redis.Cluster, nodes)
	for i := range all {
		all[i] = join(b, s.URL())
		all[i].Subscribe(func(cluster.Hint) { heard.Add(1) })
	}
	b.ReportMetric(0, "ns/op")
	hint := cluster.Hint{Kind: cluster.KindSession, UserID: fmt.Sprintf("usr_%026d", 1), SessionID: fmt.Sprintf("ses_%026d", 1)}
	hint.Body = fmt.Appendf(nil, `{"user_id":%q,"session_id":%q,"at":"2026-01-02T03:04:05.678Z"}`, hint.UserID, hint.SessionID)
	before, began := redisInfo(b, s, "used_cpu_user")+redisInfo(b, s, "used_cpu_sys"), time.Now()
	for wave := range waves {
		for range hints {
			if err := all[0].Publish(b.Context(), hint); err != nil {
				b.Fatal(err)
			}
		}
		servertest.Eventually(b, "every node hears every hint", func() bool { return heard.Load() == int64(nodes*hints*(wave+1)) })
	}
	took := time.Since(began)
	cpu := redisInfo(b, s, "used_cpu_user") + redisInfo(b, s, "used_cpu_sys") - before
	b.ReportMetric(cpu/(nodes*waves*hints)*1e6, "redis-us/hint-and-node")
	b.ReportMetric(nodes*waves*hints/took.Seconds(), "hints-heard/s")
}
