package clientaddr

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// How many requests make it certain, and how often it is said.
const (
	certain  = 20
	sayEvery = time.Hour
)

// Undeclared notices a proxy that nobody declared as trusted: every client then has its one private address, and all of
// them share the limits of one. The zero value is ready; it is safe for concurrent use.
type Undeclared struct {
	mu   sync.Mutex // guards the following
	peer netip.Addr // the one private address behind which X-Forwarded-For names others
	seen int
	last time.Time
	said time.Time
}

// See looks at a request. It tells the proxy's address when that is certain and was not said for an hour.
func (u *Undeclared) See(v Resolver, r *http.Request, now time.Time) (proxy netip.Addr, say bool) {
	from := peer(r)
	if v.trusts(from) {
		return proxy, false
	}
	forwarded := r.Header.Get("X-Forwarded-For") != "" && private(from)
	u.mu.Lock()
	defer u.mu.Unlock()
	if from != u.peer { // there is more than one
		u.peer, u.seen = from, 0
	}
	if !forwarded { // from beside the proxy
		return proxy, false
	}
	u.seen, u.last = u.seen+1, now
	if u.seen < certain || !u.said.IsZero() && now.Sub(u.said) < sayEvery {
		return proxy, false
	}
	u.said = now
	return from, true
}

// Certain tells whether it is so, as far as the last hour shows.
func (u *Undeclared) Certain(now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen >= certain && now.Sub(u.last) < sayEvery
}

func private(addr netip.Addr) bool {
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast()
}
