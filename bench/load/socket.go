package load

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// patience is how long a server may take to answer.
const patience = 30 * time.Second

// Socket is a WebSocket. It knows frames that are not fragmented, those of the servers that it is for. One goroutine
// may read while another one writes.
type Socket struct {
	conn net.Conn
	in   *bufio.Reader
	as   *Dialect
}

// inBuffer is small because most sockets are idle; what is longer is read past it.
const inBuffer = 256

// largest is how long a frame may be.
const largest = 16 << 20

// sources lets connections come from several loopback addresses: one has too few ports for many sockets.
var sources atomic.Uint32

const sourceAddresses = 64

// Dial opens a socket at a server by a token, and returns when it is ready.
func Dial(d *Dialect, base, token string) (*Socket, error) {
	at, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+sources.Add(1)%sourceAddresses))}
	conn, err := (&net.Dialer{LocalAddr: from, Timeout: patience}).Dial("tcp", at.Host)
	if err != nil {
		return nil, err
	}
	k := &Socket{conn, bufio.NewReaderSize(conn, inBuffer), d}
	if err := k.greet(at.Host, token); err != nil {
		k.Cut()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	return k, nil
}

// greet upgrades the connection and says who this is.
func (k *Socket) greet(host, token string) error {
	k.conn.SetDeadline(time.Now().Add(patience))
	defer k.conn.SetDeadline(time.Time{})
	_, err := io.WriteString(k.conn, "GET "+k.as.Path+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"+k.as.Header(token)+"\r\n")
	if err != nil {
		return err
	}
	if err := k.upgraded(); err != nil {
		return err
	}
	if hello := k.as.Hello(token); hello != "" {
		if err := k.Send(hello); err != nil {
			return err
		}
	}
	return k.ready()
}

// upgraded reads the answer to the request.
func (k *Socket) upgraded() error {
	for first := true; ; first = false {
		line, err := k.in.ReadString('\n')
		if err != nil {
			return err
		}
		if first && !strings.Contains(line, " 101 ") {
			return errors.New(strings.TrimSpace(line))
		}
		if line == "\r\n" {
			return nil
		}
	}
}

// ready reads up to the frame that makes the socket ready.
func (k *Socket) ready() error {
	for {
		opcode, frame, err := k.read()
		if err != nil {
			return err
		}
		if opcode == text && strings.HasPrefix(string(frame), k.as.Ready) {
			return nil
		}
		if opcode != text || !strings.HasPrefix(string(frame), k.as.Skip) {
			return fmt.Errorf("not ready: %d %s", opcode, frame)
		}
	}
}

// The opcodes of RFC 6455, 5.2, that are looked at.
const (
	text    = 1
	closing = 8
	ping    = 9
	pong    = 10
)

// read is the next frame.
func (k *Socket) read() (opcode byte, payload []byte, err error) {
	var head [10]byte
	if _, err := io.ReadFull(k.in, head[:2]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1])
	switch n {
	case 126:
		_, err = io.ReadFull(k.in, head[2:4])
		n = uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		_, err = io.ReadFull(k.in, head[2:])
		n = binary.BigEndian.Uint64(head[2:])
	}
	if err != nil {
		return 0, nil, err
	}
	if n > largest {
		return 0, nil, fmt.Errorf("a frame of %d bytes", n)
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(k.in, payload)
	return head[0] & 0xf, payload, err
}

// Next is the next frame that is more than a ping; pings are answered.
func (k *Socket) Next() (opcode byte, payload []byte, err error) {
	for {
		opcode, payload, err = k.read()
		switch {
		case err != nil:
			return 0, nil, err
		case opcode == ping:
			err = k.send(pong, payload)
		case opcode == text && k.as.asks(payload):
			err = k.Send(k.as.Pong)
			if len(payload) > len(k.as.Ping) && err == nil {
				return opcode, payload, nil
			}
		default:
			return opcode, payload, nil
		}
		if err != nil {
			return 0, nil, err
		}
	}
}

// Send writes a text frame of less than 64 KiB.
func (k *Socket) Send(s string) error { return k.send(text, []byte(s)) }

// send writes a frame, with a mask of zeros.
func (k *Socket) send(opcode byte, payload []byte) error {
	frame := make([]byte, 0, len(payload)+8)
	if n := len(payload); n < 126 {
		frame = append(frame, 0x80|opcode, 0x80|byte(n))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|opcode, 0x80|126), uint16(n))
	}
	frame = append(frame, 0, 0, 0, 0)
	_, err := k.conn.Write(append(frame, payload...))
	return err
}

// Until reads up to a frame that has all the parts in it, and returns when that came.
func (k *Socket) Until(parts ...string) (time.Time, error) {
	for {
		opcode, payload, err := k.Next()
		at := time.Now()
		if err != nil {
			return at, err
		}
		if opcode == closing {
			return at, fmt.Errorf("closed with %d", closeCode(payload))
		}
		if has(payload, parts) {
			return at, nil
		}
	}
}

func has(frame []byte, parts []string) bool {
	for _, p := range parts {
		if !bytes.Contains(frame, []byte(p)) {
			return false
		}
	}
	return true
}

// Closed waits for the close frame and returns its code and when it came.
func (k *Socket) Closed() (code int, at time.Time, err error) {
	for {
		opcode, payload, err := k.Next()
		if err != nil {
			return 0, time.Time{}, err
		}
		if opcode == closing {
			return closeCode(payload), time.Now(), nil
		}
	}
}

// closeCode is what a close frame says; 1005 stands for none (RFC 6455, 7.4.1).
func closeCode(payload []byte) int {
	if len(payload) < 2 {
		return 1005
	}
	return int(binary.BigEndian.Uint16(payload))
}

// Cut ends the connection without leaving its port in TIME_WAIT.
func (k *Socket) Cut() {
	if tcp, ok := k.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	k.conn.Close()
}
