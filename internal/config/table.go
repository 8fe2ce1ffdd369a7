package config

import (
	"net/url"
	"strings"
	"time"
)

const prefix = "GATEHOUSE_"

// A variable is one row of the table. Its setter's error says what the value must be and never repeats it, because
// people paste passwords into the wrong variable.
type variable struct {
	name  string // without prefix
	value string // the default; "" for none, or for one that follows from others
	shown string // the default in the help text, where it is not value
	help  string
	set   func(c *Config, value string) error
}

// env is the variable's name in the environment.
func (v variable) env() string { return prefix + v.name }

// flag is its name on the command line, without dashes.
func (v variable) flag() string { return strings.ToLower(strings.ReplaceAll(v.name, "_", "-")) }

var table = []variable{
	{"LISTEN", ":8080", "", "address to listen on",
		listener(func(c *Config) *string { return &c.Listen })},
	{"PUBLIC_URL", "http://localhost:8080", "", "URL under which people reach it; https, except on localhost", setPublicURL},
	{"STORE", "sqlite:./data/gatehouse.db", "", "sqlite:FILE or mongodb://HOST/DATABASE", setStore},
	{"REDIS_URL", "", "", "redis:// or rediss://, to run several nodes; addr= for a Cluster, master_name= for Sentinel", setRedisURL},
	{"REDIS_PREFIX", "gatehouse", "", "what its keys in Redis begin with", setRedisPrefix},
	{"SECRET", "", "a file beside the database", "32 bytes in base64 or hex that protect keys at rest; required with MongoDB",
		secret(func(c *Config) *Secret { return &c.Secret })},
	{"SECRET_PREVIOUS", "", "", "a second secret that opens what is stored, while secrets are exchanged",
		secret(func(c *Config) *Secret { return &c.SecretPrevious })},
	{"ALLOWED_ORIGINS", "", "that of the public URL", "origins of web apps that may call it, by comma", setAllowedOrigins},
	{"TRUSTED_PROXIES", "", "", "networks (CIDR, by comma) whose X-Forwarded-For is believed", setTrustedProxies},

	{"ACCESS_TTL", "15m", "", "life of an access token",
		duration(time.Second, func(c *Config) *time.Duration { return &c.AccessTTL })},
	{"REFRESH_TTL", "168h", "", "life of a session that is not used",
		duration(time.Second, func(c *Config) *time.Duration { return &c.RefreshTTL })},
	{"SESSION_TTL", "720h", "", "life of a session at most",
		duration(time.Second, func(c *Config) *time.Duration { return &c.SessionTTL })},
	{"REFRESH_GRACE", "30s", "", "how long a refresh token just used is answered again",
		duration(0, func(c *Config) *time.Duration { return &c.RefreshGrace })},
	{"STEP_UP_AGE", "10m", "", "how fresh a sign-in must be for sensitive changes",
		duration(time.Second, func(c *Config) *time.Duration { return &c.StepUpAge })},
	{"MAX_SESSIONS", "50", "", "sessions per user; the oldest ends", setMaxSessions},

	{"PRESENCE_GRACE", "3s", "", "how long a device stays online after its last connection",
		duration(0, func(c *Config) *time.Duration { return &c.PresenceGrace })},
	{"PRESENCE_VISIBILITY", PresenceOfSelf, "", "self, or users: who may see whether a user is online",
		oneOf(func(c *Config) *string { return &c.PresenceVisibility }, PresenceOfSelf, PresenceOfUsers)},
	{"NODE_LEASE", "10s", "", "how long a silent node counts as alive",
		duration(time.Second, func(c *Config) *time.Duration { return &c.NodeLease })},
	{"FENCE_AFTER", "15s", "", "a node cut off for longer admits nobody; 0 for never", setFenceAfter},
	{"DRAIN_WINDOW", "10s", "", "over how long a stopping node sends its sockets away",
		duration(time.Second, func(c *Config) *time.Duration { return &c.DrainWindow })},

	{"SIGNUP", "open", "", "open or closed: whether people may register",
		choice(func(c *Config) *bool { return &c.SignupOpen }, "open", "closed")},
	{"EMAIL_VERIFICATION", "", "required with SMTP, else off", "off or required: whether an address is verified before signing in",
		choice(func(c *Config) *bool { return &c.EmailVerification }, "required", "off")},
	{"REQUIRE_MFA", RequireMFAOff, "", "off, staff or all: who must have a second factor",
		oneOf(func(c *Config) *string { return &c.RequireMFA }, RequireMFAOff, RequireMFAStaff, RequireMFAAll)},
	{"RATE_LIMITS", "on", "", "on or off: request limits; off only on a loopback listener",
		choice(func(c *Config) *bool { return &c.RateLimits }, "on", "off")},
	{"WEBAUTHN_RP_ID", "", "host of the public URL", "domain that passkeys are bound to",
		text(func(c *Config) *string { return &c.WebAuthnRPID })},

	{"OAUTH_GOOGLE_CLIENT_ID", "", "", "OAuth client at Google",
		text(func(c *Config) *string { return &c.Google.ClientID })},
	{"OAUTH_GOOGLE_CLIENT_SECRET", "", "", "and its secret",
		text(func(c *Config) *string { return &c.Google.ClientSecret })},
	{"OAUTH_GOOGLE_ISSUER", "https://accounts.google.com", "", "another OpenID Connect issuer in its place",
		webURL(func(c *Config) **url.URL { return &c.Google.Issuer })},
	{"OAUTH_GITHUB_CLIENT_ID", "", "", "OAuth client at GitHub",
		text(func(c *Config) *string { return &c.GitHub.ClientID })},
	{"OAUTH_GITHUB_CLIENT_SECRET", "", "", "and its secret",
		text(func(c *Config) *string { return &c.GitHub.ClientSecret })},
	{"OAUTH_GITHUB_URL", "https://github.com", "", "another GitHub in its place",
		webURL(func(c *Config) **url.URL { return &c.GitHub.URL })},
	{"OAUTH_GITHUB_API_URL", "https://api.github.com", "", "and its API",
		webURL(func(c *Config) **url.URL { return &c.GitHub.APIURL })},

	{"SMTP_URL", "", "", "smtp:// or smtps://USER:PASSWORD@HOST:PORT that takes mail", setSMTPURL},
	{"MAIL_FROM", "", "no-reply@ the public host", "sender of mail", setMailFrom},
	{"MAIL_DIR", "./data/mail", "", "folder for mail as files, without SMTP",
		text(func(c *Config) *string { return &c.MailDir })},
	{"MAIL_TEMPLATES", "", "", "folder of mail templates that replace the built-in ones",
		existing(func(c *Config) *string { return &c.MailTemplates }, true)},
	{"GEOIP_DB", "", "", "location database (.mmdb)",
		existing(func(c *Config) *string { return &c.GeoIPDB }, false)},
	{"AUDIT_RETENTION", "8760h", "", "how long the audit trail is kept",
		duration(time.Second, func(c *Config) *time.Duration { return &c.AuditRetention })},
	{"WEBHOOK_ALLOW_PRIVATE", "false", "", "true or false: whether webhooks may go to private addresses",
		choice(func(c *Config) *bool { return &c.WebhookAllowPrivate }, "true", "false")},

	{"LOG", LogText, "", "text or json",
		oneOf(func(c *Config) *string { return &c.LogFormat }, LogText, LogJSON)},
	{"LOG_LEVEL", "info", "", "debug, info, warn or error", setLogLevel},
	{"METRICS_LISTEN", "", "main listener, loopback peers", "address to serve /metrics on",
		listener(func(c *Config) *string { return &c.MetricsListen })},
}
