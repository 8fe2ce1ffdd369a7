package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/bench/load"
)

// kick ends sockets by calls to the first node: of sockets there, then of sockets at the second one, one after the
// other; then many at a steady rate, at the second one. It lasts from the call to the close frame.
func kick(ctx context.Context, s *site, sc scale) (figures, error) {
	f := figures{}
	each := warmCalls + sc.samples
	same, cross, rest := s.devices[:each], s.devices[each:2*each], s.devices[2*each:]
	return f, errors.Join(
		kickEach(ctx, s, same, 0, f, "kick-same"),
		kickEach(ctx, s, cross, 1, f, "kick-cross"),
		kickSteadily(ctx, s, rest, 1, sc.rate, f, "kick-open"),
	)
}

// kickOneNode is the same with one node alone.
func kickOneNode(ctx context.Context, s *site, sc scale) (figures, error) {
	f := figures{}
	each := warmCalls + sc.samples
	return f, errors.Join(
		kickEach(ctx, s, s.devices[:each], 0, f, "kick-one"),
		kickSteadily(ctx, s, s.devices[each:], 0, sc.rate, f, "kick-one-open"),
	)
}

// warmCalls and warmJoins come first and do not count.
const (
	warmCalls = 100
	warmJoins = 10
)

// ending is the end of a socket, once it is seen.
type ending struct {
	at  time.Time
	err error
}

// endings reads each socket to its close frame, which must be that of a kick.
func (s *site) endings(sockets []*load.Socket) []chan ending {
	all := make([]chan ending, len(sockets))
	for i, k := range sockets {
		all[i] = make(chan ending, 1)
		go func() {
			code, at, err := k.Closed()
			if err == nil && code != s.Kicked {
				err = fmt.Errorf("closed with %d", code)
			}
			all[i] <- ending{at, err}
		}()
	}
	return all
}

func kickEach(ctx context.Context, s *site, devices []device, node int, f figures, row string) error {
	sockets, err := s.dial(devices, at(node))
	if err != nil {
		return err
	}
	defer load.CutAll(sockets)
	ends := s.endings(sockets)
	callers, err := s.callers(0, 1)
	if err != nil {
		return err
	}
	defer closeAll(callers)
	if err := sleep(ctx, quiet); err != nil {
		return err
	}
	took := make([]time.Duration, len(devices))
	for i, d := range devices {
		began := time.Now()
		if _, err := callers[0].Do(s.Kick(d)); err != nil {
			return err
		}
		end, err := wait(ends[i])
		if err != nil {
			return fmt.Errorf("kick %d: %w", i, err)
		}
		took[i] = end.Sub(began)
	}
	f.percentiles(row, took[warmCalls:])
	return nil
}

// quiet is how long what follows on handshakes may take before latencies are measured.
const quiet = 2 * time.Second

// wait is for the end of a socket that must come.
func wait(end chan ending) (time.Time, error) {
	select {
	case e := <-end:
		return e.at, e.err
	case <-time.After(startWithin):
		return time.Time{}, errors.New("no close frame came")
	}
}

// steadyCallers is how many connections share the calls of the open loop.
const steadyCallers = 64

// kickSteadily makes so many calls a second, whatever becomes of those before. Time counts from when a call was due.
func kickSteadily(ctx context.Context, s *site, devices []device, node, rate int, f figures, row string) error {
	sockets, err := s.dial(devices, at(node))
	if err != nil {
		return err
	}
	defer load.CutAll(sockets)
	ends := s.endings(sockets)
	callers, err := s.callers(0, steadyCallers)
	if err != nil {
		return err
	}
	defer closeAll(callers)
	if err := sleep(ctx, quiet); err != nil {
		return err
	}
	gap, began := time.Second/time.Duration(rate), time.Now()
	due := func(i int) time.Time { return began.Add(time.Duration(i) * gap) }
	err = load.Spread(len(devices), steadyCallers, func(worker, i int) error {
		time.Sleep(time.Until(due(i)))
		_, err := callers[worker].Do(s.Kick(devices[i]))
		return err
	})
	if err != nil {
		return err
	}
	took := make([]time.Duration, len(devices))
	for i := range devices {
		end, err := wait(ends[i])
		if err != nil {
			return fmt.Errorf("kick %d: %w", i, err)
		}
		took[i] = end.Sub(due(i))
	}
	f.percentiles(row, took)
	return nil
}

// talkers is how many users are spoken to, in turn.
const talkers = 50

// message speaks to one device after the other by calls to the first node: to those there, then to those at the
// second one. It lasts from the call to the frame.
func message(ctx context.Context, s *site, sc scale) (figures, error) {
	f := figures{}
	half := talkers / 2
	return f, errors.Join(
		speak(ctx, s, s.devices[:half], 0, sc.samples, f, "message-same"),
		speak(ctx, s, s.devices[half:], 1, sc.samples, f, "message-cross"),
	)
}

