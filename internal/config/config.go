// Package config reads the settings of a process from flags and GATEHOUSE_ environment variables. One table holds
// them all: it makes the flags, the help text and the checks.
package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// The values of RequireMFA, PresenceVisibility and LogFormat.
const (
	RequireMFAOff   = "off"
	RequireMFAStaff = "staff"
	RequireMFAAll   = "all"

	PresenceOfSelf  = "self"
	PresenceOfUsers = "users"

	LogText = "text"
	LogJSON = "json"
)

// What a store's name begins with.
const (
	sqlitePrefix       = "sqlite:"
	mongoPrefix        = "mongodb://"
	mongoClusterPrefix = "mongodb+srv://"
)

// Config is every setting, checked. It prints as its name only, because it holds secrets.
type Config struct {
	// Where it listens and is found.
	Listen         string         // host:port
	MetricsListen  string         // host:port, or "" for /metrics on the main listener
	PublicURL      *url.URL       // scheme and host only, so that its String is its origin
	AllowedOrigins []string       // scheme://host[:port], as browsers write it; never empty
	TrustedProxies []netip.Prefix // masked, IPv4 in IPv4 form

	// Where facts live.
	Store          string // as given; see SQLitePath and MongoURI
	RedisURL       string // "" for one node
	RedisPrefix    string
	Secret         Secret // nil until LoadSecret where a file holds it
	SecretPrevious Secret // nil when none

	// How long things live.
	AccessTTL    time.Duration
	RefreshTTL   time.Duration // sliding
	SessionTTL   time.Duration // absolute
	RefreshGrace time.Duration
	StepUpAge    time.Duration
	MaxSessions  int // per user

	// Nodes and presence.
	PresenceGrace      time.Duration
	PresenceVisibility string
	NodeLease          time.Duration
	FenceAfter         time.Duration // 0 means never
	DrainWindow        time.Duration

	// Who may come in, and how.
	SignupOpen        bool
	EmailVerification bool // required before the first sign-in
	RequireMFA        string
	RateLimits        bool
	WebAuthnRPID      string // "" where the public host is an IP address: there are no passkeys then
	Google            OAuthGoogle
	GitHub            OAuthGitHub

	// Mail, places, records.
	SMTPURL             *url.URL // nil: mails become files in MailDir
	MailFrom            *mail.Address
	MailDir             string
	MailTemplates       string // a folder, or ""
	GeoIPDB             string // a file, or ""
	AuditRetention      time.Duration
	WebhookAllowPrivate bool

	LogFormat string
	LogLevel  slog.Level
}

// OAuthGoogle is the client registered at Google, or at another issuer that speaks OpenID Connect.
type OAuthGoogle struct {
	ClientID, ClientSecret string
	Issuer                 *url.URL
}

// OAuthGitHub is the client registered at GitHub, or at a GitHub Enterprise server.
type OAuthGitHub struct {
	ClientID, ClientSecret string
	URL, APIURL            *url.URL
}

// Enabled tells whether the provider is configured.
func (o OAuthGoogle) Enabled() bool { return o.ClientID != "" }

// Enabled tells whether the provider is configured.
func (o OAuthGitHub) Enabled() bool { return o.ClientID != "" }

// SQLitePath is the database file, where the store is one.
func (c Config) SQLitePath() (path string, ok bool) { return strings.CutPrefix(c.Store, sqlitePrefix) }

// MongoURI is the connection string, where the store is MongoDB. It may hold a password.
func (c Config) MongoURI() (uri string, ok bool) {
	return c.Store, strings.HasPrefix(c.Store, mongoPrefix) || strings.HasPrefix(c.Store, mongoClusterPrefix)
}

// SecureCookies tells whether cookies have the Secure attribute and the __Host- prefix. Plain http is for loopback
// hosts only.
func (c Config) SecureCookies() bool { return c.PublicURL.Scheme == "https" }

// Format prints no member.
func (c Config) Format(f fmt.State, _ rune) { io.WriteString(f, "[config]") }

// LogValue logs no member.
func (c Config) LogValue() slog.Value { return slog.StringValue("[config]") }
