package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/bench/load"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// workers is how many callers there are at once where a rate is measured.
const workers = 16

var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gatehouse-bench")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if bin, err = servertest.Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// seeded is a session that gatehouse seed made.
type seeded struct {
	UserID       string `json:"user_id"`
	SessionID    string `json:"session_id"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

// site is a server with users, and who calls it.
type site struct {
	*servertest.Server
	b    *testing.B
	http *http.Client
}

// open seeds a store and starts the server on it. The time of an iteration says nothing where the work is fixed, so
// it is left out.
func open(b *testing.B, users, each int) (*site, []seeded) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	house := servertest.House{Bin: bin, Data: b.TempDir()}
	file := filepath.Join(b.TempDir(), "tokens")
	house.Run(b, "", "seed", "--users", fmt.Sprint(users), "--sessions-per-user", fmt.Sprint(each), "--out", file)
	house.Run(b, password, "user", "create", "--email", admin, "--role", "admin", "--password-stdin")
	s := &site{Server: house.Serve(b, "--drain-window=1s"), b: b}
	s.http = &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	b.Cleanup(s.http.CloseIdleConnections)
	return s, read(b, file)
}

const (
	admin    = "admin@example.com"
	password = "rosenkohl und wermut"
	patience = 30 * time.Second
)

func read(b *testing.B, file string) []seeded {
	b.Helper()
	f, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var out []seeded
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var s seeded
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			b.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// call makes a request that must succeed, and decodes its answer into out unless that is nil.
func (s *site) call(method, path, token string, body, out any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequest(method, s.URL+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, path, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// admin is the admin's access token.
func (s *site) admin() string {
	s.b.Helper()
	var in struct {
		AccessToken string `json:"access_token"`
	}
	err := s.call("POST", "/auth/login", "", map[string]string{"email": admin, "password": password, "transport": "body"}, &in)
	if err != nil {
		s.b.Fatal(err)
	}
	return in.AccessToken
}

// spread does n things with all workers and returns how long that took.
func spread(b *testing.B, n int, do func(worker, i int) error) time.Duration {
	b.Helper()
	began := time.Now()
	if err := load.Spread(n, workers, do); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

// percentiles reports the median and the 99th percentile in milliseconds.
func percentiles(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	ms := func(i int) float64 { return float64(took[i]) / float64(time.Millisecond) }
	b.ReportMetric(ms(len(took)/2), "p50-ms")
	b.ReportMetric(ms(len(took)*99/100), "p99-ms")
}
