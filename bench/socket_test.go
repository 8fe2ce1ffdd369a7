package bench

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// socket is a WebSocket with as little around it as will do, so that thousands of them cost the measuring process
// little. It knows frames of up to 64 KiB that are not fragmented: those of the server.
type socket struct {
	conn net.Conn
	in   *bufio.Reader
}

// sources lets connections come from several loopback addresses: one has too few ports for many in a short time.
var sources atomic.Uint32

// dial opens a socket and reads its welcome.
func dial(s *site, token string) (*socket, error) {
	at, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+sources.Add(1)%8))}
	conn, err := (&net.Dialer{LocalAddr: from, Timeout: patience}).Dial("tcp", at.Host)
	if err != nil {
		return nil, err
	}
	k := &socket{conn, bufio.NewReaderSize(conn, 1024)}
	if err := k.greet(at.Host, token); err != nil {
		k.cut()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	return k, nil
}

func (k *socket) greet(host, token string) error {
	k.conn.SetDeadline(time.Now().Add(patience))
	_, err := io.WriteString(k.conn, "GET /ws HTTP/1.1\r\nHost: "+host+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: gatehouse.v1, bearer."+token+"\r\n\r\n")
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		line, err := k.in.ReadString('\n')
		if err != nil {
			return err
		}
		if first && !strings.Contains(line, " 101 ") {
			return errors.New(strings.TrimSpace(line))
		}
		if line == "\r\n" {
			break
		}
	}
	opcode, frame, err := k.read()
	if err != nil || opcode != text || !strings.Contains(string(frame), `"welcome"`) {
		return fmt.Errorf("no welcome: %d %s %w", opcode, frame, err)
	}
	k.conn.SetDeadline(time.Time{})
	return nil
}

const (
	text     = 1
	closing  = 8
	pingText = `{"type":"ping"}`
)

// read is the next frame.
func (k *socket) read() (opcode byte, payload []byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(k.in, head[:2]); err != nil {
		return 0, nil, err
	}
	n := int(head[1])
	if n == 126 {
		if _, err := io.ReadFull(k.in, head[2:]); err != nil {
			return 0, nil, err
		}
		n = int(binary.BigEndian.Uint16(head[2:]))
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(k.in, payload)
	return head[0] & 0xf, payload, err
}

// next is the next frame that is no ping; pings are answered.
func (k *socket) next() (opcode byte, payload []byte, err error) {
	for {
		opcode, payload, err = k.read()
		if err != nil || opcode != text || string(payload) != pingText {
			return opcode, payload, err
		}
		if err := k.send(`{"type":"pong"}`); err != nil {
			return 0, nil, err
		}
	}
}

// send writes a text frame of less than 126 bytes, with a mask of zeros.
func (k *socket) send(s string) error {
	_, err := k.conn.Write(append([]byte{0x80 | text, 0x80 | byte(len(s)), 0, 0, 0, 0}, s...))
	return err
}

// closed waits for the close frame and returns its code and when it came.
func (k *socket) closed() (code int, at time.Time, err error) {
	for {
		opcode, payload, err := k.next()
		if err != nil {
			return 0, time.Time{}, err
		}
		if opcode == closing && len(payload) >= 2 {
			return int(binary.BigEndian.Uint16(payload)), time.Now(), nil
		}
	}
}

// cut ends the connection without leaving its port in TIME_WAIT.
func (k *socket) cut() {
	if tcp, ok := k.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	k.conn.Close()
}

// dialAll opens a socket for each session.
func dialAll(b *testing.B, s *site, sessions []seeded) []*socket {
	b.Helper()
	sockets := make([]*socket, len(sessions))
	b.Cleanup(func() {
		for _, k := range sockets {
			if k != nil {
				k.cut()
			}
		}
	})
	spread(b, len(sessions), func(_, i int) (err error) {
		sockets[i], err = dial(s, sessions[i].AccessToken)
		return err
	})
	return sockets
}
