package redis

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"time"

	driver "github.com/redis/go-redis/v9"
)

// Bounds of a line.
const (
	mostDirect  = 8                     // unanswered hints, beyond which others are sent together when these are answered
	mostUnheard = 48 << 10              // bytes without an answer
	writeBuffer = 4 * mostUnheard       // of the kernel, which so takes them although nobody reads
	mostAnswer  = 1 << 20               // bytes: many times what one to a user with all his connections has
	lineTimeout = 50 * time.Millisecond // of a write, which the bounds above let be at once
)

var errAnswerOfLine = errors.New("redis answered a hint with something else than a number or a text")

// courtesy goes before what is published. Redis writes first to whom it had something to say last: to the publisher, who
// would get his answer, and do what he does next, before the others are told. If he is owed an answer already when these
// are, it is the other way round.
const courtesy = "PING\r\n"

// errCourtesy stands for the answer to that.
var errCourtesy = errors.New("pong")

// line is a connection to the server that takes the hints, to which whoever publishes writes himself, without waiting
// for the answer. The driver has none such: there a caller waits, or another goroutine has to be woken first. It is there
// only while Redis can be reached, and ends with the first thing that goes wrong; hints then go the long way, by
// sendBatch. All of it but the reading of answers is guarded by the outbox.
type line struct {
	conn       net.Conn
	room       []letter // of unanswered, to be used again
	unanswered []letter
	bytes      int // of these
	buf        []byte
}

// dial makes a line to the server of a driver's client, as the driver does: also by asking a Sentinel.
func dial(ctx context.Context, db *driver.Client) (*line, *bufio.Reader, error) {
	o := db.Options()
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := o.Dialer(ctx, o.Network, o.Addr)
	if err != nil {
		return nil, nil, err
	}
	if secured, ok := conn.(*tls.Conn); ok {
		buffer(secured.NetConn())
	} else {
		buffer(conn)
	}
	room := make([]letter, 0, hintBatch+mostDirect)
	l, answers := &line{conn: conn, room: room, unanswered: room}, bufio.NewReader(conn)
	if err := l.greet(o, answers); err != nil {
		conn.Close()
		return nil, nil, err
	}
	return l, answers, nil
}

func buffer(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(writeBuffer) // else a write may take until lineTimeout
	}
}

// greet signs in and waits for the answers.
func (l *line) greet(o *driver.Options, answers *bufio.Reader) error {
	n, buf := 0, []byte(nil)
	if o.Password != "" {
		n++
		if o.Username != "" {
			buf = command(buf, "AUTH", o.Username, o.Password)
		} else {
			buf = command(buf, "AUTH", o.Password)
		}
	}
	if o.DB > 0 {
		n++
		buf = command(buf, "SELECT", strconv.Itoa(o.DB))
	}
	if n == 0 {
		return nil
	}
	_ = l.conn.SetDeadline(time.Now().Add(ioTimeout))
	if _, err := l.conn.Write(buf); err != nil {
		return err
	}
	for range n {
		answer, err := answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		if answer[0] != '+' {
			return errAnswerOfLine // its text may repeat what was sent
		}
	}
	return l.conn.SetDeadline(time.Time{})
}

// command appends a command as the protocol has it.
func command(buf []byte, args ...string) []byte {
	buf = strconv.AppendInt(append(buf, '*'), int64(len(args)), 10)
	for _, arg := range args {
		buf = strconv.AppendInt(append(buf, "\r\n$"...), int64(len(arg)), 10)
		buf = append(append(buf, "\r\n"...), arg...)
	}
	return append(buf, "\r\n"...)
}

// free tells whether hints may be written without waiting for answers.
func (l *line) free(next ...letter) bool {
	if len(l.unanswered) == 0 && len(next) == 1 {
		return true
	}
	bytes := l.bytes
	for _, one := range next {
		bytes += one.size()
	}
	return len(l.unanswered)+len(next) <= mostDirect && bytes <= mostUnheard
}

// write writes hints. After an error some of them may have been sent.
func (l *line) write(n names, batch []letter) error {
	l.buf = l.buf[:0]
	if batch[0].channel == "" { // a probe is for the prober alone
		l.buf = append(l.buf, courtesy...)
	}
	for _, one := range batch {
		l.buf = one.appendTo(l.buf, n)
		l.bytes += one.size()
	}
	l.unanswered = append(l.unanswered, batch...)
	if err := l.conn.SetWriteDeadline(time.Now().Add(lineTimeout)); err != nil {
		return err
	}
	_, err := l.conn.Write(l.buf)
	if cap(l.buf) > 2*mostUnheard {
		l.buf = nil
	}
	return err
}

// answered forgets the hint that was sent first of those without an answer, and returns it.
func (l *line) answered() letter {
	first := l.unanswered[0]
	l.bytes -= first.size()
	l.unanswered[0] = letter{}
	if l.unanswered = l.unanswered[1:]; len(l.unanswered) == 0 {
		l.unanswered = l.room[:0]
	}
	return first
}

// connectLine makes a line when there is none and Redis can be reached. In a Redis Cluster there is none: a user's
// hints go to his server.
func (c *Cluster) connectLine() {
	db, one := c.db.(*driver.Client)
	if !one || !c.able() || c.out.hasLine() {
		return
	}
	l, answers, err := dial(c.ctx, db)
	if err != nil {
		return // the other way has it too, and tells
	}
	c.out.attach(l)
	c.writers.Go(func() { c.hearAnswers(l, answers) })
}

// hearAnswers takes the answers until the line ends.
func (c *Cluster) hearAnswers(l *line, answers *bufio.Reader) {
	defer context.AfterFunc(c.ctx, func() { l.conn.Close() })()
	defer c.out.hangUp(l)
	var unsent []letter
	for {
		text, err := readAnswer(answers)
		var refused refusal
		switch {
		case errors.Is(err, errCourtesy):
			continue
		case errors.Is(err, errAnswerOfLine):
			c.note("hints cannot be sent", err)
			return
		case err != nil && !errors.As(err, &refused):
			return
		}
		one, ok := c.out.answered(l, text, err)
		switch {
		case !ok:
			return
		case one.again:
			unsent = append(unsent, one)
		case one.command == nil: // else whoever waits for the answer has it
			c.note("hints cannot be sent", err)
		}
		if answers.Buffered() > 0 {
			continue
		}
		if len(unsent) > 0 {
			c.note("hints cannot be sent", c.load(c.ctx))
		}
		c.out.flush(l, unsent)
		unsent = nil
	}
}

// readAnswer reads the answer to a hint: of a number nothing, a text, or a refusal.
func readAnswer(from *bufio.Reader) (text string, err error) {
	first, err := from.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	rest := string(bytes.TrimSpace(first[1:]))
	switch first[0] {
	case '+':
		return "", errCourtesy
	case ':':
		return "", nil
	case '-':
		return "", refusal(rest)
	case '$':
	default:
		return "", errAnswerOfLine
	}
	n, err := strconv.Atoi(rest)
	if err != nil || n < 0 || n > mostAnswer {
		return "", errAnswerOfLine
	}
	whole := make([]byte, n+len("\r\n"))
	_, err = io.ReadFull(from, whole)
	return string(whole[:n]), err
}

// refusal is an error that Redis answered.
type refusal string

func (r refusal) Error() string { return string(r) }

// RedisError makes it one to the driver.
func (r refusal) RedisError() {}
