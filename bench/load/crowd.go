package load

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
)

// Want is a socket of a crowd: where it goes and whose it is.
type Want struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// perHolder is how many sockets one process holds. Systems with a limit of 20,000 files are common.
const perHolder = 10_000

// openers is how many sockets a holder opens at once.
const openers = 16

// holdArg is what this program is called with to be a holder.
const holdArg = "hold-sockets"

// errand is what a holder is told to do, on its standard input. It ends when that does.
type errand struct {
	Dialect string `json:"dialect"`
	Sockets []Want `json:"sockets"`
}

// report is what a holder answers: first when all sockets are open, then at its end.
type report struct {
	Open  int    `json:"open"`
	Lost  int    `json:"lost"`
	Error string `json:"error,omitempty"`
}

// Crowd is sockets that processes of their own hold. They answer pings and read past everything else.
type Crowd struct {
	holders []*holder
}

type holder struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// Gather opens the sockets and returns when all of them are ready. The program must call HoldIfAsked at its start.
func Gather(d *Dialect, wants []Want) (*Crowd, error) {
	c := &Crowd{}
	for part := range slices.Chunk(wants, perHolder) {
		h, err := startHolder(errand{d.Name, part})
		if err != nil {
			return nil, errors.Join(err, c.abandon())
		}
		c.holders = append(c.holders, h)
	}
	for _, h := range c.holders {
		var r report
		err := h.out.Decode(&r)
		if err == nil && r.Error != "" {
			err = errors.New(r.Error)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("hold sockets: %w", err), c.abandon())
		}
	}
	return c, nil
}

func startHolder(e errand) (*holder, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, holdArg)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	h := &holder{cmd, in, json.NewDecoder(out)}
	if err := json.NewEncoder(in).Encode(e); err != nil {
		h.kill()
		return nil, err
	}
	return h, nil
}

// Disperse cuts all sockets and returns how many of them had ended before.
func (c *Crowd) Disperse() (lost int, err error) {
	for _, h := range c.holders {
		var r report
		err = errors.Join(err, h.in.Close(), h.out.Decode(&r), h.cmd.Wait())
		lost += r.Lost
	}
	c.holders = nil
	return lost, err
}

// abandon ends the holders as they are.
func (c *Crowd) abandon() error {
	for _, h := range c.holders {
		h.kill()
	}
	c.holders = nil
	return nil
}

func (h *holder) kill() {
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
}

// HoldIfAsked makes this process a holder, if it was started as one; then it does not return.
func HoldIfAsked() {
	if len(os.Args) != 2 || os.Args[1] != holdArg {
		return
	}
	if err := hold(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// hold does an errand, until the input ends.
func hold(in io.Reader, out io.Writer) error {
	input, say := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	var e errand
	if err := input.Decode(&e); err != nil {
		return err
	}
	d := dialects[e.Dialect]
	if d == nil {
		return fmt.Errorf("nobody speaks %q", e.Dialect)
	}
	sockets, err := DialAll(d, e.Sockets, openers)
	e.Sockets = nil
	if err != nil {
		return say.Encode(report{Error: err.Error()})
	}
	var lost atomic.Int64
	for _, k := range sockets {
		go func() {
			_, _, _ = k.Closed()
			lost.Add(1)
		}()
	}
	if err := say.Encode(report{Open: len(sockets)}); err != nil {
		return err
	}
	_ = input.Decode(new(any)) // until the other side closes it
	return say.Encode(report{Open: len(sockets), Lost: int(lost.Load())})
}

// DialAll opens sockets, so many at once. If one fails, those that are open are cut.
func DialAll(d *Dialect, wants []Want, atOnce int) ([]*Socket, error) {
	sockets := make([]*Socket, len(wants))
	err := Spread(len(wants), atOnce, func(_, i int) (err error) {
		sockets[i], err = Dial(d, wants[i].URL, wants[i].Token)
		return err
	})
	if err != nil {
		CutAll(sockets)
		return nil, err
	}
	return sockets, nil
}

// CutAll cuts the sockets, of which some may be nil.
func CutAll(sockets []*Socket) {
	for _, k := range sockets {
		if k != nil {
			k.Cut()
		}
	}
}

// Spread does n things with so many workers. It returns the first error of each worker; one that had an error stops.
func Spread(n, workers int, do func(worker, i int) error) error {
	var next atomic.Int64
	errs := make([]error, workers)
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || errs[worker] != nil {
					return
				}
				errs[worker] = do(worker, i)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
