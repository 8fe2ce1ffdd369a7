package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

type setter = func(c *Config, value string) error

func text(field func(*Config) *string) setter {
	return func(c *Config, value string) error {
		*field(c) = value
		return nil
	}
}

func oneOf(field func(*Config) *string, allowed ...string) setter {
	return func(c *Config, value string) error {
		if !slices.Contains(allowed, value) {
			return fmt.Errorf("must be one of: %s", strings.Join(allowed, ", "))
		}
		*field(c) = value
		return nil
	}
}

func choice(field func(*Config) *bool, yes, no string) setter {
	return func(c *Config, value string) error {
		if value != yes && value != no {
			return fmt.Errorf("must be %s or %s", yes, no)
		}
		*field(c) = value == yes
		return nil
	}
}

func duration(least time.Duration, field func(*Config) *time.Duration) setter {
	return func(c *Config, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d < least {
			return fmt.Errorf("must be a duration such as 90s, 15m or 24h, at least %s", least)
		}
		*field(c) = d
		return nil
	}
}

func setFenceAfter(c *Config, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d != 0 && d < time.Second {
		return errors.New("must be a duration such as 15s, at least 1s, or 0 for never")
	}
	c.FenceAfter = d
	return nil
}

func setMaxSessions(c *Config, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return errors.New("must be a whole number, at least 1")
	}
	c.MaxSessions = n
	return nil
}

func setLogLevel(c *Config, value string) error {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, ok := levels[value]
	if !ok {
		return errors.New("must be one of: debug, info, warn, error")
	}
	c.LogLevel = level
	return nil
}

func listener(field func(*Config) *string) setter {
	return func(c *Config, value string) error {
		_, port, err := net.SplitHostPort(value)
		if err != nil || !isPort(port) {
			return errors.New("must be an address such as :8080 or 127.0.0.1:8080")
		}
		*field(c) = value
		return nil
	}
}

func isPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

func existing(field func(*Config) *string, folder bool) setter {
	return func(c *Config, value string) error {
		info, err := os.Stat(value)
		switch {
		case folder && (err != nil || !info.IsDir()):
			return errors.New("must name a folder that exists")
		case !folder && (err != nil || info.IsDir()):
			return errors.New("must name a file that exists")
		}
		*field(c) = value
		return nil
	}
}

func setStore(c *Config, value string) error {
	c.Store = value
	if uri, ok := c.MongoURI(); ok {
		_, rest, _ := strings.Cut(uri, "://")
		rest, _, _ = strings.Cut(rest, "?")
		hosts, database, _ := strings.Cut(rest, "/")
		if hosts == "" || database == "" {
			return errors.New("must name a host and a database, as in mongodb://host/database")
		}
		return nil
	}
	if path, ok := c.SQLitePath(); !ok || path == "" || path == ":memory:" {
		return errors.New("must be sqlite:FILE or mongodb://host/database")
	}
	return nil
}

func setRedisURL(c *Config, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" {
		return errors.New("must be redis://host:port/db, or rediss:// for TLS")
	}
	c.RedisURL = value
	return nil
}

var redisPrefix = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// setRedisPrefix refuses braces above all: they are hash tags in a Cluster.
func setRedisPrefix(c *Config, value string) error {
	if !redisPrefix.MatchString(value) {
		return errors.New("must be 1 to 64 letters, digits, or any of . _ : -")
	}
	c.RedisPrefix = value
	return nil
}

func setTrustedProxies(c *Config, value string) error {
	for i, entry := range entries(value) {
		p, err := network(entry)
		if err != nil {
			return fmt.Errorf("must be networks such as 10.0.0.0/8, by comma; entry %d is none", i+1)
		}
		c.TrustedProxies = append(c.TrustedProxies, p)
	}
	return nil
}

// network reads a CIDR, or one address, and writes IPv4 mapped into IPv6 as what it is.
func network(entry string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(entry)
	if err != nil {
		addr, err := netip.ParseAddr(entry)
		if err != nil {
			return netip.Prefix{}, err
		}
		p = netip.PrefixFrom(addr.WithZone(""), addr.BitLen())
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// entries are the parts of a list, without empty ones.
func entries(list string) []string {
	parts := strings.Split(list, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}

func setSMTPURL(c *Config, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" {
		return errors.New("must be smtp://user:password@host:port, or smtps:// for TLS from the start")
	}
	c.SMTPURL = u
	return nil
}

func setMailFrom(c *Config, value string) error {
	from, err := mail.ParseAddress(value)
	if err != nil {
		return errors.New("must be an address such as Gatehouse <no-reply@example.com>")
	}
	c.MailFrom = from
	return nil
}
