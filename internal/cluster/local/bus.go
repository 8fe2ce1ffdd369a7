package local

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
)

// Subscribe names who gets the hints. It is called once, before the first Publish; f must be safe for concurrent use.
func (c *Cluster) Subscribe(f func(cluster.Hint)) { c.hints = f }

// Publish hands the hint to the subscriber before it returns. It never fails.
func (c *Cluster) Publish(_ context.Context, h cluster.Hint) error {
	c.hints(h)
	return nil
}

// Send is Publish of a hint for a user's sockets, and says how many those are. It never fails.
func (c *Cluster) Send(ctx context.Context, h cluster.Hint) (connections int, err error) {
	c.hints(h)
	states, _ := c.Presence(ctx, h.UserID)
	for _, s := range states {
		connections += s.Connections
	}
	return connections, nil
}
