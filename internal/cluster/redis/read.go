package redis

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
)

// Bounds of reading.
const (
	mostReads   = 8 // pipelines at a time
	readBatch   = 500
	readTimeout = time.Second
)

// Presence is how the user's online sessions stand, by session id. While Redis cannot be reached it is what this
// node's own connections say, with cluster.ErrPartial, the only error there is.
func (c *Cluster) Presence(ctx context.Context, userID string) (map[string]presence.State, error) {
	hashes, err := c.hashes(ctx, []string{userID})
	return c.states(ctx, userID, hashes[userID]), err
}

// PresenceOf is Presence of many users at once, by user id. Users of whom nothing is online are left out.
func (c *Cluster) PresenceOf(ctx context.Context, userIDs []string) (found map[string]map[string]presence.State, partial error) {
	found = make(map[string]map[string]presence.State, len(userIDs))
	for some := range slices.Chunk(userIDs, readBatch) {
		hashes, err := c.hashes(ctx, some)
		if err != nil {
			partial = err
		}
		for _, id := range some {
			if states := c.states(ctx, id, hashes[id]); len(states) > 0 {
				found[id] = states
			}
		}
	}
	return found, partial
}

// hashes reads the hashes of users; none, and cluster.ErrPartial, while Redis cannot be reached.
func (c *Cluster) hashes(ctx context.Context, userIDs []string) (map[string]map[string]string, error) {
	var found map[string]map[string]string
	err := c.reading(ctx, func(ctx context.Context) error {
		pipe := c.db.Pipeline()
		for _, id := range userIDs {
			pipe.HGetAll(ctx, c.names.user(id))
		}
		cmds, err := pipe.Exec(ctx)
		if err != nil {
			return err
		}
		found = make(map[string]map[string]string, len(userIDs))
		for i, cmd := range cmds {
			found[userIDs[i]] = cmd.(*driver.MapStringStringCmd).Val()
		}
		return nil
	})
	c.note("presence cannot be read", err)
	if found == nil {
		return nil, cluster.ErrPartial
	}
	return found, nil
}

// reading runs f when there is a place, unless Redis cannot be reached.
func (c *Cluster) reading(ctx context.Context, f func(context.Context) error) error {
	if !c.able() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	select {
	case c.reads <- struct{}{}:
		defer func() { <-c.reads }()
		return f(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// states reads a user's hash. Of its own connections this node knows better.
func (c *Cluster) states(ctx context.Context, userID string, hash map[string]string) map[string]presence.State {
	states, own := c.held.of(userID), c.id()
	for field, value := range hash {
		session, node, ok := strings.Cut(field, "|")
		if !ok || node == own || !c.alive(ctx, node) {
			continue
		}
		count, since := readEntry(value)
		if count == 0 && c.leases.now().Sub(since) >= c.cfg.Grace {
			continue
		}
		s := states[session]
		s.Online, s.Connections = true, s.Connections+count
		if since.After(s.LastSeen) {
			s.LastSeen = since
		}
		states[session] = s
	}
	upTo(states, hash["seq"])
	return states
}

// upTo says up to which change the states are known.
func upTo(states map[string]presence.State, seq string) {
	n, err := strconv.ParseInt(seq, 10, 64)
	if err != nil {
		return // there is no hash
	}
	for id, s := range states {
		s.Seq = n
		states[id] = s
	}
}

// alive tells whether the node's entries count. Leases are read again for a node that came since they were.
func (c *Cluster) alive(ctx context.Context, node string) bool {
	alive, known := c.leases.alive(node)
	if known {
		return alive
	}
	if c.reading(ctx, c.readLeases) != nil {
		return true
	}
	if alive, known = c.leases.alive(node); !known {
		c.leases.stranger(node)
	}
	return alive
}

func readEntry(value string) (count int, since time.Time) {
	n, at, _ := strings.Cut(value, " ")
	count, _ = strconv.Atoi(n)
	micros, _ := strconv.ParseInt(at, 10, 64)
	return count, instant(micros)
}

// Totals counts everybody; while Redis cannot be reached, what is here. What a dead node left counts until it is
// reaped. The error is always nil.
func (c *Cluster) Totals(ctx context.Context) (presence.Totals, error) {
	var all []map[string]string
	err := c.reading(ctx, func(ctx context.Context) (err error) {
		all, err = c.allTotals(ctx)
		return err
	})
	c.note("totals cannot be read", err)
	if all == nil || err != nil {
		return c.held.totals(), nil
	}
	var t presence.Totals
	for _, part := range all {
		t.Users += number(part["users"])
		t.Sessions += number(part["sessions"])
		t.Connections += number(part["connections"])
	}
	return t, nil
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func (c *Cluster) allTotals(ctx context.Context) ([]map[string]string, error) {
	pipe := c.db.Pipeline()
	for part := range parts {
		pipe.HGetAll(ctx, c.names.totals(part))
	}
	cmds, err := pipe.Exec(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]map[string]string, len(cmds))
	for i, cmd := range cmds {
		all[i] = cmd.(*driver.MapStringStringCmd).Val()
	}
	return all, nil
}

// Nodes are the nodes that hold a lease, the oldest first; while Redis cannot be reached, this one.
func (c *Cluster) Nodes(ctx context.Context) ([]cluster.Node, error) {
	var records map[string]string
	err := c.reading(ctx, func(ctx context.Context) (err error) {
		if err = c.readLeases(ctx); err == nil {
			records, err = c.db.HGetAll(ctx, c.names.records()).Result()
		}
		return err
	})
	c.note("the nodes cannot be read", err)
	own := c.id()
	nodes := []cluster.Node{c.describe().node(own)}
	for id := range c.leases.lives() {
		var r record
		if id != own && json.Unmarshal([]byte(records[id]), &r) == nil {
			nodes = append(nodes, r.node(id))
		}
	}
	slices.SortFunc(nodes, func(a, b cluster.Node) int { return a.StartedAt.Compare(b.StartedAt) })
	return nodes, nil
}

func (r record) node(id string) cluster.Node {
	return cluster.Node{ID: id, StartedAt: r.StartedAt, Connections: r.Connections, Lag: time.Duration(r.LagMS) * time.Millisecond}
}
