package gatehouse

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/events"
	"github.com/gatehouse-dev/gatehouse/internal/hints"
	"github.com/gatehouse-dev/gatehouse/internal/location"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

// How often the sweeps run.
const (
	expireEvery = time.Second
	purgeEvery  = time.Minute
)

// start reads what ended lately and starts the background work, which ends with Close.
func (g *Gatehouse) start(ctx context.Context) error {
	if g.cfg.RedisURL == "" { // the only node: nobody is here yet
		if err := g.rules.Store.ResetOnline(ctx); err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	if err := g.follower.Start(ctx); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	g.stop = stop
	g.run(background, g.follower.Run)
	g.run(background, g.rules.Keyset.Run)
	g.run(background, g.keepFence)
	g.run(background, g.jobs().Run)
	g.run(background, g.tellVisits)
	g.run(background, g.tellRows)
	g.run(background, func(ctx context.Context) error { return g.rules.Traces.Run(ctx, g.rules.FlushEvery()) })
	g.run(background, func(ctx context.Context) error { return g.every(ctx, calmEvery, "memory", g.giveBack()) })
	g.run(background, func(ctx context.Context) error { return g.every(ctx, expireEvery, "expiry", g.expire()) })
	g.run(background, func(ctx context.Context) error { return g.every(ctx, purgeEvery, "purge", g.purge) })
	return nil
}

func (g *Gatehouse) run(ctx context.Context, f func(context.Context) error) {
	g.work.Go(func() {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			g.log.Error("background work ended", "error", err)
		}
	})
}

func (g *Gatehouse) every(ctx context.Context, interval time.Duration, name string, f func(context.Context) error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := f(ctx); err != nil && ctx.Err() == nil {
			g.log.Warn("sweep failed, will try again", "sweep", name, "error", err)
		}
	}
}

// followEvery is how often the follower looks whether to read. MongoDB cannot tell it of writes in between.
func (g *Gatehouse) followEvery() time.Duration {
	if _, mongo := g.cfg.MongoURI(); mongo {
		return time.Second
	}
	return 0 // its default
}

// How often the fence is looked at. A node that does nothing wakes up once a second: what it does then, it does together.
const (
	fenceEvery = time.Second
	fenceSoon  = 250 * time.Millisecond // while the bus is not known to work
)

// keepFence closes this node's sockets when it has been cut off from bus and store for too long, so that clients move
// to a node that knows who was signed out. Handshakes and requests are refused by the guard meanwhile.
func (g *Gatehouse) keepFence(ctx context.Context) error {
	tick := time.NewTicker(fenceEvery)
	defer tick.Stop()
	fenced := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if now := g.guard.Admit() != nil; now != fenced {
			fenced = now
			g.log.Warn("fence", "closed", fenced, "age", g.fresh().Round(time.Millisecond))
		}
		if g.fresh() > 0 {
			tick.Reset(fenceSoon)
		} else {
			tick.Reset(fenceEvery)
		}
		if fenced {
			g.hub.CloseAll(wire.CloseRestart)
			g.events.CloseAll()
		}
	}
}

// A storm is so many handshakes with no calm between, and calm is less than a tenth of that in calmEvery.
const (
	calmEvery = 10 * time.Second
	storm     = 1000
)

// giveBack gives memory back to the system once a storm of handshakes is over. What they left behind would else stay
// until sockets that are idle have made as much garbage again, which takes them minutes.
func (g *Gatehouse) giveBack() func(context.Context) error {
	var w weather
	return func(context.Context) error {
		if w.clears(g.hub.Stats().Handshakes["ok"]) {
			debug.FreeOSMemory()
		}
		return nil
	}
}

// weather is how many handshakes there had been at the last look, and at the last calm.
type weather struct{ last, calm uint64 }

// clears tells, at each look, whether a storm is just over.
func (w *weather) clears(handshakes uint64) bool {
	calm := handshakes-w.last < storm/10
	clears := calm && handshakes-w.calm >= storm
	w.last = handshakes
	if calm {
		w.calm = handshakes
	}
	return clears
}

// maxVisits bounds what waits to be queued for webhooks of who came and went: what does not fit is lost, and counted.
const maxVisits = 4096

