package bench

import (
	"bufio"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/bench/load"
)

// BenchmarkIdleSocketMemory opens 5,000 authenticated sockets and lets them be for a ping and its answer. The memory
// of each is what the server's process holds more than before, in all (resident) and of heap and stacks in use alone.
func BenchmarkIdleSocketMemory(b *testing.B) {
	const sockets, before, idle = 5000, 30 * time.Second, 40 * time.Second
	s, sessions := open(b, sockets, 1)
	warmUp(b, s, sessions[:1500])
	<-time.After(before) // until their garbage is gone
	resident, inUse := s.resident(), s.inUse()
	for _, k := range dialAll(b, s, sessions) {
		go func() {
			for {
				if _, _, err := k.Next(); err != nil {
					return
				}
			}
		}()
	}
	<-time.After(idle)
	if n := s.metric("gatehouse_sockets"); n != sockets {
		b.Fatalf("%v sockets are open", n)
	}
	b.ReportMetric((s.resident()-resident)/sockets, "RSS-bytes/socket")
	b.ReportMetric((s.inUse()-inUse)/sockets, "in-use-bytes/socket")
}

// warmUp opens and cuts some sockets, so that what a server needs once is not counted.
func warmUp(b *testing.B, s *site, sessions []seeded) {
	b.Helper()
	for _, k := range dialAll(b, s, sessions) {
		k.Cut()
	}
	for end := time.Now().Add(patience); s.metric("gatehouse_sockets") > 0; {
		if time.Now().After(end) {
			b.Fatal("sockets that were cut stay")
		}
	}
}

// resident is the resident memory of the server's process in bytes.
func (s *site) resident() float64 {
	s.b.Helper()
	bytes, err := load.Resident(s.PID)
	if errors.Is(err, fs.ErrNotExist) {
		s.b.Skip("the memory of a process is read from /proc")
	}
	if err != nil {
		s.b.Fatal(err)
	}
	return bytes
}

// inUse is what the server's heap and stacks take, in bytes.
func (s *site) inUse() float64 {
	return s.metric("go_memstats_heap_inuse_bytes") + s.metric("go_memstats_stack_inuse_bytes")
}

// metric reads one value of /metrics.
func (s *site) metric(name string) float64 {
	s.b.Helper()
	resp, err := s.http.Get(s.URL + "/metrics")
	if err != nil {
		s.b.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s.b.Fatal(resp.Status)
	}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				s.b.Fatal(err)
			}
			return v
		}
	}
	s.b.Fatalf("no metric %s", name)
	return 0
}
