package hub

import (
	"cmp"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// epoll is one of our own (epoll(7)), beside the one in which Go's runtime has every connection. The runtime can
// only wake a goroutine that waits; this one tells which sockets have something to read when none does. Its own
// descriptor is in the runtime's epoll, so that waiting for it costs no thread.
//
// Each socket is watched for one event at a time (EPOLLONESHOT): whoever reads it then asks again. The kernel forgets
// a descriptor when it is closed.
type epoll struct {
	fd   int
	file *os.File // of fd
	raw  syscall.RawConn
	got  [mostEvents]unix.EpollEvent // owned by run

	mu    sync.Mutex // guards the following, and slot of its conns
	slots []slot
	free  []int32
}

// slot is what an event names: the descriptor itself may be another socket's when the event is looked at.
type slot struct {
	c   *conn
	age int32 // how many sockets had the slot before
}

// A conn's slot is one of these, or a place in slots.
const (
	noSlot int32 = -1 // not watched yet
	closed int32 = -2
)

// mostEvents is how many are taken at once.
const mostEvents = 128

// newEvents is nil when the kernel has none to give.
func newEvents() events {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	_ = unix.SetNonblock(fd, true) // which tells os.NewFile that the runtime can wait for it
	e := &epoll{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	if e.raw, err = e.file.SyscallConn(); err != nil || e.file.SetDeadline(time.Time{}) != nil {
		e.close() // the runtime cannot wait for it: run would end with the first wait, and no socket be heard
		return nil
	}
	go e.run()
	return e
}

// close ends run.
func (e *epoll) close() { e.file.Close() }

// run waits for events, one goroutine at a time. It has others read all sockets but the last, and reads that one itself
// while another waits: for most events there is only one socket, which so is read without another goroutine's waking.
func (e *epoll) run() {
	for {
		n := 0
		err := e.raw.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), e.got[:], 0) // an interrupted one found nothing
			return n > 0
		})
		if err != nil {
			return // closed
		}
		var own *conn
		for _, ev := range e.got[:n] {
			c := e.named(ev)
			if c != nil && own != nil {
				own.readable()
			}
			own = cmp.Or(c, own)
		}
		if own != nil {
			go e.run()
			own.readBy(own.hub.serve)
			return
		}
	}
}

// named is the socket that an event is of; nil when it has closed since.
func (e *epoll) named(ev unix.EpollEvent) *conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.slots[ev.Fd]; s.age == ev.Pad {
		return s.c
	}
	return nil
}

func (e *epoll) watch(c *conn) bool {
	if !ofKernel(c.net.Conn) {
		return false
	}
	raw, err := c.net.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	ev, op, ok := e.place(c)
	if !ok {
		return true // nothing comes any more
	}
	if raw.Control(func(fd uintptr) { err = unix.EpollCtl(e.fd, op, int(fd), &ev) }) != nil {
		return true // likewise
	}
	return err == nil
}

// place is the event that names the socket, and what to do with it; not ok when the socket has closed.
func (e *epoll) place(c *conn) (ev unix.EpollEvent, op int, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	op = unix.EPOLL_CTL_MOD
	switch last := len(e.free) - 1; {
	case c.slot == closed:
		return ev, op, false
	case c.slot != noSlot:
	case last >= 0:
		op, c.slot, e.free = unix.EPOLL_CTL_ADD, e.free[last], e.free[:last]
		e.slots[c.slot].c = c
	default:
		op, c.slot = unix.EPOLL_CTL_ADD, int32(len(e.slots))
		e.slots = append(e.slots, slot{c: c})
	}
	return unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: c.slot, Pad: e.slots[c.slot].age}, op, true
}

// forget gives the socket's slot to others.
func (e *epoll) forget(c *conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.slot >= 0 {
		e.slots[c.slot] = slot{age: e.slots[c.slot].age + 1}
		e.free = append(e.free, c.slot)
	}
	c.slot = closed
}

// writeNow writes to a connection of the kernel's as much as it takes without waiting.
func writeNow(nc net.Conn, data []byte) (n int, err error) {
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		n, failed = unix.Write(int(fd), data)
		return true
	})
	if err == nil && failed != unix.EAGAIN && failed != unix.EINTR {
		err = failed
	}
	return max(n, 0), err
}
