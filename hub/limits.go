package hub

import (
	"net/netip"
	"time"
)

// Limits bound what sockets may cost. A zero field has the default in its comment.
type Limits struct {
	PingInterval time.Duration // 25 s
	PongTimeout  time.Duration // 10 s: from a ping to any client frame
	AuthTimeout  time.Duration // 5 s: for the first frame of a socket without credential
	Linger       time.Duration // 25 s: how long a socket outlives its authority, limited
	WriteTimeout time.Duration // 5 s per frame
	MFATimeout   time.Duration // 300 s: for a second factor that is owed
	QueueBytes   int           // 256 KiB of messages and changes that wait for one socket; answers may double it

	PerSession      int // 50 connections
	PerUser         int // 200 connections
	Unauthenticated int // 20 sockets without credential per address (/64 for IPv6)

	FramesPerMinute    int // 100 client frames
	FrameBurst         int // 20
	RefusedInARow      int // 10 refused frames end the socket
	WrongCodes         int // 3 wrong codes in a row end the socket
	ForbiddenPerMinute int // 10 forbidden requests end the socket

	DrainWindow     time.Duration // 10 s: over which Shutdown spreads the closes; negative: at once
	ReconnectSpread time.Duration // 1.5 s: the largest reconnect.after_ms
}

// closeGrace is how long a closing socket may take for its last frames, closeWait for the peer's answer.
const (
	closeGrace = 300 * time.Millisecond
	closeWait  = time.Second
)

// ioTimeout bounds what a socket asks of the interfaces of Config.
const ioTimeout = 5 * time.Second

// comeBackLater is the retry_after of a refusal that would repeat itself if the client came back at once.
const comeBackLater = 30 * time.Second

func (l Limits) withDefaults() Limits {
	orDuration := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	orInt := func(n *int, def int) {
		if *n == 0 {
			*n = def
		}
	}
	orDuration(&l.PingInterval, 25*time.Second)
	orDuration(&l.PongTimeout, 10*time.Second)
	orDuration(&l.AuthTimeout, 5*time.Second)
	orDuration(&l.Linger, 25*time.Second)
	orDuration(&l.WriteTimeout, 5*time.Second)
	orDuration(&l.MFATimeout, 5*time.Minute)
	orInt(&l.QueueBytes, 256<<10)
	orInt(&l.PerSession, 50)
	orInt(&l.PerUser, 200)
	orInt(&l.Unauthenticated, 20)
	orInt(&l.FramesPerMinute, 100)
	orInt(&l.FrameBurst, 20)
	orInt(&l.RefusedInARow, 10)
	orInt(&l.WrongCodes, 3)
	orInt(&l.ForbiddenPerMinute, 10)
	orDuration(&l.DrainWindow, 10*time.Second)
	orDuration(&l.ReconnectSpread, 1500*time.Millisecond)
	return l
}

// pace limits what one socket sends. Owned by whoever reads it. The rate is kept as the instant by which all of the
// burst is there again (the "theoretical arrival time" of the generic cell rate algorithm): a token bucket in eight
// bytes.
type pace struct {
	full     instant
	offences *offences // nil: none yet
}

// offences are what a socket did that it should not. It ends when they are too many.
type offences struct {
	refused   int         // frames refused in a row
	wrong     int         // wrong codes in a row
	forbidden []time.Time // of the last minute's forbidden requests
}

func (p *pace) record() *offences {
	if p.offences == nil {
		p.offences = &offences{}
	}
	return p.offences
}

// frame counts one frame. When it is too many, wait is when the next would be welcome; tired tells that so many
// were refused in a row that the socket must end.
func (p *pace) frame(l *Limits, now instant) (wait time.Duration, tired bool) {
	each := instant(time.Minute) / instant(l.FramesPerMinute)
	full := max(p.full, now) + each
	if over := full - now - each*instant(l.FrameBurst); over > 0 {
		o := p.record()
		o.refused++
		return max(time.Duration(over), time.Millisecond), o.refused >= l.RefusedInARow
	}
	if p.full = full; p.offences != nil {
		p.offences.refused = 0
	}
	return 0, false
}

// forbid counts one forbidden request and tells whether that is the last straw.
func (p *pace) forbid(l *Limits, now time.Time) bool {
	o := p.record()
	recent := o.forbidden[:0]
	for _, t := range o.forbidden {
		if now.Sub(t) < time.Minute {
			recent = append(recent, t)
		}
	}
	o.forbidden = append(recent, now)
	return len(o.forbidden) >= l.ForbiddenPerMinute
}

// mistake counts a wrong code and tells whether that is the last straw.
func (p *pace) mistake(l *Limits) bool {
	o := p.record()
	o.wrong++
	return o.wrong >= l.WrongCodes
}

// right says that a code was good.
func (p *pace) right() {
	if p.offences != nil {
		p.offences.wrong = 0
	}
}

// neighbourhood is what counts as one address: all of IPv4, the /64 of IPv6.
func neighbourhood(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
