package config

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const hexSecret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

func load(t *testing.T, args []string, env ...string) Config {
	t.Helper()
	c, err := Load(args, env, func(w string) { t.Errorf("warned: %s", w) })
	if err != nil {
		t.Fatalf("Load(%v, %v): %v", args, env, err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := load(t, nil)
	for name, pair := range map[string][2]any{
		"Listen":             {c.Listen, ":8080"},
		"MetricsListen":      {c.MetricsListen, ""},
		"PublicURL":          {c.PublicURL.String(), "http://localhost:8080"},
		"AllowedOrigins":     {fmt.Sprint(c.AllowedOrigins), "[http://localhost:8080]"},
		"SecureCookies":      {c.SecureCookies(), false},
		"Secret":             {c.Secret == nil, true},
		"AccessTTL":          {c.AccessTTL, 15 * time.Minute},
		"RefreshTTL":         {c.RefreshTTL, 7 * 24 * time.Hour},
		"SessionTTL":         {c.SessionTTL, 30 * 24 * time.Hour},
		"RefreshGrace":       {c.RefreshGrace, 30 * time.Second},
		"StepUpAge":          {c.StepUpAge, 10 * time.Minute},
		"MaxSessions":        {c.MaxSessions, 50},
		"PresenceGrace":      {c.PresenceGrace, 3 * time.Second},
		"PresenceVisibility": {c.PresenceVisibility, PresenceOfSelf},
		"NodeLease":          {c.NodeLease, 10 * time.Second},
		"FenceAfter":         {c.FenceAfter, 15 * time.Second},
		"DrainWindow":        {c.DrainWindow, 10 * time.Second},
		"SignupOpen":         {c.SignupOpen, true},
		"EmailVerification":  {c.EmailVerification, false},
		"RequireMFA":         {c.RequireMFA, RequireMFAOff},
		"RateLimits":         {c.RateLimits, true},
		"WebAuthnRPID":       {c.WebAuthnRPID, "localhost"},
		"Google":             {c.Google.Enabled(), false},
		"GitHub":             {c.GitHub.Enabled(), false},
		"MailFrom":           {c.MailFrom.Address, "no-reply@localhost"},
		"MailDir":            {c.MailDir, "./data/mail"},
		"AuditRetention":     {c.AuditRetention, 365 * 24 * time.Hour},
		"RedisPrefix":        {c.RedisPrefix, "gatehouse"},
		"LogFormat":          {c.LogFormat, LogText},
		"LogLevel":           {c.LogLevel, slog.LevelInfo},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s = %v, want %v", name, pair[0], pair[1])
		}
	}
	if path, ok := c.SQLitePath(); !ok || path != "./data/gatehouse.db" {
		t.Errorf("SQLitePath = %q, %v", path, ok)
	}
	if _, ok := c.MongoURI(); ok {
		t.Error("the default store is MongoDB")
	}
}

func TestAFlagBeatsTheEnvironment(t *testing.T) {
	c := load(t, []string{"--refresh-ttl", "2h", "-store=sqlite:/x.db", "--log="},
		"GATEHOUSE_REFRESH_TTL=3h", "GATEHOUSE_STORE=sqlite:/y.db", "GATEHOUSE_LOG=json", "GATEHOUSE_ACCESS_TTL=1m", "GATEHOUSE_ACCESS_TTL=2m", "GATEHOUSE_MAX_SESSIONS=")
	path, _ := c.SQLitePath()
	if c.RefreshTTL != 2*time.Hour || path != "/x.db" || c.LogFormat != LogText {
		t.Errorf("refresh TTL %s, store %s, log %s: want those of the flags", c.RefreshTTL, path, c.LogFormat)
	}
	if c.AccessTTL != 2*time.Minute || c.MaxSessions != 50 {
		t.Errorf("access TTL %s, max sessions %d: want the later entry, and the default for an empty one", c.AccessTTL, c.MaxSessions)
	}
}

func TestValues(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "geo.mmdb")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env   string
		field func(Config) any
		want  any
	}{
		{"PUBLIC_URL=HTTPS://Gate.Example.com:443/", func(c Config) any { return c.PublicURL.String() }, "https://gate.example.com"},
		{"PUBLIC_URL=https://gate.example.com", func(c Config) any { return c.SecureCookies() }, true},
		{"PUBLIC_URL=https://gate.example.com", func(c Config) any { return c.WebAuthnRPID }, "gate.example.com"},
		{"PUBLIC_URL=https://gate.example.com", func(c Config) any { return c.MailFrom.Address }, "no-reply@gate.example.com"},
		{"PUBLIC_URL=http://127.0.0.1:9000", func(c Config) any { return c.WebAuthnRPID }, ""},
		{"PUBLIC_URL=http://[0:0::1]:9000", func(c Config) any { return c.PublicURL.String() }, "http://[::1]:9000"},
		{"ALLOWED_ORIGINS=https://App.example.com/, http://localhost:5173,https://app.example.com:443", func(c Config) any { return c.AllowedOrigins },
			[]string{"https://app.example.com", "http://localhost:5173"}},
		{"TRUSTED_PROXIES=10.1.2.3/8, 192.0.2.1,::ffff:172.16.0.0/108,2001:db8::1/32", func(c Config) any { return c.TrustedProxies },
			[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("2001:db8::/32")}},
		{"FENCE_AFTER=0", func(c Config) any { return c.FenceAfter }, time.Duration(0)},
		{"PRESENCE_GRACE=0s", func(c Config) any { return c.PresenceGrace }, time.Duration(0)},
		{"REFRESH_GRACE=0", func(c Config) any { return c.RefreshGrace }, time.Duration(0)},
		{"SIGNUP=closed", func(c Config) any { return c.SignupOpen }, false},
		{"SMTP_URL=smtp://u:p@mail.example.com:587", func(c Config) any { return c.EmailVerification }, true},
		{"EMAIL_VERIFICATION=required", func(c Config) any { return c.EmailVerification }, true},
		{"MAIL_FROM=The Gate <gate@example.com>", func(c Config) any { return c.MailFrom.Name + "|" + c.MailFrom.Address }, "The Gate|gate@example.com"},
		{"GEOIP_DB=" + file, func(c Config) any { return c.GeoIPDB }, file},
		{"MAIL_TEMPLATES=" + dir, func(c Config) any { return c.MailTemplates }, dir},
		{"LOG_LEVEL=debug", func(c Config) any { return c.LogLevel }, slog.LevelDebug},
		{"OAUTH_GITHUB_URL=http://127.0.0.1:1/base/", func(c Config) any { return c.GitHub.URL.String() }, "http://127.0.0.1:1/base"},
		{"SECRET=" + hexSecret, func(c Config) any { return len(c.Secret) }, 32},
		{"LISTEN=[::1]:0", func(c Config) any { return c.Listen }, "[::1]:0"},
	} {
		if got := c.field(load(t, nil, prefix+c.env)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s gives %v, want %v", c.env, got, c.want)
		}
	}
	off := load(t, nil, "GATEHOUSE_SMTP_URL=smtps://mail.example.com", "GATEHOUSE_EMAIL_VERIFICATION=off")
	if off.EmailVerification {
		t.Error("verification is on though it was switched off")
	}
	mongo := load(t, nil, "GATEHOUSE_STORE=mongodb://u:p@a:1,b:2/db?replicaSet=x", "GATEHOUSE_SECRET="+hexSecret, "GATEHOUSE_REDIS_URL=rediss://r:6379?addr=s:6379",
		"GATEHOUSE_WEBAUTHN_RP_ID=localhost")
	if uri, ok := mongo.MongoURI(); !ok || uri != "mongodb://u:p@a:1,b:2/db?replicaSet=x" {
		t.Errorf("MongoURI = %q, %v", uri, ok)
	}
	if _, ok := mongo.SQLitePath(); ok {
		t.Error("a MongoDB store has a SQLite path")
	}
	load(t, nil, "GATEHOUSE_RATE_LIMITS=off", "GATEHOUSE_LISTEN=localhost:1")
	load(t, nil, "GATEHOUSE_RATE_LIMITS=off", "GATEHOUSE_LISTEN=127.0.0.9:1")
	load(t, nil, "GATEHOUSE_PUBLIC_URL=https://gate.example.com", "GATEHOUSE_WEBAUTHN_RP_ID=example.com")
}

