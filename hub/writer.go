package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// encode writes a frame of ours as JSON. They are built from types that always encode.
func encode(frame any) []byte {
	data, err := marshal(frame)
	if err != nil {
		panic("hub: frame does not encode: " + err.Error())
	}
	return data
}

func marshal(frame any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(frame)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func encodeAll(frames []any) [][]byte {
	out := make([][]byte, len(frames))
	for i, f := range frames {
		out[i] = encode(f)
	}
	return out
}

// send queues a frame that must arrive: an answer, or news of the socket itself. What clients may send bounds how
// many there can be; one on which even these pile up is too slow. Callers hold no lock.
func (c *conn) send(frame any) {
	data := encode(frame)
	c.mu.Lock()
	claimed := c.claimLocked()
	ok := c.sendLocked(data)
	c.unlock(claimed)
	if !ok {
		c.slow()
	}
}

// sendLocked is false when data does not fit; the caller then calls slow, without the lock.
func (c *conn) sendLocked(data []byte) bool {
	if c.final != nil {
		return true
	}
	return c.queueLocked(data, 2*c.hub.limits.QueueBytes)
}

// enqueueLocked queues data if it fits. Half of the queue is kept free for frames that must arrive.
func (c *conn) enqueueLocked(data []byte) bool {
	return c.queueLocked(data, c.hub.limits.QueueBytes)
}

// queueLocked queues data if no more than limit waits then. A frame always fits into an empty queue.
func (c *conn) queueLocked(data []byte, limit int) bool {
	if c.queued > 0 && c.queued+len(data) > limit {
		return false
	}
	c.queue = append(c.queue, data)
	c.queued += len(data)
	c.flushLocked()
	return true
}

// flushLocked sees to it that somebody writes.
func (c *conn) flushLocked() {
	if !c.flushing {
		c.flushing = true
		c.hand((*conn).flush)
	}
}

// flush writes until the queue is empty, or the socket's end.
func (c *conn) flush() { c.flushAfter(nil) }

// flushAfter is flush behind a write, of which this became.
func (c *conn) flushAfter(err error) {
	broken := err != nil
	if broken {
		c.writeFailed(err)
	}
	for {
		step, frames := c.next()
		switch step {
		case stepIdle:
			return
		case stepCatchUp:
			c.catchUp()
		case stepClose:
			c.close(broken)
			return
		case stepWrite:
			if err := c.write(frames); err != nil {
				broken = true
				c.writeFailed(err)
			}
		}
	}
}

type step uint8

const (
	stepIdle    step = iota
	stepWrite        // frames
	stepCatchUp      // feeds that fell behind
	stepClose
)

// next is what the flusher does next. With stepIdle it is no longer the flusher.
func (c *conn) next() (step, [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) > 0 {
		c.limitLocked()
		return stepWrite, c.takeLocked()
	}
	if c.final != nil {
		if c.final.forgotten {
			return stepClose, nil
		}
		c.flushing = false // finish starts again
		return stepIdle, nil
	}
	c.net.SetWriteDeadline(time.Time{})
	if c.behindLocked() {
		return stepCatchUp, nil
	}
	c.flushing = false
	return stepIdle, nil
}

// limitLocked bounds the write that follows, unless finish has.
func (c *conn) limitLocked() {
	if c.final == nil {
		c.net.SetWriteDeadline(time.Now().Add(c.hub.limits.WriteTimeout))
	}
}

// takeLocked takes what is to be written at once: frames from the queue's front, up to a chunk of them.
func (c *conn) takeLocked() [][]byte {
	n, size := 0, 0
	for n < len(c.queue) && (n == 0 || size+len(c.queue[n]) <= chunk) {
		size += len(c.queue[n])
		n++
	}
	frames := c.queue[:n:n]
	c.queue, c.queued = c.queue[n:], c.queued-size
	if len(c.queue) == 0 {
		c.queue = nil
	}
	return frames
}

// write writes the frames at once.
func (c *conn) write(frames [][]byte) error {
	err := c.gather(frames)
	return errors.Join(err, c.net.flush())
}

// gather leaves the frames in the stream.
func (c *conn) gather(frames [][]byte) error {
	c.net.gather()
	for _, data := range frames {
		if err := c.ws.Write(context.Background(), websocket.MessageText, data); err != nil {
			return err
		}
	}
	c.hub.stats.framesOut.Add(uint64(len(frames)))
	return nil
}

// writeFailed ends a socket that took too long to take a frame, or that is gone. No close frame can follow half a frame.
func (c *conn) writeFailed(err error) {
	name := "gone"
	if errors.Is(err, os.ErrDeadlineExceeded) {
		name = wire.CloseSlowConsumer.Name()
	}
	c.finish(final{}, true, name)
}

// close writes the last frames and closes. The deadlines that finish has set bound it.
func (c *conn) close(broken bool) {
	c.mu.Lock()
	last := c.final
	c.mu.Unlock()
	if broken || last.code == 0 {
		c.ws.CloseNow()
	} else if c.gather(last.frames) == nil {
		c.net.leave(func() { c.toldEnd(last.ended) })
		c.ws.Close(websocket.StatusCode(last.code), last.code.Name())
	}
	c.hub.poll.forget(c)
	c.mu.Lock()
	last.closed = true
	c.mu.Unlock()
	c.hub.work.Done()
}

// toldEnd says that the client was told of the end of its session, if that is what the socket ended by.
func (c *conn) toldEnd(frame *wire.SessionEnded) {
	if heard := c.hub.cfg.Ended; heard != nil && frame != nil {
		heard(frame.Reason, max(time.Since(time.Time(frame.At)), 0))
	}
}
