package redis

import (
	"context"
	"fmt"
)

// Alive counts the nodes that run, by their leases. It is for those who must not act while one does: unlike Nodes it
// fails when Redis cannot be reached.
func Alive(ctx context.Context, cfg Config) (n int, err error) {
	db, err := connect(cfg.URL)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	cfg = cfg.withDefaults()
	c := &Cluster{db: db, names: names{cfg.Prefix}, leases: newLeases(cfg.Lease)}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := c.readLeases(ctx); err != nil {
		return 0, fmt.Errorf("read leases: %w", err)
	}
	return len(c.leases.lives()), nil
}
