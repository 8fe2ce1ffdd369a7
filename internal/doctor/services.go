package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/geo"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
)

func (x *examination) mail(ctx context.Context) {
	cfg := mail.Config{PublicURL: x.cfg.PublicURL, From: x.cfg.MailFrom, SMTP: x.cfg.SMTPURL, Dir: x.cfg.MailDir, Templates: x.cfg.MailTemplates, Log: x.quiet}
	if err := mail.Try(cfg); err != nil {
		x.add(Problem, "mail templates", err.Error(), "correct it in GATEHOUSE_MAIL_TEMPLATES")
	} else {
		x.add(OK, "mail templates", "all of them work", "")
	}
	if cfg.SMTP == nil {
		x.mailFolder()
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	host := cfg.SMTP.Host
	switch c, err := mail.Look(ctx, cfg); {
	case err != nil:
		x.add(Problem, "mail", fmt.Sprintf("%s does not take mail: %v", host, err), "correct host, port and password in GATEHOUSE_SMTP_URL")
	case !c.Secure && !loopback(cfg.SMTP.Hostname()):
		x.add(Warning, "mail", host+" offers no TLS: links in mails can be read on their way", "use smtps://, or a server with STARTTLS")
	case !c.Secure:
		x.add(OK, "mail", host+" takes mail, without TLS on this machine", "")
	default:
		x.add(OK, "mail", host+" takes mail, over TLS", "")
	}
}

func (x *examination) mailFolder() {
	switch err := takesFiles(x.cfg.MailDir); {
	case err != nil:
		x.add(Problem, "mail", fmt.Sprintf("no file can be written to %s: %v", x.cfg.MailDir, err), "correct GATEHOUSE_MAIL_DIR, or set GATEHOUSE_SMTP_URL")
	case x.cfg.EmailVerification:
		x.add(Warning, "mail", "addresses must be verified, and mails only become files in "+x.cfg.MailDir, "set GATEHOUSE_SMTP_URL")
	default:
		x.add(OK, "mail", "mails become files in "+x.cfg.MailDir+"; set GATEHOUSE_SMTP_URL to send them", "")
	}
}

// passkeys looks at whether every allowed page may use the passkeys of the domain.
func (x *examination) passkeys() {
	id := x.cfg.WebAuthnRPID
	if id == "" {
		x.add(Warning, "passkeys", "there are none where the public URL's host is an IP address", "use a name in GATEHOUSE_PUBLIC_URL, if only localhost")
		return
	}
	for _, origin := range x.cfg.AllowedOrigins {
		u, err := url.Parse(origin)
		if host := u.Hostname(); err != nil || host != id && !strings.HasSuffix(host, "."+id) {
			x.add(Warning, "passkeys", fmt.Sprintf("pages of %s cannot use those of %s", origin, id), "let GATEHOUSE_WEBAUTHN_RP_ID be a domain that all allowed origins are in")
			return
		}
	}
	x.add(OK, "passkeys", "they belong to "+id, "")
}

func (x *examination) locations() {
	db, err := geo.Open(x.cfg.GeoIPDB)
	if err != nil {
		x.add(Problem, "locations", err.Error(), "let GATEHOUSE_GEOIP_DB be a database in MaxMind's format (.mmdb), or unset it")
		return
	}
	defer db.Close()
	found := "places come from the built-in data, if there is any"
	if x.cfg.GeoIPDB != "" {
		found = "places come from " + x.cfg.GeoIPDB
	}
	x.add(OK, "locations", found, "")
}

func (x *examination) providers(ctx context.Context) {
	if x.cfg.Google.Enabled() {
		x.issuer(ctx, strings.TrimSuffix(x.cfg.Google.Issuer.String(), "/"))
	}
	if x.cfg.GitHub.Enabled() {
		x.github(ctx)
	}
}

const retry = "sign-in there fails until it can be; correct its URL, if that is wrong"

// issuer reads the description of an issuer (OpenID Connect Discovery 1.0, section 4).
func (x *examination) issuer(ctx context.Context, issuer string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, issuer+"/.well-known/openid-configuration", nil)
	if err != nil {
		x.add(Warning, "google", err.Error(), retry)
		return
	}
	resp, err := x.client.Do(r)
	if err != nil {
		x.add(Warning, "google", fmt.Sprintf("%s cannot be reached: %v", issuer, err), retry)
		return
	}
	defer resp.Body.Close()
	var found struct{ Issuer string }
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&found)
	if resp.StatusCode != http.StatusOK || err != nil || strings.TrimSuffix(found.Issuer, "/") != issuer {
		x.add(Warning, "google", fmt.Sprintf("%s does not describe itself as an issuer (%d)", issuer, resp.StatusCode), retry)
		return
	}
	x.add(OK, "google", issuer+" answers", "")
}

func (x *examination) github(ctx context.Context) {
	for _, u := range []*url.URL{x.cfg.GitHub.URL, x.cfg.GitHub.APIURL} {
		if _, _, err := x.ask(ctx, u.String()); err != nil {
			x.add(Warning, "github", fmt.Sprintf("%s cannot be reached: %v", u, err), retry)
			return
		}
	}
	x.add(OK, "github", x.cfg.GitHub.URL.String()+" answers", "")
}
