package config

import (
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"strings"
)

// follow fills in defaults that follow from other variables.
func (g given) follow(c *Config) {
	if c.AllowedOrigins == nil {
		c.AllowedOrigins = []string{c.PublicURL.String()}
	}
	host := c.PublicURL.Hostname()
	named := !isIP(host)
	if c.WebAuthnRPID == "" && named {
		c.WebAuthnRPID = host
	}
	if c.MailFrom == nil {
		if !named {
			host = "localhost"
		}
		c.MailFrom = &mail.Address{Name: "Gatehouse", Address: "no-reply@" + host}
	}
	if g.value(variable{name: "EMAIL_VERIFICATION"}) == "" {
		c.EmailVerification = c.SMTPURL != nil
	}
}

// check holds the rules about several variables together.
func (g given) check(c Config) error {
	_, mongo := c.MongoURI()
	for _, rule := range []struct {
		broken  bool
		name    string
		problem string
	}{
		{c.RefreshTTL > c.SessionTTL, "REFRESH_TTL", "must not be longer than " + g.name("SESSION_TTL")},
		{mongo && c.Secret == nil, "SECRET", "must be set when " + g.name("STORE") + " is MongoDB"},
		{!mongo && c.RedisURL != "", "REDIS_URL", "needs a mongodb:// store in " + g.name("STORE") + ": SQLite is for one node"},
		{!c.RateLimits && !loopbackListener(c.Listen), "RATE_LIMITS", "must be on unless " + g.name("LISTEN") + " is a loopback address"},
		{!rpIDFits(c), "WEBAUTHN_RP_ID", "must be the host of " + g.name("PUBLIC_URL") + " or a domain above it"},
		{c.Google.ClientID != "" && c.Google.ClientSecret == "", "OAUTH_GOOGLE_CLIENT_SECRET", "must be set with the client id"},
		{c.Google.ClientID == "" && c.Google.ClientSecret != "", "OAUTH_GOOGLE_CLIENT_ID", "must be set with the client secret"},
		{c.GitHub.ClientID != "" && c.GitHub.ClientSecret == "", "OAUTH_GITHUB_CLIENT_SECRET", "must be set with the client id"},
		{c.GitHub.ClientID == "" && c.GitHub.ClientSecret != "", "OAUTH_GITHUB_CLIENT_ID", "must be set with the client secret"},
	} {
		if rule.broken {
			return fmt.Errorf("%s %s", g.name(rule.name), rule.problem)
		}
	}
	return nil
}

// rpIDFits holds an RP ID to the public host or a domain above it (WebAuthn level 3, section 5.1.3), without
// knowing the public suffixes; a single label such as "com" is none.
func rpIDFits(c Config) bool {
	id, host := c.WebAuthnRPID, c.PublicURL.Hostname()
	switch {
	case id == "":
		return true
	case isIP(host):
		return false
	}
	return id == host || strings.Contains(id, ".") && strings.HasSuffix(host, "."+id)
}

func loopbackListener(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && loopback(host)
}

// loopback tells whether a host can only be this machine.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
