package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/bench/load"
)

// contender is a server under comparison.
type contender interface {
	// Build makes what will be run, and says what that is. It is called once, before anything is measured.
	Build(ctx context.Context) (what string, err error)

	// Open starts a site with so many nodes, on a Redis of its own, for so many users with so many devices each. It
	// returns when every node serves and knows the others.
	Open(ctx context.Context, size size) (*site, error)
}

// size is what a measure asks for.
type size struct {
	nodes, users, each int
}

// device is somebody who may open a socket.
type device struct {
	user, id, token string
}

// site is a running contender.
type site struct {
	dialect *load.Dialect
	nodes   []*process
	redis   *redisServer // nil where there is one node and no Redis
	devices []device     // those of a user stand together

	// Kick ends the sockets of a device for good, with the code Kicked. Message tells all devices of a user.
	Kick    func(device) load.Request
	Kicked  int
	Message func(user, text string) load.Request

	// Watch is the frame that asks for the list of devices, and Watching is in the answer; "" where a socket has it
	// anyway. Joined and Left are in the frames that tell of a device.
	Watch, Watching string
	Joined, Left    func(device) []string

	cleanup []func()
}

// close ends everything that the site runs.
func (s *site) close() {
	for _, n := range s.nodes {
		n.stop()
	}
	if s.redis != nil {
		s.redis.stop()
	}
	for _, f := range s.cleanup {
		f()
	}
}

// want is the socket of a device at a node.
func (s *site) want(node int, d device) load.Want {
	return load.Want{URL: s.nodes[node].URL, Token: d.token}
}

// openers is how many sockets are opened at once where opening them is not what is measured.
const openers = 16

// dial opens a socket for each device: the node is chosen by its place in the list.
func (s *site) dial(devices []device, node func(i int) int) ([]*load.Socket, error) {
	return load.DialAll(s.dialect, s.wants(devices, node), openers)
}

func (s *site) wants(devices []device, node func(i int) int) []load.Want {
	wants := make([]load.Want, len(devices))
	for i, d := range devices {
		wants[i] = s.want(node(i), d)
	}
	return wants
}

// callers opens connections for requests to a node.
func (s *site) callers(node, n int) ([]*load.Caller, error) {
	all := make([]*load.Caller, n)
	for i := range all {
		var err error
		if all[i], err = load.NewCaller(s.nodes[node].URL); err != nil {
			closeAll(all[:i])
			return nil, err
		}
	}
	return all, nil
}

func closeAll(callers []*load.Caller) {
	for _, c := range callers {
		c.Close()
	}
}

// served is the load that the nodes have had.
func (s *site) served() (seconds float64, err error) {
	for _, n := range s.nodes {
		t, e := n.cpu()
		seconds += t.Seconds()
		err = errors.Join(err, e)
	}
	return seconds, err
}

// resident is the memory of the nodes together, in bytes.
func (s *site) resident() (all float64, err error) {
	for _, n := range s.nodes {
		bytes, e := n.resident()
		all += bytes
		err = errors.Join(err, e)
	}
	return all, err
}

// at is a choice of nodes that is always the same.
func at(node int) func(int) int { return func(int) int { return node } }

// turns is one that takes turns.
func (s *site) turns(i int) int { return i % len(s.nodes) }

// get asks a node.
func get(url, path string) (string, error) {
	c, err := load.NewCaller(url)
	if err != nil {
		return "", err
	}
	defer c.Close()
	body, err := c.Do(load.Request{Method: "GET", Path: path})
	return string(body), err
}

// contains makes parts of a frame from patterns in which %s stands for the device.
func contains(patterns ...string) func(device) []string {
	return func(d device) []string {
		parts := make([]string, len(patterns))
		for i, p := range patterns {
			if parts[i] = p; strings.Contains(p, "%s") {
				parts[i] = fmt.Sprintf(p, d.id)
			}
		}
		return parts
	}
}
