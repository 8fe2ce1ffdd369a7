package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/bench/load"
)

// measure is one kind of work, done by one contender at a time. It gives a figure for some of the rows.
type measure struct {
	name string
	size size
	run  func(ctx context.Context, s *site, sc scale) (figures, error)
}

// figures are results by the name of their row.
type figures map[string]float64

// scale is how much is done.
type scale struct {
	sockets    int           // idle ones, where their memory is measured
	over       int           // so many nodes
	settle     time.Duration // until they are taken to be idle
	handshakes int
	samples    int // of a latency, one after the other
	rate       int // kicks a second, in the open loop
	openLoop   time.Duration
	joins      int
	idle       int // sockets that are idle on two nodes
	watch      time.Duration
	publish    time.Duration
}

// measures are all of them. One that is for a single node also runs where there is no more.
func measures(sc scale) []measure {
	each := warmCalls + sc.samples
	return []measure{
		{"memory", size{sc.over, sc.sockets, 1}, memory},
		{"handshake", size{1, warmHandshakes + sc.handshakes, 1}, handshake},
		{"kick", size{2, 2*each + sc.opened(), 1}, kick},
		{"kick-one-node", size{1, each + sc.opened(), 1}, kickOneNode},
		{"message", size{2, talkers, 1}, message},
		{"join", size{2, warmJoins + sc.joins, watchers + 1}, join},
		{"idle", size{2, sc.idle, 1}, idle},
		{"throughput", size{2, crowdUsers, crowdDevices}, throughput},
	}
}

// opened is how many kicks the open loop makes.
func (sc scale) opened() int { return int(float64(sc.rate) * sc.openLoop.Seconds()) }

// percentiles puts the median and the 99th percentile into the rows of a name, in milliseconds.
func (f figures) percentiles(row string, took []time.Duration) {
	slices.Sort(took)
	ms := func(i int) float64 { return float64(took[i]) / float64(time.Millisecond) }
	f[row+"-p50"] = ms(len(took) / 2)
	f[row+"-p99"] = ms(len(took) * 99 / 100)
}

// warmUp opens some sockets and cuts them, so that what a server needs once is not counted.
func warmUp(s *site, devices []device) error {
	sockets, err := s.dial(devices, s.turns)
	if err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	load.CutAll(sockets)
	return nil
}

// sleep waits, unless all is over.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// What servers have had, and how long they have rested, before their memory without sockets is looked at: what is garbage
// then would be taken off what sockets cost.
const (
	warmSockets = 1500
	warmRest    = 30 * time.Second
)

// memory is the resident memory that servers have more when there are many idle sockets, for each of them. They have
// had sockets before, and these have been through a ping and its answer. Nothing makes a server give memory back that
// it keeps for later.
func memory(ctx context.Context, s *site, sc scale) (figures, error) {
	if err := warmUp(s, s.devices[:min(warmSockets, len(s.devices))]); err != nil {
		return nil, err
	}
	if err := sleep(ctx, min(warmRest, sc.settle)); err != nil {
		return nil, err
	}
	before, err := s.resident()
	if err != nil {
		return nil, err
	}
	crowd, err := load.Gather(s.dialect, s.wants(s.devices, s.turns))
	if err != nil {
		return nil, err
	}
	err = sleep(ctx, sc.settle)
	after, err2 := s.resident()
	lost, err3 := crowd.Disperse()
	if lost > 0 {
		err3 = errors.Join(err3, fmt.Errorf("%d sockets were lost", lost))
	}
	return figures{
		"memory": (after - before) / float64(len(s.devices)) / 1024, "memory-before": before / 1e6, "memory-after": after / 1e6,
	}, errors.Join(err, err2, err3)
}

const (
	warmHandshakes   = 1000
	handshakeWorkers = 32
	keptOpen         = 32 // by each worker; of more the oldest is cut
)

// handshake opens sockets one after the other with many workers, each socket of a user of its own, from the first
// packet until it is ready. Each worker keeps its last sockets open and cuts the others, so that both are counted.
func handshake(_ context.Context, s *site, _ scale) (figures, error) {
	if err := warmUp(s, s.devices[:warmHandshakes]); err != nil {
		return nil, err
	}
	devices := s.devices[warmHandshakes:]
	rings := make([][]*load.Socket, handshakeWorkers)
	defer func() {
		for _, r := range rings {
			load.CutAll(r)
		}
	}()
	busy, err := s.served()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	err = load.Spread(len(devices), handshakeWorkers, func(worker, i int) error {
		w := s.want(0, devices[i])
		k, err := load.Dial(s.dialect, w.URL, w.Token)
		if err != nil {
			return err
		}
		r := append(rings[worker], k)
		if len(r) > keptOpen {
			r[0].Cut()
			r = slices.Delete(r, 0, 1)
		}
		rings[worker] = r
		return nil
	})
	took := time.Since(began)
	busier, err2 := s.served()
	n := float64(len(devices))
	return figures{"handshake-cpu": (busier - busy) / n * 1000, "handshake-rate": n / took.Seconds()}, errors.Join(err, err2)
}

// idle is what it costs to have many idle sockets, on two nodes: commands of Redis and processor time.
func idle(ctx context.Context, s *site, sc scale) (figures, error) {
	crowd, err := load.Gather(s.dialect, s.wants(s.devices, s.turns))
	if err != nil {
		return nil, err
	}
	f, err := s.quietly(ctx, sc)
	lost, err2 := crowd.Disperse()
	if lost > 0 {
		err2 = errors.Join(err2, fmt.Errorf("%d sockets were lost", lost))
	}
	return f, errors.Join(err, err2)
}

// settled is how long what follows on many handshakes may take.
const settled = 5 * time.Second

func (s *site) quietly(ctx context.Context, sc scale) (figures, error) {
	if err := sleep(ctx, settled); err != nil {
		return nil, err
	}
	before, err := s.costs()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := sleep(ctx, sc.watch); err != nil {
		return nil, err
	}
	after, err := s.costs()
	took := time.Since(began).Seconds()
	return figures{
		"idle-redis":     (after.commands - before.commands - 1) / took,
		"idle-cpu":       (after.servers - before.servers) / took * 100,
		"idle-redis-cpu": (after.redis - before.redis) / took * 100,
	}, err
}

// costs are what has been used up so far.
type costs struct{ commands, servers, redis float64 }

func (s *site) costs() (c costs, err error) {
	if c.servers, err = s.served(); err != nil {
		return c, err
	}
	used, err := s.redis.cpu()
	if err != nil {
		return c, err
	}
	c.redis = used.Seconds()
	c.commands, err = s.redis.commands()
	return c, err
}
