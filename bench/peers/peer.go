package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/bench/load"
)

// peer is a contender of this folder: a program that is told a Redis and a key, says where it listens, and takes the
// same calls as the others.
type peer struct {
	dialect      *load.Dialect
	build        func(ctx context.Context) (what string, err error)
	command      func() *exec.Cmd
	joined, left func(device) []string
	kicked       int // the code with which sockets are closed
}

func (p *peer) Build(ctx context.Context) (string, error) { return p.build(ctx) }

// centrifugo is a server made of Centrifugo's library.
func centrifugo(dir string) *peer {
	bin := filepath.Join(dir, "centrifuge")
	return &peer{
		dialect: load.Centrifugo,
		build:   func(ctx context.Context) (string, error) { return compile(ctx, bin) },
		command: func() *exec.Cmd { return exec.Command(bin) },
		joined:  contains(`"join"`, `"%s"`),
		left:    contains(`"leave"`, `"%s"`),
		kicked:  3503,
	}
}

// socketIO is a server with Socket.IO. What npm installs stays in the folder.
func socketIO(dir string) *peer {
	home := filepath.Join(dir, "socketio")
	return &peer{
		dialect: load.SocketIO,
		build:   func(ctx context.Context) (string, error) { return install(ctx, home) },
		command: func() *exec.Cmd {
			cmd := exec.Command("node", filepath.Join(home, "server.js"))
			cmd.Env = append(os.Environ(), "NODE_ENV=production")
			return cmd
		},
		joined: contains(`"join"`, `"%s"`),
		left:   contains(`"leave"`, `"%s"`),
		kicked: 1005, // none
	}
}

// sources is a folder beside this program's own.
func sources(name string) string { return filepath.Join("bench", "peers", name) }

// compile builds the server in its own module.
func compile(ctx context.Context, bin string) (what string, err error) {
	if err := build(ctx, sources("centrifuge"), bin, "."); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "github.com/centrifugal/centrifuge")
	cmd.Dir = sources("centrifuge")
	library, err := output(cmd)
	return "Centrifugo is a server made of its library, " + library + ".", err
}

// install copies the server and has npm install exactly what its lockfile names.
func install(ctx context.Context, home string) (what string, err error) {
	if err := os.CopyFS(home, os.DirFS(sources("socketio"))); err != nil {
		return "", err
	}
	if _, err := output(exec.CommandContext(ctx, "npm", "ci", "--prefix", home, "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error")); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "node", "-p", versions)
	cmd.Dir = home
	parts, err := output(cmd)
	return "Socket.IO is " + parts + ".", err
}

// versions is a script that prints what the server is made of; it fails where the native add-on cannot be loaded.
const versions = `require("bufferutil"); ["socket.io", "@socket.io/redis-adapter", "bufferutil"].map(
	(name) => name + " " + require("./node_modules/" + name + "/package.json").version).join(", ") + ", node " + process.version`

func (p *peer) Open(ctx context.Context, size size) (_ *site, err error) {
	s := &site{
		dialect: p.dialect,
		Joined:  p.joined,
		Left:    p.left,
		Kicked:  p.kicked,
		Kick: func(d device) load.Request {
			return load.Request{Method: "POST", Path: "/kick?user=" + url.QueryEscape(d.user)}
		},
		Message: func(user, text string) load.Request {
			return load.Request{Method: "POST", Path: "/message?user=" + url.QueryEscape(user), Body: `{"name":"news","data":"` + text + `"}`}
		},
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.redis, err = startRedis(ctx); err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	s.devices = issue(private, size)
	for range size.nodes {
		n, err := p.serve(ctx, s.redis.addr, public)
		if err != nil {
			return nil, err
		}
		s.nodes = append(s.nodes, n)
	}
	return s, until(ctx, "every node sees all", func() (bool, error) {
		n, err := get(s.nodes[0].URL, "/nodes")
		return n == strconv.Itoa(size.nodes), err
	})
}

// serve starts a node, whose first line says where it listens.
func (p *peer) serve(ctx context.Context, redis string, key ed25519.PublicKey) (*process, error) {
	cmd := p.command()
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "PEER_REDIS="+redis, "PEER_KEY="+base64.RawURLEncoding.EncodeToString(key))
	return start(ctx, cmd, func(line string) string {
		if strings.HasPrefix(line, "127.0.0.1:") {
			return line
		}
		return ""
	})
}

// issue makes devices with tokens like Gatehouse's: EdDSA, with the claims that it has.
func issue(key ed25519.PrivateKey, size size) []device {
	devices := make([]device, 0, size.users*size.each)
	for u := range size.users {
		for d := range size.each {
			user, id := fmt.Sprintf("usr_%026d", u), fmt.Sprintf("ses_%026d", u*size.each+d)
			devices = append(devices, device{user, id, sign(key, user, id)})
		}
	}
	return devices
}

func sign(key ed25519.PrivateKey, user, id string) string {
	now := time.Now().Unix()
	claims, err := json.Marshal(map[string]any{
		"iss": "http://localhost", "aud": "gatehouse", "sub": user, "sid": id, "iat": now, "exp": now + 3600,
		"roles": []string{"user"}, "aal": 1, "amr": []string{"pwd"}, "auth_time": now, "epoch": 0, "gen": 0,
	})
	if err != nil {
		panic(err) // there is nothing in it that could not be encoded
	}
	part := base64.RawURLEncoding.EncodeToString
	signed := part([]byte(`{"alg":"EdDSA","typ":"at+jwt","kid":"1"}`)) + "." + part(claims)
	return signed + "." + part(ed25519.Sign(key, []byte(signed)))
}

// until waits for what must come.
func until(ctx context.Context, what string, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		ok, err := is()
		if ok && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain: %s: %w", what, errors.Join(err, ctx.Err()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
