package hub

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"
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

// pace limits what one socket sends. Owned by its read loop.
type pace struct {
	frames    *rate.Limiter
	refused   int         // frames refused in a row
	forbidden []time.Time // of the last minute's forbidden requests
}

func newPace(l *Limits) pace {
	perSecond := rate.Limit(float64(l.FramesPerMinute) / 60)
	return pace{frames: rate.NewLimiter(perSecond, l.FrameBurst)}
}

// frame counts one frame. When it is too many, wait is when the next would be welcome; tired tells that so many
// were refused in a row that the socket must end.
func (p *pace) frame(l *Limits) (wait time.Duration, tired bool) {
	if p.frames.Allow() {
		p.refused = 0
		return 0, false
	}
	p.refused++
	missing := 1 - p.frames.Tokens()
	wait = time.Duration(missing / float64(p.frames.Limit()) * float64(time.Second))
	return max(wait, time.Millisecond), p.refused >= l.RefusedInARow
}

// forbid counts one forbidden request and tells whether that is the last straw.
func (p *pace) forbid(l *Limits, now time.Time) bool {
	recent := p.forbidden[:0]
	for _, t := range p.forbidden {
		if now.Sub(t) < time.Minute {
			recent = append(recent, t)
		}
	}
	p.forbidden = append(recent, now)
	return len(p.forbidden) >= l.ForbiddenPerMinute
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