func speak(ctx context.Context, s *site, devices []device, node, times int, f figures, row string) error {
	sockets, err := s.dial(devices, at(node))
	if err != nil {
		return err
	}
	defer load.CutAll(sockets)
	callers, err := s.callers(0, 1)
	if err != nil {
		return err
	}
	defer closeAll(callers)
	if err := sleep(ctx, quiet); err != nil {
		return err
	}
	took := make([]time.Duration, warmCalls+times)
	for i := range took {
		n := i % len(devices)
		text := fmt.Sprintf("note-%d-%s", i, filler)
		heard := make(chan ending, 1)
		go func() {
			at, err := sockets[n].Until(text)
			heard <- ending{at, err}
		}()
		began := time.Now()
		if _, err := callers[0].Do(s.Message(devices[n].user, text)); err != nil {
			return err
		}
		at, err := wait(heard)
		if err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
		took[i] = at.Sub(began)
	}
	f.percentiles(row, took[warmCalls:])
	return nil
}

// filler makes messages about as long as they are.
const filler = "the quick brown fox jumps over the lazy dog, and the lazy dog lets him jump as often as he likes"

// watchers is how many devices of a user see another one come and go.
const watchers = 9

// join lets a tenth device of a user come and go, and waits until the nine others have been told: of the join since
// its first packet, of the end since it was cut. The nine are on both nodes, the tenth on the first.
func join(ctx context.Context, s *site, sc scale) (figures, error) {
	var joins, leaves []time.Duration
	for i := range warmJoins + sc.joins {
		of := s.devices[i*(watchers+1) : (i+1)*(watchers+1)]
		joined, left, err := comeAndGo(s, of[:watchers], of[watchers])
		if err != nil {
			return nil, fmt.Errorf("join %d: %w", i, err)
		}
		joins, leaves = append(joins, joined), append(leaves, left)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	f := figures{}
	f.percentiles("join", joins[warmJoins:])
	f.percentiles("leave", leaves[warmJoins:])
	return f, nil
}

func comeAndGo(s *site, nine []device, tenth device) (joined, left time.Duration, err error) {
	sockets, err := s.dial(nine, s.turns)
	if err != nil {
		return 0, 0, err
	}
	defer load.CutAll(sockets)
	if s.Watch != "" {
		for _, k := range sockets {
			if err := k.Send(s.Watch); err != nil {
				return 0, 0, err
			}
			if _, err := k.Until(s.Watching); err != nil {
				return 0, 0, err
			}
		}
	}
	time.Sleep(calm)
	told := tell(sockets, s.Joined(tenth))
	began := time.Now()
	w := s.want(0, tenth)
	k, err := load.Dial(s.dialect, w.URL, w.Token)
	if err != nil {
		return 0, 0, err
	}
	last, err := told()
	if err != nil {
		k.Cut()
		return 0, 0, err
	}
	joined = last.Sub(began)
	time.Sleep(calm)
	told = tell(sockets, s.Left(tenth))
	began = time.Now()
	k.Cut()
	last, err = told()
	return joined, last.Sub(began), err
}

// calm is how long the nine take to have heard of each other.
const calm = 20 * time.Millisecond

// tell has all sockets read up to a frame with the parts, and gives the time of the last.
func tell(sockets []*load.Socket, parts []string) func() (time.Time, error) {
	ends := make([]chan ending, len(sockets))
	for i, k := range sockets {
		ends[i] = make(chan ending, 1)
		go func() {
			at, err := k.Until(parts...)
			ends[i] <- ending{at, err}
		}()
	}
	return func() (last time.Time, err error) {
		for _, e := range ends {
			at, err := wait(e)
			if err != nil {
				return last, err
			}
			if at.After(last) {
				last = at
			}
		}
		return last, nil
	}
}

// Who is spoken to where throughput is measured, and by how many at once on each node.
const (
	crowdUsers   = 200
	crowdDevices = 5
	publishers   = 8
)

// throughput speaks to users with several devices on both nodes as fast as calls are answered, by several connections
// to each node, and counts what arrives.
func throughput(ctx context.Context, s *site, sc scale) (figures, error) {
	sockets, err := s.dial(s.devices, s.turns)
	if err != nil {
		return nil, err
	}
	defer load.CutAll(sockets)
	var heard atomic.Int64
	for _, k := range sockets {
		go func() {
			for {
				if _, err := k.Until(filler); err != nil {
					return
				}
				heard.Add(1)
			}
		}()
	}
	if err := sleep(ctx, quiet); err != nil {
		return nil, err
	}
	if err := publish(s, time.Second); err != nil { // so that all is warm
		return nil, err
	}
	busy, err := s.served()
	if err != nil {
		return nil, err
	}
	before, began := heard.Load(), time.Now()
	err = publish(s, sc.publish)
	took, n := time.Since(began), float64(heard.Load()-before)
	busier, err2 := s.served()
	return figures{"throughput": n / took.Seconds(), "throughput-cpu": (busier - busy) / n * 100_000}, errors.Join(err, err2)
}

// publish speaks to all users in turn, for so long.
func publish(s *site, length time.Duration) error {
	var all sync.WaitGroup
	var errs [2 * publishers]error
	end := time.Now().Add(length)
	for i := range errs {
		all.Go(func() {
			callers, err := s.callers(i%len(s.nodes), 1)
			if err != nil {
				errs[i] = err
				return
			}
			defer closeAll(callers)
			for u := i; time.Now().Before(end) && errs[i] == nil; u += len(errs) {
				_, errs[i] = callers[0].Do(s.Message(s.devices[u%crowdUsers*crowdDevices].user, filler))
			}
		})
	}
	all.Wait()
	return errors.Join(errs[:]...)
}
