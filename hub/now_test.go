package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// TestFramesOfManyKeepTheirOrder: whoever writes, each sender's messages come whole and in their order, also where the
// client does not read for a while and the kernel takes half a frame.
func TestFramesOfManyKeepTheirOrder(t *testing.T) {
	const senders, each = 4, 200
	l := overTCP(t, Limits{QueueBytes: 64 << 20})
	p := l.signIn("usr_1")
	var readers sync.WaitGroup
	start := make(chan struct{})
	for range 3 {
		ws := l.tcp(p)
		ws.SetReadLimit(-1)
		readers.Go(func() {
			<-start
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			next := map[string]int{}
			for n := 0; n < senders*each; {
				_, data, err := ws.Read(ctx)
				if err != nil {
					t.Errorf("after %d messages: %v", n, err)
					return
				}
				var f struct {
					Name string
					Data [2]any
				}
				if err := json.Unmarshal(data, &f); err != nil {
					t.Errorf("%v: %s", err, data)
					return
				}
				if want := float64(next[f.Name]); f.Data[0] != want {
					t.Errorf("%v of %s, want %v", f.Data[0], f.Name, want)
					return
				}
				next[f.Name]++
				n++
			}
		})
	}
	filler := make([]byte, 20<<10)
	for i := range filler {
		filler[i] = 'x'
	}
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for i := range each {
				data := fmt.Appendf(nil, `[%d,"%s"]`, i, filler[:1+i*100])
				if n := l.hub.Deliver(parcel("usr_1", wire.Message{Name: fmt.Sprint("sender-", s), Data: data})); n != 3 {
					t.Errorf("delivered to %d", n)
				}
				if s == 0 && i == each/2 {
					close(start)
				}
			}
		})
	}
	all.Wait()
	readers.Wait()
}

// TestNobodyWaitsBehindAPong: a client that sends pings and does not read has whoever reads from it wait. Nobody else
// does.
func TestNobodyWaitsBehindAPong(t *testing.T) {
	l := overTCP(t, Limits{FramesPerMinute: 60e6, FrameBurst: 1e6})
	p := l.signIn("usr_1")
	var nc net.Conn
	dial := l.net
	l.net = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		nc = c
		return c, err
	}
	l.tcp(p)
	ping := append([]byte{0x89, 0x80 | 125, 0, 0, 0, 0}, make([]byte, 125)...) // masked by zeros
	pings := make([]byte, 0, 64<<10)
	for len(pings)+len(ping) <= cap(pings) {
		pings = append(pings, ping...)
	}
	for { // until it is not read any more
		nc.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := nc.Write(pings); errors.Is(err, os.ErrDeadlineExceeded) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if n := l.hub.Deliver(note("usr_1", 100)); n != 1 {
		t.Errorf("delivered to %d", n)
	}
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("that took %v", took)
	}
}

// TestHurryIsBounded: no more frames than that are written in a millisecond by who brings them, and after a pause there
// are as many again.
func TestHurryIsBounded(t *testing.T) {
	var h hurry
	took := func(now time.Duration) (n int) {
		for h.take(instant(now)) {
			n++
		}
		return n
	}
	if n := took(time.Second); n != mostHurried {
		t.Errorf("%d at once", n)
	}
	if n := took(time.Second + 500*time.Microsecond); n != mostHurried/2 {
		t.Errorf("%d half a millisecond later", n)
	}
	if n := took(time.Hour); n != mostHurried {
		t.Errorf("%d after a pause", n)
	}
}
