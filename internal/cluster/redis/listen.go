package redis

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/gatehouse-dev/gatehouse/internal/presence"
)

// How long after a lost subscription the next is tried.
const (
	resubscribeFirst = 50 * time.Millisecond
	resubscribeMost  = time.Second
)

// errRenamed ends a subscription because this node has a new id.
var errRenamed = errors.New("the node has a new id")

// listen keeps a subscription.
func (c *Cluster) listen() {
	wait := resubscribeFirst
	for c.ctx.Err() == nil {
		confirmed, err := c.subscription()
		c.pulse.down()
		if c.ctx.Err() != nil {
			return
		}
		if confirmed {
			wait = resubscribeFirst
		}
		if !errors.Is(err, errRenamed) {
			c.note("redis cannot be heard", err)
		}
		c.sleep(wait)
		wait = min(2*wait, resubscribeMost)
	}
}

// subscription is one connection's life. It tells whether Redis confirmed it, and why it ended.
func (c *Cluster) subscription() (confirmed bool, err error) {
	id := c.id()
	sub := c.db.Subscribe(c.ctx)
	defer sub.Close()
	defer context.AfterFunc(c.ctx, func() { _ = sub.Close() })()
	// The first channel chooses the server in a Redis Cluster: so nodes are spread.
	channels := append([]string{c.names.node(id), c.names.hints()}, c.watches.attach(sub)...)
	defer c.watches.detach()
	if id != c.id() {
		return false, errRenamed
	}
	if err := sub.Subscribe(c.ctx, channels...); err != nil {
		return false, err
	}
	for {
		got, err := sub.ReceiveTimeout(c.ctx, silence)
		if err != nil && id != c.id() {
			err = errRenamed
		}
		if err != nil {
			return confirmed, err
		}
		switch m := got.(type) {
		case *driver.Subscription:
			if c.watches.confirmed(m) {
				c.pulse.gap()
			}
			channels = slices.DeleteFunc(channels, func(name string) bool { return name == m.Channel })
			if !confirmed && len(channels) == 0 {
				confirmed = true
				c.note("redis cannot be heard", nil)
				c.verify(false)
				c.pulse.up()
			}
		case *driver.Message:
			c.hear(id, m)
		}
	}
}

// hear takes a message that came on one of the channels.
func (c *Cluster) hear(id string, m *driver.Message) {
	kind, rest, _ := strings.Cut(m.Payload, " ")
	switch kind {
	case "p":
		c.probed(rest)
	case "h":
		c.hearHint(rest)
	case "l":
		signal(c.look)
	case "c":
		change, steps, nodes, ok := readChange(rest)
		direct := m.Channel == c.names.node(id)
		if ok && direct && !change.Online {
			c.held.overtaken(change.UserID, change.SessionID)
		}
		if ok && (direct || !slices.Contains(nodes, id) && !c.watches.twice(m.Channel, c.names)) {
			for _, change.Connections = range steps {
				c.tell(change)
				change.Seq++
			}
		}
	}
}

func (c *Cluster) hearHint(text string) {
	origin, h, ok := decode(text)
	switch {
	case origin == c.origin: // had it first
	case !ok:
		c.log.Error("hint that does not decode", "from", origin)
	default:
		c.deliver(h)
	}
}

// readChange reads what the scripts wrote: the first of some steps of a session, the connections after each, and the
// nodes that were told of it directly.
func readChange(text string) (c presence.Change, steps []int, nodes []string, ok bool) {
	f := strings.Split(text, " ")
	if len(f) != 7 {
		return c, nil, nil, false
	}
	for count := range strings.SplitSeq(f[3], ",") {
		n, err := strconv.Atoi(count)
		if err != nil {
			return c, nil, nil, false
		}
		steps = append(steps, n)
	}
	seq, err1 := strconv.ParseInt(f[4], 10, 64)
	seen, err2 := strconv.ParseInt(f[5], 10, 64)
	c = presence.Change{UserID: f[0], SessionID: f[1], Online: f[2] == "1", Seq: seq, LastSeen: instant(seen)}
	return c, steps, strings.Split(f[6], ","), errors.Join(err1, err2) == nil
}

func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// tell passes a change on. One that does not fit makes a gap.
func (c *Cluster) tell(change presence.Change) {
	if !c.told.add(change) {
		c.pulse.gap()
	}
}

// sleep waits, but not longer than the Cluster lives.
func (c *Cluster) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.ctx.Done():
	}
}
