package hub

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// plain is a client without a library, over TCP.
type plain struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

// plainly opens a socket. What comes early is sent in one piece with the request.
func (l *lab) plainly(p Principal, early ...byte) *plain {
	l.t.Helper()
	nc, err := l.net(l.t.Context(), "tcp", "")
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	c := &plain{l.t, nc, bufio.NewReader(nc)}
	c.write(append(plainHello(p), early...))
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		l.t.Fatalf("handshake: %v, %v", resp, err)
	}
	c.hears(`"welcome"`)
	return c
}

func plainHello(p Principal) []byte {
	return []byte("GET / HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " + wire.Protocol + ", bearer." + p.SessionID + "\r\n\r\n")
}

func (c *plain) write(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Error(err)
	}
}

// frame is the next frame from the server; nil when the connection has ended.
func (c *plain) frame() (opcode byte, payload []byte) {
	first, err := c.r.ReadByte()
	if err != nil {
		return 0, nil
	}
	n, _ := c.r.ReadByte()
	size := int(n)
	if n == 126 {
		a, _ := c.r.ReadByte()
		b, _ := c.r.ReadByte()
		size = int(a)<<8 | int(b)
	}
	payload = make([]byte, size)
	for i := range payload {
		payload[i], _ = c.r.ReadByte()
	}
	return first & 0x0f, payload
}

func (c *plain) hears(text string) {
	c.t.Helper()
	if _, got := c.frame(); !strings.Contains(string(got), text) {
		c.t.Errorf("heard %q, not %s", got, text)
	}
}

func pong(re string) []byte {
	return masked(true, opText, fmt.Appendf(nil, `{"type":"pong","id":%q}`, re))
}

// readers is how many goroutines wait for clients.
func readers() int {
	stacks := make([]byte, 4<<20)
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("hub.(*conn).read("))
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

func TestIdleSocketsHaveNoGoroutine(t *testing.T) {
	l := overTCP(t, Limits{PerSession: 1000, PerUser: 1000})
	p := l.signIn("usr_1")
	var clients []*plain
	for range 100 {
		clients = append(clients, l.plainly(p))
	}
	eventually(t, "all rest", func() bool { return readers() == 0 })
	for i, c := range clients {
		c.write(pong(fmt.Sprint(i)))
		c.hears(fmt.Sprintf(`"re":"%d"`, i))
	}
	eventually(t, "all rest again", func() bool { return readers() == 0 })
}

func TestWatchedSocketHearsWhateverComes(t *testing.T) {
	l := overTCP(t, Limits{})
	p := l.signIn("usr_1")
	t.Run("with the handshake", func(t *testing.T) {
		c := l.plainly(p, pong("early")...)
		c.hears(`"early"`)
	})
	t.Run("several at once", func(t *testing.T) {
		c := l.plainly(p)
		c.write(bytes.Join([][]byte{pong("a"), pong("b"), pong("c")}, nil))
		for _, re := range []string{"a", "b", "c"} {
			c.hears(re)
		}
	})
	t.Run("byte by byte", func(t *testing.T) {
		c := l.plainly(p)
		eventually(t, "it rests", func() bool { return readers() == 0 })
		for _, b := range pong("slow") {
			c.write([]byte{b})
			runtime.Gosched()
		}
		c.hears("slow")
	})
	t.Run("one and a half", func(t *testing.T) {
		c := l.plainly(p)
		whole := append(pong("one"), pong("two")...)
		cut := len(whole) - 5
		c.write(whole[:cut])
		c.hears("one")
		c.write(whole[cut:])
		c.hears("two")
	})
	t.Run("ping of the protocol", func(t *testing.T) {
		c := l.plainly(p)
		c.write(masked(true, opPing, []byte("hello")))
		if opcode, payload := c.frame(); opcode != opPong || string(payload) != "hello" {
			t.Errorf("opcode %d, %q", opcode, payload)
		}
		c.write(pong("after"))
		c.hears("after")
	})
	t.Run("a breach", func(t *testing.T) {
		c := l.plainly(p)
		c.write(append(pong("before"), 0x81, 0x02, '{', '}'))
		c.hears("before")
		c.hears("frame without mask")
		if opcode, _ := c.frame(); opcode != opClose {
			t.Errorf("opcode %d", opcode)
		}
	})
	t.Run("a close", func(t *testing.T) {
		c := l.plainly(p)
		c.write(masked(true, opClose, []byte{3, 0xe8}))
		if opcode, payload := c.frame(); opcode != opClose || !bytes.Equal(payload, []byte{3, 0xe8}) {
			t.Errorf("opcode %d, %v", opcode, payload)
		}
	})
	eventually(t, "the closed one is gone", func() bool { return l.hub.Stats().Closes["normal"] == 1 })
}

