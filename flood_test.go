package gatehouse_test

import (
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// TestThreat18_SocketsThatNeverAuthenticate holds an address to its places, closes who says nothing and who trickles,
// and serves others meanwhile.
func TestThreat18_SocketsThatNeverAuthenticate(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	bystander := l.register("Laptop").connect()
	began := time.Now()
	var silent []*socket
	for range 16 {
		silent = append(silent, l.dial("", nil))
	}
	var trickling []net.Conn
	for range 4 {
		trickling = append(trickling, trickle(t, l, "GET /ws HTTP/1.1\r\nHost: "+l.door.Addr().String()+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: gatehouse.v1\r\n\r\n", "\x81\xfe\x7f\xff\x00\x00\x00\x00{"))
	}
	var resp *http.Response
	eventually(t, "the 21st is refused", func() bool {
		_, resp, _ = l.tryDial("", nil)
		return resp != nil && resp.StatusCode == http.StatusTooManyRequests
	})
	if resp.Header.Get("Retry-After") == "" {
		t.Error("it was not told when to come back")
	}
	slowHeader := trickle(t, l, "GET /ws HTTP/1.1\r\n", "X")
	for _, s := range silent {
		s.closed(wire.CloseAuthTimeout)
		if took := s.at.Sub(began); took < 4*time.Second || took > 9*time.Second {
			t.Errorf("closed after %v", took)
		}
	}
	for _, conn := range append(trickling, slowHeader) {
		if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Error("a connection that trickles is still open")
		}
	}
	bystander.works()
	l.register("Phone").connect().works()
}

// trickle sends the first bytes at once and then one more, again and again, until the other side has enough.
func trickle(t *testing.T, l *lab, begin, more string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.door.Addr().String())
	must(t, err)
	must(t, conn.SetReadDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, begin)
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i = min(i+1, len(more)-1) {
			if _, err := io.WriteString(conn, more[i:i+1]); err != nil {
				return
			}
			<-tick.C
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return conn
}

// TestThreat23_ManyLoginsWithLongPasswords lets 500 guess at once. Memory stays bounded, what does not fit is told so,
// and health and live sessions are served meanwhile.
func TestThreat23_ManyLoginsWithLongPasswords(t *testing.T) {
	l := openLab(t)
	d := l.register("Phone")
	s := d.connect()
	long := strings.Repeat("ä", 256)
	var mu sync.Mutex
	answers := map[int]int{}
	var all sync.WaitGroup
	for range 500 {
		all.Go(func() {
			a, err := l.call("POST", "/auth/login", "", object{"email": d.user.Email, "password": long, "transport": "body"})
			if err != nil {
				t.Errorf("login: %v", err)
			}
			if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
				t.Error("unavailable, without Retry-After")
			}
			mu.Lock()
			defer mu.Unlock()
			answers[a.status]++
		})
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		all.Wait()
	}()
	var health []time.Duration
	var most uint64
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for busy := true; busy; {
		<-tick.C
		began := time.Now()
		l.want(http.StatusOK, "", "GET", "/healthz", "", nil)
		health = append(health, time.Since(began))
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse)
		select {
		case <-over:
			busy = false
		default:
		}
	}
	s.works()
	d.ok("GET", "/auth/me", nil)
	if answers[http.StatusServiceUnavailable] == 0 || answers[http.StatusUnauthorized] == 0 || len(answers) != 2 {
		t.Errorf("answers %v, want some 401 and some 503", answers)
	}
	if most > 1<<30 { // all at once would take ten times as much
		t.Errorf("%d MiB in use", most>>20)
	}
	slices.Sort(health)
	t.Logf("answers %v, at most %d MiB in use, health within %v", answers, most>>20, health[len(health)-1])
	if worst := health[len(health)-1]; worst > 10*time.Second {
		t.Errorf("health answered after %v", worst)
	}
}
