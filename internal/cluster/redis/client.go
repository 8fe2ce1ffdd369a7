package redis

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	driver "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// How long Redis may take, where the URL does not say.
const (
	dialTimeout = 2 * time.Second
	ioTimeout   = 2 * time.Second
)

// What this package does not log itself, nobody needs to read: a server that is away would fill the log. Somebody
// who embeds this program and wants the driver's own words sets his logger after us.
func init() { logging.Disable() }

var errURL = errors.New("not a URL of Redis: redis:// or rediss://, with addr= for a Cluster, master_name= for Sentinel")

// connect makes a client of the URL: with master_name= through Sentinel, else with addr= of a Cluster, else of one
// server. It does not dial. Errors never show the URL or a part of it: it may hold passwords.
func connect(text string) (driver.UniversalClient, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errURL
	}
	switch query := u.Query(); {
	case query.Has("master_name"):
		o, err := driver.ParseFailoverURL(text)
		if err != nil {
			return nil, errURL
		}
		o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
		bound(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
		return driver.NewFailoverClient(o), nil
	case query.Has("addr"):
		o, err := driver.ParseClusterURL(text)
		if err != nil {
			return nil, errURL
		}
		o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
		o.MaintNotificationsConfig = silent()
		bound(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
		return driver.NewClusterClient(o), nil
	}
	o, err := driver.ParseURL(text)
	if err != nil {
		return nil, errURL
	}
	o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
	o.MaintNotificationsConfig = silent()
	bound(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
	return driver.NewClient(o), nil
}

func silent() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

func bound(dial, read, write *time.Duration) {
	for timeout, limit := range map[*time.Duration]time.Duration{dial: dialTimeout, read: ioTimeout, write: ioTimeout} {
		if *timeout == 0 {
			*timeout = limit
		}
	}
}

// servers calls f for every server that is written to: one, or the primaries of a Cluster, then at the same time.
func (c *Cluster) servers(ctx context.Context, f func(context.Context, *driver.Client) error) error {
	switch db := c.db.(type) {
	case *driver.ClusterClient:
		return db.ForEachMaster(ctx, f)
	case *driver.Client:
		return f(ctx, db)
	}
	return errURL
}

// clustered tells whether there is more than one server to write to.
func (c *Cluster) clustered() bool {
	_, is := c.db.(*driver.ClusterClient)
	return is
}

// hintServer is the server that takes the hints to all nodes: a probe is to go the same way.
func (c *Cluster) hintServer(ctx context.Context) (driver.Cmdable, error) {
	if db, ok := c.db.(*driver.ClusterClient); ok {
		return db.MasterForKey(ctx, c.names.leases())
	}
	return c.db, nil
}

// runs are the run ids of the servers. A new one means a server that started or took over, and may have lost what
// was written last.
func (c *Cluster) runs(ctx context.Context) (map[string]bool, error) {
	var mu sync.Mutex
	found := map[string]bool{}
	err := c.servers(ctx, func(ctx context.Context, server *driver.Client) error {
		info, err := server.Info(ctx, "server").Result()
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(info, "run_id:")
		id, _, _ := strings.Cut(rest, "\r\n")
		mu.Lock()
		defer mu.Unlock()
		found[id] = true
		return nil
	})
	return found, err
}
