// Package verify lets another service take Gatehouse's access tokens, as strictly as Gatehouse does.
//
// Tokens are checked in memory: their signature by the published key set, and whether their session or its user's
// claims have ended or changed since, by following the event stream. A kicked session is refused within moments. While
// the stream is not there, nothing is let through: 503, and not a guess.
//
//	v := verify.New(verify.Config{Issuer: "https://gate.example.com", Key: os.Getenv("GATEHOUSE_SERVICE_KEY")})
//	go v.Run(ctx)
//	mux.Handle("/reports", v.Require(verify.Need{Roles: []string{"admin"}})(reports))
package verify

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// Config is what a Verifier needs to know. Issuer and Key are required.
type Config struct {
	Issuer     string       // Gatehouse's public URL: the iss of its tokens
	URL        string       // where it is reached from here; "": the Issuer
	Key        string       // a service key, ghk_…
	HTTPClient *http.Client // nil: one without a timeout, as the stream needs
	Log        *slog.Logger // nil: silent
}

// Principal is who a token speaks for.
type Principal struct {
	UserID    string
	SessionID string
	Roles     []string
	AAL       int       // 1, or 2 when a second factor was shown
	AMR       []string  // how (RFC 8176)
	AuthTime  time.Time // when the person last showed a credential
	Expires   time.Time
}

// Need is what a route asks of its callers, beside a good token.
type Need struct {
	Roles []string      // any of these; nil: everybody
	AAL   int           // at least
	Fresh time.Duration // the person showed a credential no longer ago; 0: whenever
}

// Verifier checks tokens. Run it. It is safe for concurrent use.
type Verifier struct {
	// Static after construction.
	cfg  Config
	http *http.Client
	log  *slog.Logger
	now  func() time.Time

	mu      sync.RWMutex // guards the following
	keys    *token.Keys
	asked   time.Time            // when the key set was last asked for
	ended   map[string]time.Time // sessions, by id, and when that was heard
	changed map[string]change    // users, by id
	heard   time.Time            // when the stream last said anything
	ready   bool                 // the past has been read
	last    string               // the position of the last event
}

// change is the latest of a user's claims.
type change struct {
	at    time.Time // by Gatehouse's clock
	roles []string
	heard time.Time
}

// How long this service believes what it knows.
const (
	silence  = 30 * time.Second // of the stream, which comments every 15 s
	remember = 24 * time.Hour   // of an end: longer than any access token may live
)

// New makes a Verifier.
func New(cfg Config) *Verifier {
	cfg.Issuer = strings.TrimRight(cfg.Issuer, "/")
	if cfg.URL == "" {
		cfg.URL = cfg.Issuer
	}
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = &http.Client{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Verifier{cfg: cfg, http: cfg.HTTPClient, log: cfg.Log, now: time.Now, ended: map[string]time.Time{}, changed: map[string]change{}}
}

// Ready tells whether tokens can be checked now.
func (v *Verifier) Ready() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.readyLocked()
}

func (v *Verifier) readyLocked() bool {
	return v.ready && v.keys != nil && v.now().Sub(v.heard) < silence
}

// Error is why a token is refused. Code is one of Gatehouse's.
type Error struct {
	Status int
	Code   string
}

func (e *Error) Error() string { return e.Code }

// Check is who an access token speaks for. Its error is an *Error: 503 while nothing can be checked, 401 for a token
// that is no good, 403 for one whose session owes a second factor.
func (v *Verifier) Check(ctx context.Context, raw string) (Principal, error) {
	v.fetchFor(ctx, raw)
	v.mu.RLock()
	defer v.mu.RUnlock()
	if !v.readyLocked() {
		return Principal{}, &Error{http.StatusServiceUnavailable, "unavailable"}
	}
	c, err := v.keys.Verify(raw, v.now())
	if err != nil && !errors.Is(err, fault.ErrTokenExpired) {
		return Principal{}, &Error{http.StatusUnauthorized, "invalid_token"}
	}
	switch _, ended := v.ended[c.SessionID]; {
	case ended:
		return Principal{}, &Error{http.StatusUnauthorized, "session_revoked"}
	case err != nil:
		return Principal{}, &Error{http.StatusUnauthorized, "token_expired"}
	case v.staleLocked(c):
		return Principal{}, &Error{http.StatusUnauthorized, "token_stale"}
	case c.Owes == token.OwesSetup:
		return Principal{}, &Error{http.StatusForbidden, "mfa_setup_required"}
	case c.Owes == token.OwesMFA:
		return Principal{}, &Error{http.StatusForbidden, "step_up_required"}
	}
	return Principal{
		UserID: c.Subject, SessionID: c.SessionID, Roles: c.Roles, AAL: c.AAL, AMR: c.AMR, AuthTime: c.AuthTime, Expires: c.Expires,
	}, nil
}

// staleLocked tells whether a token has roles from before the user's last change. A token says only in which second it
// was issued: within that of the change, its roles tell.
func (v *Verifier) staleLocked(c token.Claims) bool {
	u, known := v.changed[c.Subject]
	return known && !c.IssuedAt.After(u.at) && !slices.Equal(c.Roles, u.roles)
}

// Permits tells whether a principal has what a route needs: nil, or an *Error with status 403.
func (n Need) Permits(p Principal, now time.Time) error {
	switch {
	case n.Roles != nil && !slices.ContainsFunc(n.Roles, func(r string) bool { return slices.Contains(p.Roles, r) }):
		return &Error{http.StatusForbidden, "forbidden"}
	case p.AAL < n.AAL, n.Fresh > 0 && now.Sub(p.AuthTime) >= n.Fresh:
		return &Error{http.StatusForbidden, "step_up_required"}
	}
	return nil
}