// cameOrWent has webhooks told of a device. It never waits for the store.
func (g *Gatehouse) cameOrWent(e webhook.Event) {
	select {
	case g.visits <- e:
	default:
		g.lostVisits.Add(1)
	}
}

// tellVisits queues what cameOrWent noted.
func (g *Gatehouse) tellVisits(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-g.visits:
			if _, err := g.rules.Hooks.Raise(ctx, e, 0); err != nil && ctx.Err() == nil {
				g.log.Warn("webhooks are not told of a device", "event", e.Type, "error", err)
			}
		}
	}
}

// Rows of the audit are announced at once, and those that follow within rowsEvery together: each call of staff leaves
// one, and few watch them.
const (
	rowsEvery = 20 * time.Millisecond
	maxRows   = 4096 // that wait; what does not fit is announced by itself
	rowsInOne = 512  // hint
)

// rowAdded has those who watch the audit told of a row, on all nodes.
func (g *Gatehouse) rowAdded(ctx context.Context, eventID string) {
	select {
	case g.rows <- eventID:
	default:
		hints.Rows(ctx, g.cluster, g.log, []string{eventID})
	}
}

// tellRows announces what rowAdded noted.
func (g *Gatehouse) tellRows(ctx context.Context) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return nil
		case eventID := <-g.rows:
			g.announceRows(ctx, eventID)
		}
		pause.Reset(rowsEvery)
	}
}

// announceRows announces rows, and those that wait.
func (g *Gatehouse) announceRows(ctx context.Context, eventIDs ...string) {
	for {
		for more := true; more && len(eventIDs) < rowsInOne; {
			select {
			case eventID := <-g.rows:
				eventIDs = append(eventIDs, eventID)
			default:
				more = false
			}
		}
		if len(eventIDs) == 0 {
			return
		}
		hints.Rows(ctx, g.cluster, g.log, eventIDs)
		eventIDs = nil
	}
}

// history is the past as streams of events begin with it.
func (g *Gatehouse) history() events.History {
	return events.History{
		Source: g.rules.Store, Kept: g.rules.Sessions.Lives.Kept - revocation.Overlap, Recent: g.cfg.AccessTTL + time.Minute, Overlap: revocation.Overlap,
	}
}

func (g *Gatehouse) expire() func(context.Context) error {
	sweeper := &session.Sweeper{Service: g.rules.Sessions}
	return func(ctx context.Context) error {
		_, err := sweeper.Sweep(ctx)
		return err
	}
}

func (g *Gatehouse) purge(ctx context.Context) error {
	return errors.Join(g.rules.Store.Purge(ctx, g.now()), g.rules.Letters.Purge(g.now()))
}

// How many tries of a kind of job are under way at once on this node, and how long one may take.
const (
	mailWorkers     = 4
	webhookWorkers  = 16
	perWebhook      = 4
	locationWorkers = 2
	locationTimeout = 10 * time.Second
)

// jobs does what is queued.
func (g *Gatehouse) jobs() *outbox.Pool {
	places := &location.Service{
		Store: g.rules.Store, Lookup: g.places.Lookup,
		Located: func(_ context.Context, s session.Session) { g.hub.SessionsChanged(s.UserID, s.ID) },
	}
	return &outbox.Pool{Service: g.rules.Queue, Log: g.log, Lanes: map[string]outbox.Lane{
		outbox.Mail:     {Handler: g.rules.Letters, Timeout: mail.TryTimeout, Workers: mailWorkers},
		outbox.Webhook:  {Handler: g.rules.Hooks, Timeout: webhook.TryTimeout, Workers: webhookWorkers, PerSubject: perWebhook},
		outbox.Location: {Handler: places, Timeout: locationTimeout, Workers: locationWorkers},
	}}
}

// Close ends the background work, writes what is left to write and closes the store. Sockets are closed at once:
// Serve has drained them.
func (g *Gatehouse) Close() error {
	end, cancel := context.WithTimeout(context.Background(), finishTimeout)
	defer cancel()
	g.hub.CloseAll(wire.CloseRestart)
	err := g.hub.Shutdown(end)
	g.announceRows(end)
	err = errors.Join(err, g.cluster.Close())
	if g.stop != nil {
		g.stop()
	}
	g.work.Wait()
	return errors.Join(err, g.rules.Close(), g.places.Close())
}
