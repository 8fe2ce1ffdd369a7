package gatehouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/httpapi"
	"github.com/gatehouse-dev/gatehouse/hub"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/cluster"
	"github.com/gatehouse-dev/gatehouse/internal/cluster/local"
	"github.com/gatehouse-dev/gatehouse/internal/cluster/redis"
	"github.com/gatehouse-dev/gatehouse/internal/events"
	"github.com/gatehouse-dev/gatehouse/internal/hints"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// clustered is what nodes share: local for one, redis for many.
type clustered interface {
	hints.Bus
	// Send is Publish of a hint for a user's sockets that says how many connections he has on all nodes.
	Send(ctx context.Context, h cluster.Hint) (connections int, err error)
	Subscribe(f func(cluster.Hint))
	// Healthy tells whether hints reach this node, and it has read what it may have missed before.
	Healthy() bool
	// OnGap names what reads that; until it returns nil the bus is not healthy.
	OnGap(f func(context.Context) error)

	Report(userID, sessionID string, connections int)
	OnChange(f func(presence.Change))
	Presence(ctx context.Context, userID string) (map[string]presence.State, error)
	PresenceOf(ctx context.Context, userIDs []string) (map[string]map[string]presence.State, error)
	Totals(ctx context.Context) (presence.Totals, error)
	Watch(ctx context.Context, userID string) (stop func())
	WatchAll(ctx context.Context) (stop func())

	ID() string
	Nodes(ctx context.Context) ([]cluster.Node, error)
	Close() error
}

// openCluster joins the other nodes, where there is a Redis to meet them.
func (g *Gatehouse) openCluster() (clustered, error) {
	if g.cfg.RedisURL == "" {
		return local.New(local.Config{Node: g.node, Grace: g.cfg.PresenceGrace, Now: g.now}), nil
	}
	c, err := redis.Open(redis.Config{
		URL: g.cfg.RedisURL, Prefix: g.cfg.RedisPrefix, Node: g.node, Grace: g.cfg.PresenceGrace, Lease: g.cfg.NodeLease, Log: g.log,
	})
	if err != nil {
		return nil, fmt.Errorf("GATEHOUSE_REDIS_URL: %w", err)
	}
	return c, nil
}

// missed reads from the store what hints may have missed, and has the feeds read everything again.
func (g *Gatehouse) missed(ctx context.Context) error {
	if err := g.follower.Read(ctx); err != nil {
		return err
	}
	g.hub.Resync()
	return nil
}

// hint hears the bus.
func (g *Gatehouse) hint(h cluster.Hint) {
	switch h.Kind {
	case cluster.KindSession, cluster.KindUser:
		if c, ok := hints.Decode[revocation.Change](h, g.log); ok {
			g.follower.Apply(c)
		}
	case cluster.KindRenewed:
		if r, ok := hints.Decode[session.Renewal](h, g.log); ok {
			g.hub.SessionRenewed(hub.Renewal{
				UserID: r.UserID, SessionID: r.SessionID, Issued: r.Issued, Expires: r.Expires, AAL: r.AAL, AuthTime: r.AuthTime, Roles: r.Roles, Epoch: r.Epoch,
			})
			g.hub.SessionsChanged(r.UserID, r.SessionID)
		}
	case cluster.KindAudit:
		eventIDs, _ := hints.Decode[[]string](h, g.log)
		for _, id := range eventIDs {
			g.hub.AuditAdded(id)
		}
	case cluster.KindJob:
		if jobID, ok := hints.Decode[string](h, g.log); ok {
			g.hub.JobChanged(jobID)
		}
	case cluster.KindMessage:
		g.hub.Deliver(delivery(h))
	}
}

// applied brings a change that memory has to the sockets. Each part of it may come late, twice or out of order.
func (g *Gatehouse) applied(c revocation.Change) {
	g.measures.applied(c, g.now())
	if e, ok := events.Of(c); ok {
		g.events.Publish(e)
	}
	if c.SessionID == "" {
		g.hub.UserChanged(hub.Claims{
			UserID: c.UserID, Roles: c.Roles, Epoch: c.Epoch, Version: c.Version, Methods: c.Methods, MustHave: g.guard.MustHaveFactor(c.Roles),
		})
		return
	}
	if c.Ended != nil {
		g.hub.SessionEnded(hub.End{UserID: c.UserID, SessionID: c.SessionID, Frame: *c.Ended})
	} else {
		g.hub.SessionRenewed(hub.Renewal{UserID: c.UserID, SessionID: c.SessionID, AAL: c.AAL}) // the renewal itself may have got lost
	}
	g.hub.SessionsChanged(c.UserID, c.SessionID)
}

