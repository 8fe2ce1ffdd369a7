package manynodes

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// patience is how long something may take that must come.
const patience = 20 * time.Second

const (
	password = "correct horse battery"
	secret   = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)

var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gatehouse-nodes-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if bin, err = servertest.Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer servertest.EndMongo()
	return m.Run()
}

// site is a deployment: one MongoDB, one Redis, any number of nodes.
type site struct {
	t     *testing.T
	house servertest.House
	store string
	redis *servertest.Redis
	flags []string
	token string // of the admin
}

// open makes a deployment without nodes, with an admin.
func open(t *testing.T, flags ...string) *site {
	t.Helper()
	s := &site{t: t, store: servertest.MongoURI(t), redis: servertest.StartRedis(t), house: servertest.House{Bin: bin, Data: t.TempDir()}, flags: flags}
	s.shell(password+"\n", "user", "create", "--email=root@example.com", "--role=admin", "--password-stdin")
	return s
}

// settings are what every process of the deployment is told.
func (s *site) settings(store, redis string) []string {
	return append([]string{"--store=" + store, "--redis-url=" + redis, "--secret=" + secret}, s.flags...)
}

// shell runs a command of the shell.
func (s *site) shell(stdin string, args ...string) string {
	s.t.Helper()
	return s.house.Run(s.t, stdin, append(args, s.settings(s.store, s.redis.URL())...)...)
}

// node is a process, and the ways by which it reaches the others.
type node struct {
	*servertest.Server
	s       *site
	toRedis *servertest.Proxy
	toStore *servertest.Proxy
}

// node starts one more node. It serves when this returns, and is healthy.
func (s *site) node(flags ...string) *node {
	s.t.Helper()
	n := &node{s: s, toRedis: servertest.StartProxy(s.t, s.redis.Addr()), toStore: servertest.StartProxy(s.t, host(s.store))}
	store := strings.Replace(s.store, host(s.store), n.toStore.Addr(), 1)
	n.Server = s.house.Serve(s.t, append(s.settings(store, "redis://"+n.toRedis.Addr()), flags...)...)
	return n
}

// nodes starts several.
func (s *site) nodes(count int, flags ...string) []*node {
	s.t.Helper()
	all := make([]*node, count)
	for i := range all {
		all[i] = s.node(flags...)
	}
	servertest.Eventually(s.t, "every node sees all", func() bool { return len(s.stats(all[0]).Nodes) == count })
	return all
}

func host(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	hosts, _, _ := strings.Cut(rest, "/")
	return hosts[strings.LastIndex(hosts, "@")+1:]
}

// cut takes the ways to the store and to Redis away from a node, or gives them back.
func (n *node) cut(away bool) {
	n.toRedis.Sever(away)
	n.toStore.Sever(away)
}

// seeded is a line of what gatehouse seed writes.
type seeded struct {
	UserID       string `json:"user_id"`
	SessionID    string `json:"session_id"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

// seed makes users with sessions.
func (s *site) seed(users, each int) []seeded {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "seed.jsonl")
	s.shell("", "seed", fmt.Sprint("--users=", users), fmt.Sprint("--sessions-per-user=", each), "--out="+file)
	f, err := os.Open(file)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	var out []seeded
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var x seeded
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			s.t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

// admin is an access token of the admin, which is good on every node.
func (s *site) admin(n *node) string {
	s.t.Helper()
	if s.token == "" {
		c := client.New(client.Config{BaseURL: n.URL})
		if _, _, err := c.Login(s.t.Context(), "root@example.com", password); err != nil {
			s.t.Fatal(err)
		}
		token, err := c.AccessToken(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		s.token = token
	}
	return s.token
}

// stats is what the admin is told of the nodes.
type stats struct {
	Nodes []struct {
		ID          string
		Connections int
		LagMS       int64 `json:"lag_ms"`
	}
	Connections int
}

func (s *site) stats(n *node) (out stats) {
	s.t.Helper()
	if no := call(s.t, "GET", n.URL+"/admin/stats", s.admin(n), nil, &out); no.Code != "" {
		s.t.Fatalf("stats: %+v", no)
	}
	return out
}

// refusal is the code of a problem.
type refusal struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
}

// call makes a request with an access token and returns what was answered: code "" when it was good.
func call(t testing.TB, method, target, token string, body, out any) refusal {
	t.Helper()
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, &sent)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var no refusal
	if resp.StatusCode >= 300 {
		_ = json.NewDecoder(resp.Body).Decode(&no)
		no.Status = resp.StatusCode
		return no
	}
	if out != nil {
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			t.Fatal(err)
		}
	}
	return no
}

// signIn is what a refresh answers.
type signIn struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

func (n *node) refresh(token string) (in signIn, no refusal) {
	no = call(n.s.t, "POST", n.URL+"/auth/refresh", "", map[string]string{"refresh_token": token}, &in)
	return in, no
}

// kick ends a session as the admin would.
func (n *node) kick(token, session string) {
	n.s.t.Helper()
	if no := call(n.s.t, "DELETE", n.URL+"/admin/sessions/"+url.PathEscape(session), token, nil, nil); no.Code != "" {
		n.s.t.Fatalf("kick: %+v", no)
	}
}

// ready tells whether the node says so.
func (n *node) ready() bool {
	resp, err := http.Get(n.URL + "/readyz")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// writtenOnline tells whether the records of the sessions say that they are online.
func (s *site) writtenOnline(n *node, sessions []seeded) bool {
	s.t.Helper()
	var page struct{ Total int }
	target := n.URL + "/admin/sessions?online=true&user_id=" + url.QueryEscape(sessions[0].UserID)
	if no := call(s.t, "GET", target, s.admin(n), nil, &page); no.Code != "" {
		s.t.Fatalf("sessions: %+v", no)
	}
	return page.Total == len(sessions)
}
