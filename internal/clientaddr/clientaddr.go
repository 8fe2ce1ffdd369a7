// Package clientaddr tells the address of the client behind a request, believing forwarding headers only from
// proxies that are trusted.
package clientaddr

import (
	"net/http"
	"net/netip"
	"strings"
)

// Resolver knows which peers may speak for others. The zero value trusts nobody.
type Resolver struct {
	Trusted []netip.Prefix // of IPv4 in IPv4 form, not mapped into IPv6
}

// Of is the address of the client: the socket's peer, unless that is trusted; then the nearest address in
// X-Forwarded-For, seen from here, that is not. Where all of them are trusted it is the farthest, and what stands
// left of an element that is no address counts for nothing. Of a peer without an address, such as a Unix socket,
// it is the zero Addr.
func (v Resolver) Of(r *http.Request) netip.Addr {
	client := peer(r)
	if !v.trusts(client) {
		return client
	}
	lines := r.Header.Values("X-Forwarded-For")
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var element string
			rest, element, more = cutLast(rest)
			if element == "" {
				continue // RFC 9110 section 5.6.1: empty list elements are ignored
			}
			addr, ok := parse(element)
			if !ok {
				return client
			}
			if client = addr; !v.trusts(client) {
				return client
			}
		}
	}
	return client
}

// Proxied tells whether a request comes from a peer that is trusted to say for whom.
func (v Resolver) Proxied(r *http.Request) bool { return v.trusts(peer(r)) }

// Forwarded tells whether a request that comes from an untrusted peer says that it was forwarded. Its peer is then
// a proxy that nobody declared, and not the client.
func (v Resolver) Forwarded(r *http.Request) bool {
	if v.trusts(peer(r)) {
		return false
	}
	for name := range r.Header {
		switch {
		case name == "Forwarded", name == "Via", name == "X-Real-Ip", strings.HasPrefix(name, "X-Forwarded-"):
			return true
		}
	}
	return false
}

// Key is what limits count by: the address, or the /64 of an IPv6 address, because that is the least a subscriber has.
func Key(addr netip.Addr) string {
	addr = addr.Unmap()
	switch {
	case !addr.IsValid():
		return "unknown"
	case addr.Is6():
		return netip.PrefixFrom(addr.WithZone(""), 64).Masked().String()
	}
	return addr.String()
}

func (v Resolver) trusts(addr netip.Addr) bool {
	for _, p := range v.Trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

func peer(r *http.Request) netip.Addr {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return plain(addr.Addr())
}

// parse reads an element as proxies write them: an address, perhaps in brackets, perhaps with a port.
func parse(element string) (netip.Addr, bool) {
	if inner, ok := strings.CutPrefix(element, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			element = inner
		}
	}
	if addr, err := netip.ParseAddr(element); err == nil {
		return plain(addr), true
	}
	addr, err := netip.ParseAddrPort(element)
	return plain(addr.Addr()), err == nil
}

// plain takes away what makes one host look like several: the IPv6 mapping of IPv4, and the zone.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

func cutLast(list string) (rest, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", strings.TrimSpace(list), false
	}
	return list[:i], strings.TrimSpace(list[i+1:]), true
}
