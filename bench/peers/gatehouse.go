package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gatehouse-dev/gatehouse/bench/load"
)

// gatehouse is the contender whose numbers are wanted: nodes on MongoDB and Redis, or one node on SQLite without
// Redis. All settings are the defaults, but there are no limits of requests, which the others do not have.
type gatehouse struct {
	dir   string
	mongo *mongoServer // nil: SQLite, one node
	bin   string
}

func (g *gatehouse) Build(ctx context.Context) (string, error) {
	g.bin = filepath.Join(g.dir, "gatehouse")
	err := build(ctx, ".", g.bin, "github.com/gatehouse-dev/gatehouse/cmd/gatehouse")
	if g.mongo == nil {
		return "Gatehouse with SQLite is one node without Redis.", err
	}
	return "Gatehouse keeps its facts in " + g.mongo.kind + ".", err
}

// build compiles a program.
func build(ctx context.Context, dir, bin, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", bin, pkg)
	cmd.Dir = dir
	_, err := output(cmd)
	return err
}

// output runs a command and returns what it prints, in one line.
func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return strings.Join(strings.Fields(string(out)), " "), nil
}

// house is the settings of one site.
type house struct {
	bin      string
	settings []string
}

const (
	adminAddress  = "admin@example.com"
	adminPassword = "rosenkohl und wermut"
)

func (g *gatehouse) Open(ctx context.Context, size size) (_ *site, err error) {
	s := &site{
		dialect:  load.Gatehouse,
		Kicked:   4502,
		Watch:    `{"type":"subscribe","feed":"devices"}`,
		Watching: `"devices.snapshot"`,
		Joined:   contains(`"devices.changed"`, `"change":"online"`, `"id":"%s"`),
		Left:     contains(`"devices.changed"`, `"connections":0`, `"id":"%s"`),
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	h, err := g.house(ctx, s)
	if err != nil {
		return nil, err
	}
	if s.devices, err = h.seed(ctx, size); err != nil {
		return nil, err
	}
	for range size.nodes {
		n, err := h.serve(ctx)
		if err != nil {
			return nil, err
		}
		s.nodes = append(s.nodes, n)
	}
	token, err := signIn(s.nodes[0].URL)
	if err != nil {
		return nil, err
	}
	s.Kick = func(d device) load.Request {
		return load.Request{Method: "DELETE", Path: "/admin/sessions/" + d.id, Token: token}
	}
	s.Message = func(user, text string) load.Request {
		return load.Request{Method: "POST", Path: "/admin/users/" + user + "/messages", Token: token, Body: `{"name":"news","data":"` + text + `"}`}
	}
	return s, until(ctx, "every node sees all", func() (bool, error) { return together(s.nodes[0].URL, token, size.nodes) })
}

// house makes the settings of a site, with a folder, and a database and a Redis where it has them.
func (g *gatehouse) house(ctx context.Context, s *site) (*house, error) {
	dir, err := os.MkdirTemp(g.dir, "site")
	if err != nil {
		return nil, err
	}
	s.cleanup = append(s.cleanup, func() { _ = os.RemoveAll(dir) })
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	h := &house{g.bin, []string{"--secret=" + hex.EncodeToString(secret), "--mail-dir=" + filepath.Join(dir, "mail")}}
	if g.mongo == nil {
		h.settings = append(h.settings, "--store=sqlite:"+filepath.Join(dir, "gatehouse.db"))
		return h, nil
	}
	if s.redis, err = startRedis(ctx); err != nil {
		return nil, err
	}
	name := "gatehouse_bench_" + hex.EncodeToString(secret[:8])
	s.cleanup = append(s.cleanup, func() { _ = g.mongo.drop(name) })
	h.settings = append(h.settings, "--store="+g.mongo.database(name), "--redis-url=redis://"+s.redis.addr)
	return h, nil
}

// command is gatehouse with arguments. No setting of this process's own environment reaches it.
func (h *house) command(args ...string) *exec.Cmd {
	cmd := exec.Command(h.bin, append(args, h.settings...)...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GATEHOUSE_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// shell runs a command of the shell.
func (h *house) shell(stdin string, args ...string) error {
	cmd := h.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("gatehouse %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// seed makes users with sessions, and an admin.
func (h *house) seed(ctx context.Context, size size) ([]device, error) {
	dir, err := os.MkdirTemp("", "gatehouse-seed")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "tokens")
	if err := h.shell("", "seed", fmt.Sprint("--users=", size.users), fmt.Sprint("--sessions-per-user=", size.each), "--out="+file); err != nil {
		return nil, err
	}
	if err := h.shell(adminPassword, "user", "create", "--email="+adminAddress, "--role=admin", "--password-stdin"); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	devices := make([]device, 0, size.users*size.each)
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		var l struct {
			UserID      string `json:"user_id"`
			SessionID   string `json:"session_id"`
			AccessToken string `json:"access_token"`
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, err
		}
		devices = append(devices, device{l.UserID, l.SessionID, l.AccessToken})
	}
	return devices, ctx.Err()
}

// serve starts a node.
func (h *house) serve(ctx context.Context) (*process, error) {
	cmd := h.command("serve", "--listen=127.0.0.1:0", "--rate-limits=off", "--log=json", "--drain-window=1s")
	return start(ctx, cmd, func(text string) string {
		var line struct{ Msg, Listen string }
		if json.Unmarshal([]byte(text), &line) == nil && line.Msg == "serving" {
			return line.Listen
		}
		return ""
	})
}

// signIn is an access token of the admin, which is good on every node.
func signIn(url string) (token string, err error) {
	c, err := load.NewCaller(url)
	if err != nil {
		return "", err
	}
	defer c.Close()
	body, err := c.Do(load.Request{Method: "POST", Path: "/auth/login", Body: fmt.Sprintf(`{"email":%q,"password":%q,"transport":"body"}`, adminAddress, adminPassword)})
	if err != nil {
		return "", err
	}
	var in struct {
		AccessToken string `json:"access_token"`
	}
	err = json.Unmarshal(body, &in)
	if err == nil && in.AccessToken == "" {
		err = errors.New("the admin cannot sign in")
	}
	return in.AccessToken, err
}

// together tells whether the node sees so many.
func together(url, token string, nodes int) (bool, error) {
	c, err := load.NewCaller(url)
	if err != nil {
		return false, err
	}
	defer c.Close()
	body, err := c.Do(load.Request{Method: "GET", Path: "/admin/stats", Token: token})
	if err != nil {
		return false, err
	}
	var stats struct{ Nodes []json.RawMessage }
	err = json.Unmarshal(body, &stats)
	return len(stats.Nodes) == nodes, err
}
