package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/gatehouse-dev/gatehouse/internal/cluster"
)

// Bounds of the hints on their way out.
const (
	mostHints    = 4096 // that wait; beyond it they are refused
	hintBatch    = 128
	writeTimeout = 5 * time.Second // of a pipeline, at most
)

// ErrNotSent says that a hint reached this node only.
var ErrNotSent = errors.New("hint not sent to the other nodes")

// outbox holds the hints on their way out.
type outbox struct {
	wake chan struct{} // capacity 1

	mu    sync.Mutex // guards the following
	queue []letter
	lost  int64
}

// letter is a hint as it goes out: to every node, or to those of a user.
type letter struct {
	message  string
	user     string // "" for every node
	watchers bool   // those who watch the user too
}

func (o *outbox) put(l letter) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) >= mostHints {
		o.lost++
		return false
	}
	o.queue = append(o.queue, l)
	signal(o.wake)
	return true
}

func (o *outbox) take() []letter {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(len(o.queue), hintBatch)
	batch := o.queue[:n:n]
	if o.queue = o.queue[n:]; len(o.queue) == 0 {
		o.queue = nil // and with it what was sent
	}
	return batch
}

func (o *outbox) lose(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost += int64(n)
}

// Subscribe names who gets the hints. It is called once, before the first Publish; f must be safe for concurrent use,
// and may not block.
func (c *Cluster) Subscribe(f func(cluster.Hint)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onHint = f
}

func (c *Cluster) deliver(h cluster.Hint) {
	c.mu.Lock()
	f := c.onHint
	c.mu.Unlock()
	f(h)
}

// Publish hands the hint to the subscriber of this node before it returns, and to Redis without waiting for it. An
// error is ErrNotSent: too many wait already.
//
// What ends sessions or changes claims goes to every node, and so does what staff may be watching anywhere: rows of the
// audit, and jobs. The rest goes to the nodes where the user is, which are found at the moment of sending. Hints to every node keep their order, and so do those of one user's nodes; in a
// Redis Cluster the one kind may overtake the other.
func (c *Cluster) Publish(_ context.Context, h cluster.Hint) error {
	c.deliver(h)
	data, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode hint: %w", err)
	}
	l := letter{message: "h " + c.origin + " " + string(data)}
	switch h.Kind {
	case cluster.KindMessage:
		l.user = h.UserID
	case cluster.KindRenewed:
		l.user, l.watchers = h.UserID, true
	}
	if c.isClosed() || !c.out.put(l) {
		return ErrNotSent
	}
	return nil
}

// send sends hints until the end, and then what is left.
func (c *Cluster) send() {
	for ended := false; !ended; {
		select {
		case <-c.out.wake:
		case <-c.closing:
			ended = true
		}
		for batch := c.out.take(); len(batch) > 0; batch = c.out.take() {
			lost, err := c.sendBatch(batch)
			c.out.lose(lost)
			c.note("hints cannot be sent", err)
		}
	}
}

// sendBatch sends once what is known to the servers, and again only what they did not know the script of. Hints that
// fail otherwise are lost: they may have been sent.
func (c *Cluster) sendBatch(batch []letter) (lost int, err error) {
	ctx, cancel := context.WithTimeout(c.ctx, writeTimeout)
	defer cancel()
	for range 2 {
		var unsent []letter
		pipe := c.db.Pipeline()
		for _, l := range batch {
			c.post(ctx, pipe, l)
		}
		cmds, _ := pipe.Exec(ctx)
		for i, cmd := range cmds {
			switch e := cmd.Err(); {
			case unknown(e):
				unsent = append(unsent, batch[i])
			case e != nil:
				lost, err = lost+1, e
			}
		}
		if batch = unsent; len(batch) == 0 {
			return lost, err
		}
		if e := c.load(ctx); e != nil {
			return lost + len(batch), e
		}
	}
	return lost + len(batch), driver.ErrNoScript
}

func (c *Cluster) post(ctx context.Context, pipe driver.Pipeliner, l letter) {
	if l.user == "" && !c.clustered() {
		pipe.Publish(ctx, c.names.hints(), l.message)
		return
	}
	if l.user == "" {
		hintScript.EvalSha(ctx, pipe, []string{c.names.leases()}, c.cfg.Prefix, l.message)
		return
	}
	watchers := ""
	if l.watchers {
		watchers = "1"
	}
	routeScript.EvalSha(ctx, pipe, []string{c.names.user(l.user)}, c.cfg.Prefix, l.message, l.user, watchers)
}