// wrong values stop the start. The first entry is the variable at fault.
var wrong = []string{
	"LISTEN=nonsense", "LISTEN=127.0.0.1:99999", "LISTEN=:http", "METRICS_LISTEN=nope",
	"PUBLIC_URL=localhost", "PUBLIC_URL=ftp://example.com", "PUBLIC_URL=http://example.com", "PUBLIC_URL=http://127.0.0.2", "PUBLIC_URL=https://a/path",
	"PUBLIC_URL=https://u:hunter2@a", "PUBLIC_URL=https://a?", "PUBLIC_URL=https://a:99999", "PUBLIC_URL=https://bücher.example", "PUBLIC_URL=https://",
	"STORE=postgres://u:hunter2@localhost/x", "STORE=sqlite:", "STORE=sqlite::memory:", "STORE=mongodb://u:hunter2@host", "STORE=mongodb:///db",
	"REDIS_URL=http://u:hunter2@localhost", "REDIS_URL=redis://u:hunter2@[", "REDIS_URL=redis://u:hunter2@localhost", "REDIS_PREFIX={a}",
	"SECRET=hunter2-hunter2-hunter2", "SECRET=" + hexSecret + "00", "SECRET_PREVIOUS=hunter2", "SECRET=hunter2!hunter2!hunter2!hunter2!hunter2!hun",
	"ALLOWED_ORIGINS=localhost:3000", "ALLOWED_ORIGINS=*", "ALLOWED_ORIGINS=https://*.example.com", "ALLOWED_ORIGINS=null", "ALLOWED_ORIGINS=https://a/path",
	"ALLOWED_ORIGINS=https://ok.example.com,https://u:hunter2@a",
	"TRUSTED_PROXIES=10.0.0.0/99", "TRUSTED_PROXIES=proxy.local",
	"ACCESS_TTL=soon", "ACCESS_TTL=0", "ACCESS_TTL=-5m", "ACCESS_TTL=999ms", "REFRESH_TTL=x", "SESSION_TTL=1", "REFRESH_TTL=721h", "REFRESH_GRACE=-1s",
	"STEP_UP_AGE=0s", "MAX_SESSIONS=0", "MAX_SESSIONS=many", "PRESENCE_GRACE=abc", "PRESENCE_VISIBILITY=all", "NODE_LEASE=0s",
	"FENCE_AFTER=-1s", "FENCE_AFTER=500ms", "DRAIN_WINDOW=abc", "AUDIT_RETENTION=0",
	"SIGNUP=maybe", "EMAIL_VERIFICATION=maybe", "REQUIRE_MFA=admins", "RATE_LIMITS=maybe", "RATE_LIMITS=off", "WEBHOOK_ALLOW_PRIVATE=yes",
	"WEBAUTHN_RP_ID=https://example.com", "WEBAUTHN_RP_ID=example.com", "WEBAUTHN_RP_ID=com PUBLIC_URL=https://example.com",
	"WEBAUTHN_RP_ID=0.0.1 PUBLIC_URL=http://127.0.0.1", "WEBAUTHN_RP_ID=ample.com PUBLIC_URL=https://example.com",
	"OAUTH_GOOGLE_CLIENT_SECRET= OAUTH_GOOGLE_CLIENT_ID=x", "OAUTH_GOOGLE_CLIENT_ID= OAUTH_GOOGLE_CLIENT_SECRET=hunter2",
	"OAUTH_GITHUB_CLIENT_SECRET= OAUTH_GITHUB_CLIENT_ID=x", "OAUTH_GITHUB_CLIENT_ID= OAUTH_GITHUB_CLIENT_SECRET=hunter2",
	"OAUTH_GOOGLE_ISSUER=google", "OAUTH_GITHUB_URL=https://u:hunter2@github.com", "OAUTH_GITHUB_API_URL=ftp://x",
	"SMTP_URL=http://u:hunter2@localhost", "SMTP_URL=smtp://u:hunter2@[", "SMTP_URL=smtp:", "MAIL_FROM=nobody", "MAIL_TEMPLATES=/nonexistent", "MAIL_TEMPLATES=/dev/null",
	"GEOIP_DB=/nonexistent.mmdb", "GEOIP_DB=/", "LOG=xml", "LOG_LEVEL=loud",
	"SECRET= STORE=mongodb://u:hunter2@localhost/db",
	"RATE_LIMITS=off LISTEN=0.0.0.0:80", "RATE_LIMITS=off LISTEN=10.0.0.1:80",
}

