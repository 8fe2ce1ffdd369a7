package hub

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

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
	hello := "GET / HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " + wire.Protocol + ", bearer." + p.SessionID + "\r\n\r\n"
	c.write(append([]byte(hello), early...))
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		l.t.Fatalf("handshake: %v, %v", resp, err)
	}
	c.hears(`"welcome"`)
	return c
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
	eventually(t, "all slots are free", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.free) == len(e.slots)
	})
	if len(e.slots) > workers*each/2 {
		t.Errorf("%d slots for %d sockets at once", len(e.slots), workers)
	}
	c := l.plainly(p)
	c.write(pong("last"))
	c.hears(`"last"`)
}
