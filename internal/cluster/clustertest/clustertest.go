// Package clustertest is what every kind of cluster must do. Waiting is for what must come, bounded by Patience; that
// something does not come is shown by what comes after it.
package clustertest

import (
	"context"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
)

// Grace is how long sessions stay online here without a connection.
const Grace = 500 * time.Millisecond

// Patience is how long something may take that must come.
const Patience = 10 * time.Second

// Node is one node's view of a cluster.
type Node interface {
	Subscribe(func(cluster.Hint))
	Publish(context.Context, cluster.Hint) error
	Send(context.Context, cluster.Hint) (connections int, err error)
	OnChange(func(presence.Change))
	Report(userID, sessionID string, connections int)
	Presence(ctx context.Context, userID string) (map[string]presence.State, error)
	PresenceOf(ctx context.Context, userIDs []string) (map[string]map[string]presence.State, error)
	Totals(context.Context) (presence.Totals, error)
	Healthy() bool
	Close() error
}

// Open makes a fresh cluster of so many nodes with Grace, which the suite closes. A kind that cannot have as many
// returns fewer, and what needs them is skipped.
type Open func(t *testing.T, nodes int) []Node

// Run holds a kind of cluster to the suite.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]struct {
		nodes int
		run   func(*testing.T, []*node)
	}{
		"own subscriber first":     {1, ownSubscriberFirst},
		"hints in order":           {1, hintsInOrder},
		"hints reach other nodes":  {2, hintsReachOthers},
		"messages find the user":   {2, messagesFindUser},
		"sending counts":           {1, sendingCounts},
		"sending counts all nodes": {2, sendingCountsAll},
		"own report known at once": {1, ownReportAtOnce},
		"device comes and goes":    {1, comesAndGoes},
		"reload does not flap":     {1, reloadDoesNotFlap},
		"several tabs":             {1, severalTabs},
		"many users at once":       {1, manyUsers},
		"forgotten user goes on":   {1, forgottenUser},
		"reports race":             {1, reportsRace},
		"counts of nodes add up":   {2, countsAddUp},
		"moves between nodes":      {2, movesBetweenNodes},
		"closing twice is no harm": {1, closesTwice},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opened := open(t, test.nodes)
			t.Cleanup(func() {
				for _, n := range opened {
					if err := n.Close(); err != nil {
						t.Errorf("close: %v", err)
					}
				}
			})
			if len(opened) < test.nodes {
				t.Skipf("needs %d nodes, this kind of cluster has %d", test.nodes, len(opened))
			}
			nodes := make([]*node, len(opened))
			for i, n := range opened {
				nodes[i] = watch(t, n)
			}
			test.run(t, nodes)
		})
	}
}

// node is a Node whose hints and changes are collected.
type node struct {
	Node
	hints   chan cluster.Hint
	changes chan presence.Change
}

func watch(t *testing.T, n Node) *node {
	w := &node{Node: n, hints: make(chan cluster.Hint, 10_000), changes: make(chan presence.Change, 10_000)}
	n.Subscribe(func(h cluster.Hint) { w.hints <- h })
	n.OnChange(func(c presence.Change) { w.changes <- c })
	if !n.Healthy() {
		t.Fatal("a fresh cluster is not healthy")
	}
	return w
}

// next is the next change this node is told of.
func (n *node) next(t *testing.T) presence.Change {
	t.Helper()
	select {
	case c := <-n.changes:
		return c
	case <-time.After(Patience):
		t.Fatal("no change came")
		return presence.Change{}
	}
}

// hint is the next hint this node has.
func (n *node) hint(t *testing.T) cluster.Hint {
	t.Helper()
	select {
	case h := <-n.hints:
		return h
	case <-time.After(Patience):
		t.Fatal("no hint came")
		return cluster.Hint{}
	}
}

// want demands the next changes of a session, whose seqs go up by one.
func (n *node) want(t *testing.T, user, session string, steps ...presence.State) (last int64) {
	t.Helper()
	for i, step := range steps {
		c := n.next(t)
		if c.UserID != user || c.SessionID != session || c.Online != step.Online || c.Connections != step.Connections {
			t.Fatalf("step %d: change %+v, want %s/%s %+v", i, c, user, session, step)
		}
		if i > 0 && c.Seq != last+1 {
			t.Fatalf("step %d: seq %d after %d", i, c.Seq, last)
		}
		last = c.Seq
	}
	return last
}

func online(connections int) presence.State {
	return presence.State{Online: true, Connections: connections}
}

var offline = presence.State{}
