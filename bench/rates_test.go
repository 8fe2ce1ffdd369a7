package bench

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/bench/load"
)

// BenchmarkHandshake opens sockets with access tokens, from the first packet to the welcome, and cuts them.
func BenchmarkHandshake(b *testing.B) {
	const sessions, handshakes = 1000, 10_000
	s, tokens := open(b, sessions, 1)
	took := spread(b, handshakes, func(_, i int) error {
		k, err := load.Dial(load.Gatehouse, s.URL, tokens[i%sessions].AccessToken)
		if err == nil {
			k.Cut()
		}
		return err
	})
	b.ReportMetric(handshakes/took.Seconds(), "handshakes/s")
}

// BenchmarkRefresh refreshes sessions, each step of their chains on disk before it is answered. No password is hashed.
func BenchmarkRefresh(b *testing.B) {
	const refreshes = 10_000
	s, chains := open(b, workers, 1)
	took := spread(b, refreshes, func(worker, _ int) error {
		var in struct {
			RefreshToken string `json:"refresh_token"`
		}
		err := s.call("POST", "/auth/refresh", "", map[string]string{"refresh_token": chains[worker].RefreshToken}, &in)
		chains[worker].RefreshToken = in.RefreshToken
		return err
	})
	b.ReportMetric(refreshes/took.Seconds(), "refreshes/s")
}

// BenchmarkKick ends sessions one by one, as an admin does, and measures from the call sent to the close frame seen.
func BenchmarkKick(b *testing.B) {
	const kicks = 500
	s, sessions := open(b, kicks, 1)
	token := s.admin()
	sockets := dialAll(b, s, sessions)
	took := make([]time.Duration, kicks)
	for i, k := range sockets {
		took[i] = kick(b, s, token, sessions[i], k)
	}
	percentiles(b, took)
}

func kick(b *testing.B, s *site, token string, victim seeded, k *load.Socket) time.Duration {
	b.Helper()
	var code int
	var at time.Time
	var err error
	var seen sync.WaitGroup
	seen.Go(func() { code, at, err = k.Closed() })
	began := time.Now()
	if err := s.call("DELETE", "/admin/sessions/"+victim.SessionID, token, nil, nil); err != nil {
		b.Fatal(err)
	}
	seen.Wait()
	if err != nil || code != 4502 {
		b.Fatalf("closed with %d, %v", code, err)
	}
	return at.Sub(began)
}

// BenchmarkMessage sends messages to a user with 200 sockets, and measures from the call sent to the last socket that
// has it.
func BenchmarkMessage(b *testing.B) {
	const messages, sessions, tabs = 500, 4, 50
	s, devices := open(b, 1, sessions)
	token := s.admin()
	sockets := dialAll(b, s, slices.Repeat(devices, tabs))
	took := make([]time.Duration, messages)
	var all time.Duration
	for i := range took {
		took[i] = deliver(b, s, token, devices[0].UserID, sockets)
		all += took[i]
	}
	b.ReportMetric(float64(messages*len(sockets))/all.Seconds(), "deliveries/s")
	percentiles(b, took)
}

func deliver(b *testing.B, s *site, token, userID string, sockets []*load.Socket) time.Duration {
	b.Helper()
	errs := make([]error, len(sockets))
	var heard sync.WaitGroup
	for i, k := range sockets {
		heard.Go(func() {
			if _, frame, err := k.Next(); err != nil || !strings.Contains(string(frame), `"news"`) {
				errs[i] = fmt.Errorf("heard %s, %w", frame, err)
			}
		})
	}
	began := time.Now()
	err := s.call("POST", "/admin/users/"+userID+"/messages", token, map[string]any{"name": "news", "data": strings.Repeat("x", 200)}, nil)
	heard.Wait()
	took := time.Since(began)
	if err := errors.Join(append(errs, err)...); err != nil {
		b.Fatal(err)
	}
	return took
}
