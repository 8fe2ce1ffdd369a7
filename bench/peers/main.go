// Command peers measures Gatehouse beside servers that do part of what it does: the same work, by the same client, on
// the same machine, in one run. See package bench for how, and for what is compared.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-dev/gatehouse/bench/load"
)

func main() {
	load.HoldIfAsked()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// wishes are the flags.
type wishes struct {
	scale
	only, contenders []string // empty: all
	runs             int
	out              string
}

// list is a flag of names by comma, of those that there are.
func list(fs *flag.FlagSet, into *[]string, name, usage string, known []string) {
	fs.Func(name, usage+", by comma: "+strings.Join(known, ", "), func(value string) error {
		*into = strings.Split(value, ",")
		for _, v := range *into {
			if !slices.Contains(known, v) {
				return fmt.Errorf("there is no %q", v)
			}
		}
		return nil
	})
}

// wanted tells whether a name is in the list, or the list is empty.
func wanted(names []string, name string) bool { return len(names) == 0 || slices.Contains(names, name) }

func read(args []string) (*wishes, error) {
	w := &wishes{}
	fs := flag.NewFlagSet("peers", flag.ContinueOnError)
	var known []string
	for _, m := range measures(w.scale) {
		known = append(known, m.name)
	}
	list(fs, &w.only, "only", "measure these alone", known)
	list(fs, &w.contenders, "contenders", "compare these alone", contenders)
	fs.IntVar(&w.runs, "runs", 3, "how often everything is repeated")
	fs.StringVar(&w.out, "json", "", "`file` for all figures")
	fs.IntVar(&w.sockets, "sockets", 19_000, "idle sockets whose memory is measured")
	fs.IntVar(&w.over, "over", 1, "nodes that these are spread over")
	fs.DurationVar(&w.settle, "settle", 45*time.Second, "how long they are left alone first")
	fs.IntVar(&w.handshakes, "handshakes", 10_000, "handshakes")
	fs.IntVar(&w.samples, "samples", 1000, "calls of which latencies are taken, one after the other")
	fs.IntVar(&w.rate, "rate", 2000, "kicks a second, where they come at a steady rate")
	fs.DurationVar(&w.openLoop, "steady", 2*time.Second, "for how long")
	fs.IntVar(&w.joins, "joins", 200, "devices that come and go")
	fs.IntVar(&w.idle, "idle", 5000, "sockets that are idle on two nodes")
	fs.DurationVar(&w.watch, "watch", 30*time.Second, "how long they are watched")
	fs.DurationVar(&w.publish, "publish", 5*time.Second, "how long messages are sent as fast as may be")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("what is %q?", fs.Arg(0))
	}
	return w, w.check()
}

// check refuses sizes that give no figures.
func (w *wishes) check() error {
	least := min(w.runs, w.sockets, w.over, w.handshakes, w.samples, w.rate, w.opened(), w.joins, w.idle)
	if least < 1 || min(w.settle, w.watch, w.publish) <= 0 {
		return errors.New("all sizes must be above zero")
	}
	return nil
}

