package redis

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
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

// outbox holds the hints on their way out. While there is a line, who publishes sends by it, and what has to wait is
// sent when answers come; while there is none, the sender takes what waits.
type outbox struct {
	names names
	wake  chan struct{} // capacity 1: there is something for the sender

	mu     sync.Mutex // guards the following
	queue  []letter   // with a line, only while it has something unanswered
	line   *line      // or nil
	ending bool       // the sender waits for the last answers
	lost   int64
}

// letter is a hint as it goes out: to every node, or to those of a user. A probe is one too, to a channel, and so is a
// command about presence, which is not sent in any other way: see writeNow.
type letter struct {
	command  []string // of presence; all else is empty then
	message  string
	channel  string
	user     string // "" for every node
	watchers bool   // those who watch the user too
	again    bool   // the script was not known before

	answer chan<- answer // nil, or of capacity 1, for whoever waits
}

// answer is what Redis said to a letter.
type answer struct {
	text string
	err  error
}

// done gives the answer to whoever waits for it.
func (l *letter) done(text string, err error) {
	if l.answer != nil {
		l.answer <- answer{text, err}
	}
}

// put sends or queues a letter.
func (o *outbox) put(l letter) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writeNowLocked(l) {
		return true
	}
	if len(o.queue) >= mostHints {
		o.lost++
		return false
	}
	o.queue = append(o.queue, l)
	if o.line == nil {
		signal(o.wake)
	}
	return true
}

// writeNow sends letters, if that can be done at once and together.
func (o *outbox) writeNow(batch []letter) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.writeNowLocked(batch...)
}

func (o *outbox) writeNowLocked(batch ...letter) bool {
	if o.line == nil || len(o.queue) > 0 || !o.line.free(batch...) {
		return false
	}
	o.writeLocked(batch)
	return true
}

// take is for the sender: there is nothing for it while there is a line.
func (o *outbox) take() []letter {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.line != nil {
		return nil
	}
	return o.takeLocked(math.MaxInt)
}

// takeLocked takes hints of so many bytes, one at least if there is any.
func (o *outbox) takeLocked(most int) []letter {
	n := 0
	for n < min(len(o.queue), hintBatch) && (n == 0 || most >= o.queue[n].size()) {
		most -= o.queue[n].size()
		n++
	}
	batch := o.queue[:n:n]
	if o.queue = o.queue[n:]; len(o.queue) == 0 {
		o.queue = nil // and with it what was sent
	}
	return batch
}

func (o *outbox) writeLocked(batch []letter) {
	if err := o.line.write(o.names, batch); err != nil {
		o.hangUpLocked()
	}
}

func (o *outbox) flushLocked() {
	if o.line != nil && len(o.queue) > 0 && o.line.free(o.queue[0]) {
		o.writeLocked(o.takeLocked(mostUnheard - o.line.bytes))
	}
	if o.ending && (o.line == nil || len(o.line.unanswered) == 0) {
		signal(o.wake)
	}
}

// attach begins with a line.
func (o *outbox) attach(l *line) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.line = l
	o.flushLocked()
}

func (o *outbox) hasLine() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.line != nil
}

// probe sends a probe the way of the hints, and tells whether there is a line for it.
func (o *outbox) probe(channel, message string) bool {
	return o.hasLine() && o.put(letter{channel: channel, message: message})
}

// answered takes the answer to the next letter of the line: a hint whose script was not known is to be sent again, and is
// lost if that is an error that lasts.
func (o *outbox) answered(l *line, text string, err error) (one letter, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.line != l || len(l.unanswered) == 0 {
		return one, false
	}
	one = l.answered()
	if one.again = unknown(err) && !one.again && one.command == nil; one.again {
		return one, true
	}
	if err != nil && one.command == nil {
		o.lost++
	}
	one.done(text, err)
	return one, true
}

// flush sends what waited for answers, and before it what has to be sent again.
func (o *outbox) flush(l *line, unsent []letter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(unsent) > 0 {
		o.queue = append(unsent, o.queue...)
	}
	if o.line == l {
		o.flushLocked()
	}
}

// hangUp ends the line, if it is still this one.
func (o *outbox) hangUp(l *line) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if l != nil && o.line == l {
		o.hangUpLocked()
	}
}

// drop ends the line, whichever it is.
func (o *outbox) drop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.line != nil {
		o.hangUpLocked()
	}
}

// hangUpLocked ends the line. What was not answered is lost: it may have been sent.
func (o *outbox) hangUpLocked() {
	for _, l := range o.line.unanswered {
		l.done("", ErrNotSent)
		if l.channel == "" && l.command == nil {
			o.lost++
		}
	}
	o.line.conn.Close()
	o.line = nil
	signal(o.wake)
}