func TestWrongValuesNameTheirVariableInOneLine(t *testing.T) {
	for _, entry := range wrong {
		first, _, _ := strings.Cut(entry, "=")
		var env, args []string
		for _, e := range strings.Split(entry, " ") {
			name, value, _ := strings.Cut(e, "=")
			env = append(env, prefix+e)
			args = append(args, "--"+variable{name: name}.flag()+"="+value)
		}
		for _, way := range []struct {
			args, env []string
			want      string
		}{
			{nil, env, prefix + first},
			{args, nil, "--" + variable{name: first}.flag() + " (" + prefix + first + ")"},
		} {
			_, err := Load(way.args, way.env, nil)
			switch {
			case err == nil:
				t.Errorf("%s %v is accepted", entry, way.args)
			case !strings.HasPrefix(err.Error(), way.want+" "):
				t.Errorf("%s: %q does not begin with %s", entry, err, way.want)
			case strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2"):
				t.Errorf("%s: %q repeats the value or has several lines", entry, err)
			}
		}
	}
}

func TestArguments(t *testing.T) {
	if _, err := Load([]string{"--help"}, nil, nil); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
	for _, args := range [][]string{{"--no-such-flag", "x"}, {"positional"}, {"--secret"}} {
		if _, err := Load(args, nil, nil); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}

func TestFlagsStandBesideThoseOfACommand(t *testing.T) {
	fs := flag.NewFlagSet("user create", flag.ContinueOnError)
	finish := Flags(fs)
	email := fs.String("email", "", "")
	if err := fs.Parse([]string{"--email", "a@b.c", "--access-ttl", "1m", "rest"}); err != nil {
		t.Fatal(err)
	}
	c, err := finish([]string{"GATEHOUSE_MAX_SESSIONS=3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if *email != "a@b.c" || c.AccessTTL != time.Minute || c.MaxSessions != 3 || fs.Arg(0) != "rest" {
		t.Errorf("email %q, access TTL %s, max sessions %d, rest %v", *email, c.AccessTTL, c.MaxSessions, fs.Args())
	}
}

func TestUnknownVariablesAreWarnedAbout(t *testing.T) {
	var warned []string
	_, err := Load(nil, []string{"GATEHOUSE_ACCES_TTL=hunter2", "GATEHOUSE_TEST_MONGO=x", "GATEHOUSE_LOG=json", "HOME=/", "GATEHOUSE_"}, func(w string) { warned = append(warned, w) })
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"unknown variable GATEHOUSE_ACCES_TTL", "unknown variable GATEHOUSE_"}; !slices.Equal(warned, want) {
		t.Errorf("warned %q, want %q", warned, want)
	}
}

func TestUsageHasALinePerVariable(t *testing.T) {
	var b bytes.Buffer
	if err := Usage(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")[1:]
	if len(lines) != len(table) {
		t.Fatalf("%d lines for %d variables", len(lines), len(table))
	}
	for i, v := range table {
		if f := strings.Fields(lines[i]); f[0] != v.env() || f[1] != "--"+v.flag() || !strings.Contains(lines[i], v.value) || !strings.Contains(lines[i], v.help) {
			t.Errorf("line %q is not that of %s", lines[i], v.name)
		}
	}
}
