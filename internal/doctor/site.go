package doctor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
)

// site compares where people come to with where it listens.
func (x *examination) site() {
	public, secure := x.cfg.PublicURL, x.cfg.SecureCookies()
	host, port, err := net.SplitHostPort(x.cfg.Listen)
	if err != nil {
		x.add(Problem, "listener", err.Error(), "set GATEHOUSE_LISTEN to host:port or :port")
		return
	}
	if secure {
		x.add(OK, "listener", fmt.Sprintf("%s comes to %s through a proxy that ends TLS", public, x.cfg.Listen), "")
		return
	}
	want := public.Port()
	if want == "" {
		want = "80"
	}
	if port != "0" && port != want {
		x.add(Warning, "listener", fmt.Sprintf("people come to %s, it listens on %s", public, x.cfg.Listen), "let GATEHOUSE_PUBLIC_URL and GATEHOUSE_LISTEN have one port")
		return
	}
	if !loopback(host) {
		x.add(OK, "listener", fmt.Sprintf("%s is for this machine; %s also hears others, who cannot use it without https", public, x.cfg.Listen), "")
		return
	}
	x.add(OK, "listener", fmt.Sprintf("%s comes to %s directly", public, x.cfg.Listen), "")
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// proxies judges whom it believes who the client is.
func (x *examination) proxies() {
	host, _, _ := net.SplitHostPort(x.cfg.Listen)
	trusted := x.cfg.TrustedProxies
	const name = "name the proxy's address in GATEHOUSE_TRUSTED_PROXIES"
	switch {
	case len(trusted) == 0 && x.cfg.SecureCookies():
		x.add(Warning, "proxies", "no proxy is trusted, yet https needs one: all clients have its address, and share the limits of one", name)
	case len(trusted) == 0:
		x.add(OK, "proxies", "none is trusted: clients are who they connect as", "")
	case wide(trusted) != "":
		x.add(Problem, "proxies", wide(trusted)+" is trusted: anybody may say which address he has, and escape every limit", name+", and no more")
	case loopback(host) && !contains(trusted, host):
		x.add(Warning, "proxies", "the listener hears this machine only, and this machine is not trusted", "add 127.0.0.1/32 to GATEHOUSE_TRUSTED_PROXIES")
	default:
		x.add(OK, "proxies", fmt.Sprintf("%d network(s) trusted", len(trusted)), "")
	}
}

// wide is a trusted network that holds more public addresses than anybody's proxies have, or "".
func wide(networks []netip.Prefix) string {
	for _, n := range networks {
		most := 12 // of IPv4, where the largest of private use has 8
		if n.Addr().Is6() {
			most = 24
		}
		if n.Bits() < most && !n.Addr().IsPrivate() && !n.Addr().IsLoopback() {
			return n.String()
		}
	}
	return ""
}

func contains(networks []netip.Prefix, host string) bool {
	if host == "localhost" {
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddr(host)
	for _, n := range networks {
		if err == nil && n.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}

func (x *examination) limits() {
	if !x.cfg.RateLimits {
		x.add(Warning, "limits", "requests are not limited", "unset GATEHOUSE_RATE_LIMITS, unless this is a load test")
	}
	if host, _, err := net.SplitHostPort(x.cfg.MetricsListen); err == nil && !loopback(host) {
		x.add(Warning, "metrics", x.cfg.MetricsListen+" shows metrics to whoever reaches it", "let GATEHOUSE_METRICS_LISTEN be an address that only the monitoring reaches")
	}
}

// server asks the server that listens now, if there is one, and the public URL, if it does.
func (x *examination) server(ctx context.Context) {
	base := local(x.cfg.Listen)
	if base == "" {
		return
	}
	status, ours, err := x.ask(ctx, base+"/readyz")
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		x.add(OK, "server", "none runs on "+x.cfg.Listen+" now", "")
		return
	case err != nil || !ours:
		x.add(Problem, "server", "something else than gatehouse listens on "+x.cfg.Listen, "stop it, or choose another GATEHOUSE_LISTEN")
		return
	case status != http.StatusOK:
		x.add(Problem, "server", fmt.Sprintf("it runs on %s and is not ready (%d)", x.cfg.Listen, status), "its log says why; it may be starting or draining")
	default:
		x.add(OK, "server", "it runs on "+x.cfg.Listen+" and is ready", "")
	}
	x.clients(ctx, base)
	if _, ours, err := x.ask(ctx, x.cfg.PublicURL.String()+"/healthz"); err != nil {
		x.add(Warning, "public url", fmt.Sprintf("%s cannot be reached from here: %v", x.cfg.PublicURL, err), "look at DNS, proxy and certificate, if people cannot either")
	} else if !ours {
		x.add(Warning, "public url", x.cfg.PublicURL.String()+" is answered by something else", "let the proxy pass every path to "+x.cfg.Listen+"")
	} else {
		x.add(OK, "public url", x.cfg.PublicURL.String()+" leads to it", "")
	}
}

// clients reads from the running server whether all of its clients seem to be one.
func (x *examination) clients(ctx context.Context, base string) {
	if x.cfg.MetricsListen != "" {
		base = local(x.cfg.MetricsListen)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/metrics", nil)
	if err != nil {
		return
	}
	resp, err := x.client.Do(r)
	if err != nil {
		return // who may not see metrics learns nothing more here
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(io.LimitReader(resp.Body, 8<<20)); lines.Scan(); {
		if lines.Text() == "gatehouse_undeclared_proxy 1" {
			x.add(Problem, "clients", "every client of the running server is one private address, and X-Forwarded-For names others: they share the limits of one",
				"name the proxy's address in GATEHOUSE_TRUSTED_PROXIES, and restart")
			return
		}
	}
}

// local is the URL of a listener on this machine; "" where the kernel chooses the port.
func local(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "0" {
		return ""
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// ask tells how a URL answers, and whether that is a Gatehouse.
func (x *examination) ask(ctx context.Context, url string) (status int, ours bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, false, err
	}
	resp, err := x.client.Do(r)
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	ours = strings.Contains(string(body), `"status":"ready"`) || strings.Contains(string(body), `"status":"ok"`) ||
		strings.Contains(string(body), `"code":"unavailable"`)
	return resp.StatusCode, ours, nil
}
