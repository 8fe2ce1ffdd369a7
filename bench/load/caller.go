package load

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Request is an HTTP request. Token and Body may be empty; a body is JSON.
type Request struct {
	Method, Path, Token, Body string
}

// Caller makes requests one after the other, over one connection that stays open. It starts no goroutine.
type Caller struct {
	host string
	conn net.Conn
	in   *bufio.Reader
}

// NewCaller opens the connection.
func NewCaller(base string) (*Caller, error) {
	at, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("tcp", at.Host, patience)
	if err != nil {
		return nil, err
	}
	return &Caller{at.Host, conn, bufio.NewReaderSize(conn, 4096)}, nil
}

// Do makes a request that must succeed and returns the body of its answer.
func (c *Caller) Do(r Request) ([]byte, error) {
	head := r.Method + " " + r.Path + " HTTP/1.1\r\nHost: " + c.host + "\r\n"
	if r.Token != "" {
		head += "Authorization: Bearer " + r.Token + "\r\n"
	}
	if r.Body != "" {
		head += "Content-Type: application/json\r\n"
	}
	if r.Body != "" || r.Method == http.MethodPost {
		head += "Content-Length: " + strconv.Itoa(len(r.Body)) + "\r\n"
	}
	c.conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c.conn, head+"\r\n"+r.Body); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(c.in, &http.Request{Method: r.Method})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s %s", r.Method, r.Path, answer.Status, body)
	}
	return body, err
}

// Close ends the connection.
func (c *Caller) Close() { c.conn.Close() }