func run(ctx context.Context, args []string) error {
	w, err := read(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gatehouse-peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m, err := findMongo(ctx, dir)
	if err != nil {
		return err
	}
	defer m.stop()
	f, notes, err := enter(ctx, dir, m, w.contenders)
	if err != nil {
		return err
	}
	r, failed := f.compete(ctx, w)
	return errors.Join(report(os.Stdout, w, f, r, notes), failed)
}

// field is who takes part, in the order in which they have their turns.
type field struct {
	names []string
	by    map[string]contender
	nodes map[string]int // how many each may have at most
}

// many is how many nodes a contender may have that has a bus.
const many = 100

// enter builds the contenders that are asked for and can be had. Notes say who is missing, and why.
func enter(ctx context.Context, dir string, m *mongoServer, asked []string) (*field, []string, error) {
	f := &field{by: map[string]contender{}, nodes: map[string]int{}}
	var notes []string
	add := func(name string, nodes int, c contender) {
		if wanted(asked, name) {
			f.names, f.by[name], f.nodes[name] = append(f.names, name), c, nodes
		}
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, nil, err
	}
	if m != nil {
		add(nameGatehouse, many, &gatehouse{dir: dir, mongo: m})
		add(nameSQLite, 1, &gatehouse{dir: dir})
	} else {
		notes = append(notes, noMongo)
		add(nameGatehouse, 1, &gatehouse{dir: dir})
	}
	add(nameCentrifugo, many, centrifugo(dir))
	if missing := lacks("node", "npm"); missing == "" {
		add(nameSocketIO, many, socketIO(dir))
	} else {
		notes = append(notes, "There is no "+missing+": Socket.IO is left out.")
	}
	if len(f.names) == 0 {
		return nil, nil, errors.New(strings.Join(append(notes, "nobody is left to measure"), " "))
	}
	for _, name := range f.names {
		fmt.Fprintln(os.Stderr, "build", name)
		what, err := f.by[name].Build(ctx)
		if err != nil {
			return nil, nil, err
		}
		notes = append(notes, what)
	}
	return f, notes, nil
}

const noMongo = "There is no MongoDB: Gatehouse has no row with two nodes. GATEHOUSE_TEST_MONGODB_URI names one, or a mongod is on PATH."

// lacks is the first of the programs that is not installed.
func lacks(programs ...string) string {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			return p
		}
	}
	return ""
}

// compete has every contender do every measure, in turns, as often as is wished. What fails is left out and returned.
func (f *field) compete(ctx context.Context, w *wishes) (results, error) {
	r := results{}
	var failed error
	for n := range w.runs {
		for _, m := range measures(w.scale) {
			if !wanted(w.only, m.name) {
				continue
			}
			for _, name := range f.names {
				if f.nodes[name] < m.size.nodes || name == nameSQLite && m.name != "kick-one-node" {
					continue
				}
				began := time.Now()
				got, err := f.take(ctx, name, m, w.scale)
				if ctx.Err() != nil {
					return r, ctx.Err()
				}
				if err != nil {
					err = fmt.Errorf("%s, %s, run %d: %w", name, m.name, n+1, err)
					fmt.Fprintln(os.Stderr, err)
					failed = errors.Join(failed, err)
					continue
				}
				r.add(name, got)
				fmt.Fprintf(os.Stderr, "run %d, %s, %s: %s in %s\n", n+1, m.name, name, got, time.Since(began).Round(time.Second))
			}
		}
	}
	return r, failed
}

// take has one contender do one measure, on a site that is opened for it.
func (f *field) take(ctx context.Context, name string, m measure, sc scale) (figures, error) {
	s, err := f.by[name].Open(ctx, m.size)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	defer s.close()
	return m.run(ctx, s, sc)
}

// String is the figures in the order of the rows.
func (f figures) String() string {
	var parts []string
	for _, row := range rows {
		if v, ok := f[row.name]; ok {
			parts = append(parts, row.name+" "+number(v, true))
		}
	}
	return strings.Join(parts, ", ")
}

// report prints the table with what a reader must know of it, and writes all figures to a file if that is wished.
func report(out *os.File, w *wishes, f *field, r results, notes []string) error {
	fmt.Fprintf(out, "\nMedians of %d runs (least–most) on %d processors, %s.\n", w.runs, runtime.NumCPU(), runtime.Version())
	for _, n := range notes {
		fmt.Fprintln(out, n)
	}
	fmt.Fprintln(out)
	r.write(out)
	if w.out == "" {
		return nil
	}
	data, err := json.MarshalIndent(map[string]any{"notes": notes, "contenders": f.names, "figures": r, "processors": runtime.NumCPU()}, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(w.out, append(data, '\n'), 0o644)
}