// rest waits until everything that was written to the line is answered.
func (o *outbox) rest(ctx context.Context) {
	for {
		o.mu.Lock()
		o.ending = true
		done := o.line == nil || len(o.line.unanswered) == 0
		o.mu.Unlock()
		if done {
			return
		}
		select {
		case <-o.wake:
		case <-ctx.Done():
			return
		}
	}
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

// encode writes a hint as it travels. What names its kind, user and session are words without a space.
func encode(origin string, h cluster.Hint) string {
	return "h " + origin + " " + h.Kind + " " + h.UserID + " " + h.SessionID + " " + string(h.Body)
}

// decode reads what encode wrote.
func decode(text string) (origin string, h cluster.Hint, ok bool) {
	origin, text, _ = strings.Cut(text, " ")
	h.Kind, text, _ = strings.Cut(text, " ")
	h.UserID, text, _ = strings.Cut(text, " ")
	h.SessionID, text, ok = strings.Cut(text, " ")
	if text != "" {
		h.Body = []byte(text)
	}
	return origin, h, ok
}

// Publish hands the hint to the subscriber of this node before it returns, and to Redis without waiting for an answer. An
// error is ErrNotSent: too many wait already.
//
// What ends sessions or changes claims goes to every node, and so does what staff may be watching anywhere: rows of the
// audit, and jobs. The rest goes to the nodes where the user is, which are found at the moment of sending. Hints to every node keep their order, and so do those of one user's nodes; in a
// Redis Cluster the one kind may overtake the other.
func (c *Cluster) Publish(_ context.Context, h cluster.Hint) error {
	c.deliver(h)
	return c.post(c.letter(h))
}

// Send is Publish of a hint for a user's sockets, and waits until Redis has it and says how many connections he has on
// all nodes. While Redis cannot be reached it says how many are here, with cluster.ErrPartial.
func (c *Cluster) Send(ctx context.Context, h cluster.Hint) (connections int, err error) {
	c.deliver(h)
	here := c.held.connectionsOf(h.UserID)
	heard := make(chan answer, 1)
	l := c.letter(h)
	l.answer = heard
	if err := c.post(l); err != nil {
		return here, err
	}
	if !c.able() {
		return here, cluster.ErrPartial
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	select {
	case a := <-heard:
		if a.err != nil {
			return here, cluster.ErrPartial
		}
		return here + c.elsewhere(ctx, a.text), nil
	case <-ctx.Done():
		return here, cluster.ErrPartial
	}
}

// elsewhere counts the connections on other nodes that live, of those that the script of routes tells.
func (c *Cluster) elsewhere(ctx context.Context, told string) (n int) {
	own, words := c.id(), strings.Fields(told)
	for ; len(words) >= 3; words = words[3:] {
		count, err := strconv.Atoi(words[1])
		if err == nil && count > 0 && words[0] != own && c.alive(ctx, words[0]) {
			n += count
		}
	}
	return n
}

func (c *Cluster) letter(h cluster.Hint) letter {
	l := letter{message: encode(c.origin, h)}
	switch h.Kind {
	case cluster.KindMessage:
		l.user = h.UserID
	case cluster.KindRenewed:
		l.user, l.watchers = h.UserID, true
	}
	return l
}

func (c *Cluster) post(l letter) error {
	if c.isClosed() || !c.out.put(l) {
		return ErrNotSent
	}
	return nil
}

// send keeps a line, and sends hints while there is none, until the end, and then what is left.
func (c *Cluster) send() {
	defer c.out.drop()
	for ended := false; !ended; {
		select {
		case <-c.out.wake:
		case <-c.closing:
			ended = true
			c.out.rest(c.ctx)
		}
		for batch := c.out.take(); len(batch) > 0; batch = c.out.take() {
			lost, err := c.sendBatch(batch)
			c.out.lose(lost)
			c.note("hints cannot be sent", err)
		}
		if !ended {
			c.connectLine()
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
			c.pipeHint(ctx, pipe, l)
		}
		cmds, _ := pipe.Exec(ctx)
		for i, cmd := range cmds {
			e := cmd.Err()
			if unknown(e) {
				unsent = append(unsent, batch[i])
				continue
			}
			if e != nil {
				lost, err = lost+1, e
			}
			batch[i].done(textOf(cmd), e)
		}
		if batch = unsent; len(batch) == 0 {
			return lost, err
		}
		if e := c.load(ctx); e != nil {
			return lost + giveUp(batch), e
		}
	}
	return lost + giveUp(batch), driver.ErrNoScript
}

func giveUp(batch []letter) int {
	for _, l := range batch {
		l.done("", ErrNotSent)
	}
	return len(batch)
}

// textOf is the answer of a script.
func textOf(cmd driver.Cmder) string {
	script, ok := cmd.(*driver.Cmd)
	if !ok {
		return ""
	}
	text, _ := script.Text()
	return text
}

func (c *Cluster) pipeHint(ctx context.Context, pipe driver.Pipeliner, l letter) {
	switch {
	case l.channel != "":
		pipe.Publish(ctx, l.channel, l.message)
	case l.user == "" && !c.clustered():
		pipe.Publish(ctx, c.names.hints(), l.message)
	case l.user == "":
		hintScript.EvalSha(ctx, pipe, []string{c.names.leases()}, c.cfg.Prefix, l.message)
	default:
		routeScript.EvalSha(ctx, pipe, []string{c.names.user(l.user)}, c.cfg.Prefix, l.message, l.user, l.mark())
	}
}

// appendTo writes it as it goes to a single server.
func (l letter) appendTo(buf []byte, n names) []byte {
	switch {
	case l.command != nil:
		return command(buf, l.command...)
	case l.channel != "":
		return command(buf, "PUBLISH", l.channel, l.message)
	case l.user == "":
		return command(buf, "PUBLISH", n.hints(), l.message)
	}
	return command(buf, "EVALSHA", routeScript.Hash(), "1", n.user(l.user), n.prefix, l.message, l.user, l.mark())
}

func (l letter) mark() string {
	if l.watchers {
		return "1"
	}
	return ""
}

// size is about how many bytes it takes to send.
func (l letter) size() int {
	n := len(l.message) + len(l.channel) + 2*len(l.user) + 96
	for _, arg := range l.command {
		n += len(arg) + 8
	}
	return n
}
