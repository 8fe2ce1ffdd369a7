package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// Condition is how a Redis stands.
type Condition struct {
	Servers  int           // that are written to
	Versions []string      // theirs, each once
	Policies []string      // what they do when memory is full, likewise
	Limited  bool          // one has a limit of memory
	Ahead    time.Duration // of the clock that is farthest from this one
	Bus      error         // what came of a message to ourselves
}

// Look asks the servers behind the URL how they stand. It writes nothing. The error says that they cannot be asked.
func Look(ctx context.Context, url, prefix string) (found Condition, err error) {
	db, err := connect(url)
	if err != nil {
		return found, err
	}
	defer db.Close()
	c := &Cluster{db: db, names: names{prefix}}
	var mu sync.Mutex
	err = c.servers(ctx, func(ctx context.Context, server *driver.Client) error {
		info, err := server.Info(ctx, "server", "memory").Result()
		if err != nil {
			return err
		}
		ahead, err := ahead(ctx, server)
		mu.Lock()
		defer mu.Unlock()
		found.Servers++
		found.Versions = once(found.Versions, field(info, "redis_version"))
		found.Policies = once(found.Policies, field(info, "maxmemory_policy"))
		found.Limited = found.Limited || field(info, "maxmemory") != "0"
		if ahead.Abs() > found.Ahead.Abs() {
			found.Ahead = ahead
		}
		return err
	})
	if err == nil {
		found.Bus = echo(ctx, db, c.names.node(id.New(id.Node)))
	}
	return found, err
}

func ahead(ctx context.Context, server *driver.Client) (time.Duration, error) {
	asked := time.Now()
	clock, err := server.Time(ctx).Result()
	return clock.Sub(asked.Add(time.Since(asked) / 2)), err
}

// echo sends a message to ourselves, as nodes send theirs.
func echo(ctx context.Context, db driver.UniversalClient, channel string) error {
	sub := db.Subscribe(ctx, channel)
	defer sub.Close()
	if _, err := sub.ReceiveTimeout(ctx, ioTimeout); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if err := db.Publish(ctx, channel, "echo").Err(); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	got, err := sub.ReceiveTimeout(ctx, ioTimeout)
	if err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	if m, ok := got.(*driver.Message); !ok || m.Payload != "echo" {
		return errors.New("receive: something else came")
	}
	return nil
}

// field is a line of INFO.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func once(list []string, value string) []string {
	for _, v := range list {
		if v == value {
			return list
		}
	}
	return append(list, value)
}
