package webhook

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// closed are the networks beside those that netip knows by name which are nobody's on the Internet, or where somebody
// else's gateway would be asked for an address inside.
var closed = prefixes(
	"0.0.0.0/8",      // this network, RFC 791
	"100.64.0.0/10",  // shared by carriers, RFC 6598
	"192.0.0.0/24",   // protocol assignments, RFC 6890
	"198.18.0.0/15",  // benchmarks, RFC 2544
	"240.0.0.0/4",    // reserved, RFC 1112, and broadcast
	"::/96",          // IPv4-compatible, RFC 4291
	"64:ff9b:1::/48", // local translation, RFC 8215
	"2001::/32",      // Teredo, RFC 4380
	"fec0::/10",      // site-local, RFC 3879
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

var (
	translated = netip.MustParsePrefix("64:ff9b::/96") // NAT64, RFC 6052
	sixToFour  = netip.MustParsePrefix("2002::/16")    // RFC 3056
)

// private tells whether an address is not one of the public Internet.
func private(addr netip.Addr) bool {
	addr = inner(addr.Unmap().WithZone(""))
	return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() || addr.IsMulticast() ||
		slices.ContainsFunc(closed, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// inner is the IPv4 address that an IPv6 address leads to, where it does.
func inner(addr netip.Addr) netip.Addr {
	raw := addr.As16()
	switch {
	case !addr.Is6():
		return addr
	case translated.Contains(addr):
		return netip.AddrFrom4([4]byte(raw[12:]))
	case sixToFour.Contains(addr):
		return netip.AddrFrom4([4]byte(raw[2:6]))
	}
	return addr
}

const (
	maxURL        = 2048
	lookupTimeout = 2 * time.Second
)

// checkURL refuses what is not a URL to post to, and private targets. A name that does not resolve just now is taken:
// what counts is the address that is dialled.
func (s *Service) checkURL(ctx context.Context, text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return fault.Field("url", "is required")
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.Opaque != "", len(text) > maxURL, !isPort(u.Port()):
		return fault.Field("url", "must be an http or https URL")
	case u.User != nil:
		return fault.Field("url", "must not hold a user or password")
	case strings.Contains(text, "#"):
		return fault.Field("url", "must not have a fragment")
	case !s.AllowPrivate && leadsInside(ctx, u.Hostname()):
		return fault.Field("url", "must not lead to a private address")
	}
	return nil
}

// isPort tells whether text is a port, or none.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && n > 0
}

// leadsInside tells whether a host is, or resolves to, a private address.
func leadsInside(ctx context.Context, host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return private(addr)
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	return err == nil && slices.ContainsFunc(addrs, private)
}
