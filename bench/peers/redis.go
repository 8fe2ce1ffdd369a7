package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// redisServer is a Redis that keeps nothing on disk.
type redisServer struct {
	*process
	addr string
}

func startRedis(ctx context.Context) (*redisServer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("redis-server", "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
	p, err := start(ctx, cmd, func(line string) string {
		if strings.Contains(line, "Ready to accept connections") {
			return fmt.Sprintf("127.0.0.1:%d", port)
		}
		return ""
	})
	if err != nil {
		return nil, err
	}
	return &redisServer{p, strings.TrimPrefix(p.URL, "http://")}, nil
}

// info is what INFO tells, asked over a connection of its own, in the plainest of Redis's dialects.
func (r *redisServer) info() (string, error) {
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(startWithin))
	if _, err := fmt.Fprint(conn, "INFO\r\n"); err != nil {
		return "", err
	}
	var text strings.Builder
	for buf := make([]byte, 64<<10); !strings.Contains(text.String(), "# Keyspace"); {
		n, err := conn.Read(buf)
		if err != nil {
			return "", err
		}
		text.Write(buf[:n])
	}
	return text.String(), nil
}

// commands is how many it has executed, those inside scripts too.
func (r *redisServer) commands() (float64, error) {
	text, err := r.info()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(line(text, "total_commands_processed"), 64)
}

// line is the value of a name in what INFO tells.
func line(info, name string) string {
	_, rest, _ := strings.Cut(info, "\n"+name+":")
	value, _, _ := strings.Cut(rest, "\r")
	return value
}
