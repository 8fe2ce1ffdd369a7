package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var (
	errURL    = errors.New("must be an http or https URL")
	errOrigin = errors.New("must be an origin such as https://app.example.com")
	hostname  = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$`)
)

// setPublicURL refuses plain http beyond loopback, because there is no safe cookie there.
func setPublicURL(c *Config, value string) error {
	u, err := origin(value)
	if err != nil {
		return errors.New("must be a URL without a path such as https://gate.example.com")
	}
	if host := u.Hostname(); u.Scheme == "http" && host != "localhost" && host != "127.0.0.1" && host != "::1" {
		return errors.New("must be https, or http with the host localhost, 127.0.0.1 or [::1]")
	}
	c.PublicURL = u
	return nil
}

func setAllowedOrigins(c *Config, value string) error {
	for i, entry := range entries(value) {
		u, err := origin(entry)
		if err != nil {
			return fmt.Errorf("must be origins such as https://app.example.com, by comma and without *; entry %d is none", i+1)
		}
		if o := u.String(); !slices.Contains(c.AllowedOrigins, o) {
			c.AllowedOrigins = append(c.AllowedOrigins, o)
		}
	}
	return nil
}

func webURL(field func(*Config) **url.URL) setter {
	return func(c *Config, value string) error {
		u, err := parseWeb(value)
		if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return errURL
		}
		u.Path = strings.TrimRight(u.Path, "/")
		*field(c) = u
		return nil
	}
}

// origin reads a URL of nothing but scheme, host and port into the form that browsers send (RFC 6454 section 6.2):
// lower case, without the scheme's own port.
func origin(value string) (*url.URL, error) {
	u, err := parseWeb(value)
	if err != nil {
		return nil, err
	}
	if u.User != nil || u.Path != "" && u.Path != "/" || strings.ContainsAny(value, "?#") {
		return nil, errOrigin
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() && addr.Zone() == "" {
		host = "[" + addr.String() + "]"
	} else if !hostname.MatchString(host) {
		return nil, errOrigin
	}
	if port == "" || u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		return &url.URL{Scheme: u.Scheme, Host: host}, nil
	}
	return &url.URL{Scheme: u.Scheme, Host: host + ":" + port}, nil
}

func parseWeb(value string) (*url.URL, error) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Port() != "" && !isPort(u.Port()) {
		return nil, errURL
	}
	return u, nil
}