// presenceChanged hears the registry.
func (g *Gatehouse) presenceChanged(c presence.Change) {
	if e, ok := events.OfPresence(c); ok {
		g.events.Publish(events.Event{Body: e.Body()})
		g.cameOrWent(e)
	}
	t := session.Trace{SessionID: c.SessionID, Online: c.Online, OnlineSeq: c.Seq}
	if c.Connections == 0 {
		t.LastSeenAt = c.LastSeen
	}
	if elsewhere := c.Connections > 0 && g.hub.Connections(c.UserID) == 0; !elsewhere { // that node writes it
		g.rules.Traces.Add(t)
	}
	g.hub.SessionPresence(c.UserID, c.SessionID, hub.Presence{Online: c.Online, Connections: c.Connections, LastSeenAt: c.LastSeen, Seq: c.Seq})
}

// used notes that a generation's access token was seen.
func (g *Gatehouse) used(sessionID string, generation int) {
	g.rules.Traces.Add(session.Trace{SessionID: sessionID, LastSeenAt: g.now(), Acked: generation})
}

// fresh is how old this node's knowledge of ends is: the time since the bus was last known to work, or the store was
// last read, whichever is later. With the bus in this process it is never old.
func (g *Gatehouse) fresh() time.Duration {
	now := g.now()
	if g.cluster.Healthy() {
		g.heard.Store(now.UnixNano())
		return 0
	}
	return min(g.follower.Age(), now.Sub(time.Unix(0, g.heard.Load())))
}

// send pushes a message to the user's sockets on all nodes, and says how many those were at the call.
func (g *Gatehouse) send(ctx context.Context, userID string, m wire.Message) (int, error) {
	d, err := hub.NewDelivery(userID, "", m)
	if err != nil {
		return 0, err
	}
	n, err := g.cluster.Send(ctx, hintOf(d))
	if errors.Is(err, cluster.ErrPartial) {
		err = nil // those that are known of
	}
	return n, err
}

// hintOf is a delivery on its way: its session is the one that gets nothing.
func hintOf(d hub.Delivery) cluster.Hint {
	return cluster.Hint{Kind: cluster.KindMessage, UserID: d.UserID, SessionID: d.Except, Body: d.Frame}
}

// delivery is what hintOf was given.
func delivery(h cluster.Hint) hub.Delivery {
	return hub.Delivery{UserID: h.UserID, Except: h.SessionID, Frame: h.Body}
}

// nodes are the running nodes, each with what it said of itself lately; this one as it is now.
func (g *Gatehouse) nodes(ctx context.Context) ([]httpapi.Node, error) {
	list, err := g.cluster.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]httpapi.Node, len(list))
	for i, n := range list {
		if n.ID == g.cluster.ID() {
			n.Connections, n.Lag = g.hub.Stats().Connections, g.fresh()
		}
		out[i] = httpapi.Node{ID: n.ID, StartedAt: wire.At(n.StartedAt), Connections: n.Connections, LagMS: n.Lag.Milliseconds()}
	}
	return out, nil
}

// whoIsHere is the registry as lists show it: while Redis cannot be reached, what the records say of other nodes'
// connections stands beside this node's own.
type whoIsHere struct{ g *Gatehouse }

func (w whoIsHere) Presence(ctx context.Context, userID string) (map[string]presence.State, error) {
	states, err := w.g.cluster.Presence(ctx, userID)
	if !errors.Is(err, cluster.ErrPartial) {
		return states, err
	}
	records, err := w.g.rules.Sessions.List(ctx, userID)
	if err != nil {
		return nil, err
	}
	for _, s := range records {
		if _, here := states[s.ID]; !here && s.Online {
			states[s.ID] = presence.State{Online: true, LastSeen: s.LastSeenAt}
		}
	}
	return states, nil
}

func (w whoIsHere) PresenceOf(ctx context.Context, userIDs []string) (map[string]map[string]presence.State, error) {
	found, err := w.g.cluster.PresenceOf(ctx, userIDs)
	if !errors.Is(err, cluster.ErrPartial) {
		return found, err
	}
	found = make(map[string]map[string]presence.State, len(userIDs))
	for _, id := range userIDs {
		states, err := w.Presence(ctx, id)
		if err != nil {
			return nil, err
		}
		found[id] = states
	}
	return found, nil
}

func (w whoIsHere) Totals(ctx context.Context) (presence.Totals, error) {
	return w.g.cluster.Totals(ctx)
}