// However a client goes, its socket goes, and its place among the watched is another's.
func TestWatchedSocketsComeAndGo(t *testing.T) {
	l := overTCP(t, Limits{PerSession: 1000, PerUser: 1000})
	p := l.signIn("usr_1")
	const workers, each = 8, 40
	var work sync.WaitGroup
	for w := range workers {
		work.Go(func() {
			for i := range each {
				c := l.plainly(p)
				c.write(pong("x"))
				c.hears(`"x"`)
				switch (w + i) % 3 {
				case 0:
					c.conn.(*net.TCPConn).SetLinger(0) // a reset
				case 1:
					c.conn.(*net.TCPConn).CloseWrite()
				}
				c.conn.Close()
			}
		})
	}
	work.Wait()
	eventually(t, "all are gone", func() bool { return l.hub.Connections("usr_1") == 0 })
	e := l.hub.poll.events.(*epoll)
	eventually(t, "all slots are free", func() bool { return e.taken() == 0 })
	if len(e.slots) > workers*each/2 {
		t.Errorf("%d slots for %d sockets at once", len(e.slots), workers)
	}
	c := l.plainly(p)
	c.write(pong("last"))
	c.hears(`"last"`)
}

// taken is how many slots have a socket.
func (e *epoll) taken() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.slots) - len(e.free)
}

// While sockets come, are ended from both sides at once, and leave their slots and descriptors to others, those that
// stay hear every answer, and only their own.
func TestWatchedSocketsAmongOthersThatComeAndGo(t *testing.T) {
	l := overTCP(t, Limits{FramesPerMinute: 1 << 20, FrameBurst: 1 << 20})
	rounds := 400
	if testing.Short() {
		rounds = 50
	}
	const settled, restless = 6, 3
	p := l.signIn("usr_1")
	var clients []*plain
	for range settled {
		clients = append(clients, l.plainly(p))
	}
	over := make(chan struct{})
	var stay, pass sync.WaitGroup
	for range restless {
		pass.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				default:
					l.passBy(i)
				}
			}
		})
	}
	for n, c := range clients {
		stay.Go(func() {
			for i := range rounds {
				re := fmt.Sprintf("%d of %d", i, n)
				b := pong(re)
				cut := i % len(b) // at 0 it comes whole
				for _, part := range [][]byte{b[:cut], b[cut:]} {
					c.write(part)
				}
				c.hears(fmt.Sprintf("%q", re))
			}
		})
	}
	stay.Wait()
	close(over)
	pass.Wait()
	eventually(t, "only they are left", func() bool {
		return l.hub.Connections("usr_2") == 0 && l.hub.poll.events.(*epoll).taken() == settled
	})
	eventually(t, "they rest", func() bool { return readers() == 0 })
}

// passBy is a socket that ends in one of several ways, with a frame on its way.
func (l *lab) passBy(way int) {
	p := l.signIn("usr_2")
	nc, err := l.net(context.Background(), "tcp", "")
	if err != nil {
		l.t.Error(err)
		return
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	nc.Write(plainHello(p))
	if way%2 == 0 {
		nc.Read(make([]byte, 1)) // else it may end before it has begun
	}
	switch way % 4 {
	case 0:
		go nc.Write(pong("x"))
		l.end(p, "kicked")
	case 1:
		l.end(p, "kicked")
	case 2:
		nc.Write(pong("x"))
		nc.(*net.TCPConn).SetLinger(0) // a reset
	case 3:
		nc.Write(masked(true, opClose, nil))
		nc.(*net.TCPConn).CloseWrite()
	}
}

// An event that was taken before its socket closed is nobody's, whoever has the slot by then, and however often it was
// used before.
func TestEventOfAClosedSocketIsNobodys(t *testing.T) {
	e := &epoll{}
	for _, age := range []int32{0, math.MaxInt32, -1} {
		e.slots, e.free = []slot{{age: age}}, []int32{0}
		first, second := &conn{slot: noSlot}, &conn{slot: noSlot}
		ev, op, ok := e.place(first)
		if !ok || op != unix.EPOLL_CTL_ADD || e.named(ev) != first {
			t.Fatalf("age %d: not placed", age)
		}
		if again, op, ok := e.place(first); !ok || op != unix.EPOLL_CTL_MOD || again != ev {
			t.Errorf("age %d: placed twice", age)
		}
		e.forget(first)
		if e.named(ev) != nil {
			t.Errorf("age %d: the event names what has closed", age)
		}
		if other, _, _ := e.place(second); other.Fd != ev.Fd || e.named(ev) != nil || e.named(other) != second {
			t.Errorf("age %d: the event names another", age)
		}
		if _, _, ok := e.place(first); ok {
			t.Errorf("age %d: what has closed is placed again", age)
		}
		e.forget(first)
		if len(e.free) != 0 {
			t.Errorf("age %d: forgotten twice, the slot is free twice", age)
		}
	}
}
