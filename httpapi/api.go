// Package httpapi is the HTTP surface: it decodes a request, calls a rule, encodes the answer. It is the one place
// where errors of the rules become responses (RFC 9457), and where cookies, origins, limits and required rights are
// checked.
//
// Every operation is registered through handle, with what it asks of its caller in a route. So the order of refusals
// is the same everywhere: too large, node cut off, rate limit, origin, token, rights, step-up, then the body.
package httpapi

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/address"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/clientaddr"
	"github.com/gatehouse-dev/gatehouse/internal/events"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/servicekey"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

// Config is what an API needs. All of it is required, but Metrics and Served.
type Config struct {
	Accounts *account.Service
	Sessions *session.Service
	SignIn   *signin.Service
	Address  *address.Service
	Factors  *factor.Service
	Staff    *staff.Service
	Audit    audit.Store
	Guard    *access.Guard
	Queue    *outbox.Service
	Hooks    *webhook.Service
	Keys     *servicekey.Service
	Events   *events.Broker
	History  events.History
	Presence Presence
	Limiter  Limiter
	// Send pushes a message to the user's sockets on all nodes, and says to how many.
	Send func(ctx context.Context, userID string, m wire.Message) (int, error)
	// Nodes are the running nodes.
	Nodes func(ctx context.Context) ([]Node, error)

	RateLimits bool // whether requests are counted
	Addresses  clientaddr.Resolver
	Locate     func(netip.Addr) *wire.Location
	PublicURL  *url.URL
	Origins    []string // allow-list of scheme://host[:port], compared exactly
	SignupOpen bool
	StepUpAge  time.Duration
	JWKS       func() []byte
	Ready      func(ctx context.Context) error

	Socket  http.Handler // GET /ws
	App     http.Handler // what people see in a browser
	Pages   bool         // whether App has addresses and files of its own, beside "/"
	Metrics http.Handler // nil: not served here
	// Served, if not nil, hears of every answer: by the pattern of its route, never by its path.
	Served func(method, route string, status int, took time.Duration)

	Version string
	Now     func() time.Time
	Log     *slog.Logger
}

// Presence knows who is online, over all nodes.
type Presence interface {
	// Presence is how the user's online sessions stand, by session id.
	Presence(ctx context.Context, userID string) (map[string]presence.State, error)
	// PresenceOf is Presence of many users at once, by user id.
	PresenceOf(ctx context.Context, userIDs []string) (map[string]map[string]presence.State, error)
	Totals(ctx context.Context) (presence.Totals, error)
}

// Limiter counts attempts.
type Limiter interface {
	// Take takes a place of the key's bucket, if one is free, and says how that stands then.
	Take(ctx context.Context, l ratelimit.Limit, key string) (ratelimit.Level, error)
	// Return gives a taken place back.
	Return(ctx context.Context, l ratelimit.Limit, key string) error
}

// API is the HTTP surface, an http.Handler.
type API struct {
	cfg     Config
	log     *slog.Logger
	now     func() time.Time
	origins map[string]bool
	mux     *chi.Mux
	huma    huma.API
	proxies clientaddr.Undeclared
}

// New makes the API.
func New(cfg Config) *API {
	a := &API{cfg: cfg, log: cfg.Log, now: cfg.Now, origins: make(map[string]bool), mux: chi.NewMux()}
	for _, o := range cfg.Origins {
		a.origins[o] = true
	}
	a.mux.Use(a.trace, a.recover, a.headers, a.cors, middleware.GetHead)
	a.mux.NotFound(a.notFound)
	a.mux.MethodNotAllowed(a.methodNotAllowed)
	a.huma = humachi.New(a.mux, description(cfg.Version))
	a.signInRoutes()
	a.challengeRoutes()
	a.oauthRoutes()
	a.sessionRoutes()
	a.accountRoutes()
	a.addressRoutes()
	a.againRoutes()
	a.factorRoutes()
	a.staffUserRoutes()
	a.staffSessionRoutes()
	a.auditRoutes()
	a.jobRoutes()
	a.serviceRoutes()
	settle(a.huma.OpenAPI().Components.Schemas)
	a.pageRoutes()
	a.mux.Method(http.MethodGet, socketPath, cfg.Socket)
	return a
}

// ServeHTTP serves the API, the sockets and the pages.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isHandshake(r) {
		a.socket(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// OpenAPI is the description of the API (OpenAPI 3.1), as /openapi.json serves it.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

// recover turns a panic into an answer and a line in the log.
func (a *API) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { a.panicked(w, r, trailOf(r.Context()).id, routeOf(r), recover()) }()
		next.ServeHTTP(w, r)
	})
}

// panicked answers what a handler panicked with, if it did. What says that the answer is to be cut goes on.
func (a *API) panicked(w http.ResponseWriter, r *http.Request, request, route string, p any) {
	switch {
	case p == http.ErrAbortHandler:
		panic(p)
	case p != nil:
		a.log.Error("panic", "request", request, "method", known(r.Method), "route", route, "panic", p)
		write(w, internal)
	}
}

// headers are on every answer; what the API says is for nobody's cache.
func (a *API) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.protect(w.Header())
		if isAPI(r.URL.Path) {
			w.Header()["Cache-Control"] = noStore
		}
		next.ServeHTTP(w, r)
	})
}

// Values of headers that all answers share; the header of an answer is replaced or added to, never changed in place.
var (
	nosniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	noStore    = []string{"no-store"}
	varyOrigin = []string{"Origin"}
)

func (a *API) protect(h http.Header) {
	h["X-Content-Type-Options"] = nosniff
	h["Referrer-Policy"] = noReferrer
}

// methodNotAllowed says which methods there are (RFC 9110 section 15.5.6).
func (a *API) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if a.mux.Match(chi.NewRouteContext(), m, cmp.Or(r.URL.RawPath, r.URL.Path)) {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 { // chi comes here with a method that it does not know, whatever the path
		write(w, notFound)
		return
	}
	if allowed[0] == http.MethodGet {
		allowed = append(allowed, http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	write(w, methodNotAllowed)
}

// staffRoles are those of moderators and admins, adminRole that of admins alone.
var (
	staffRoles = []string{account.RoleModerator, account.RoleAdmin}
	adminRole  = []string{account.RoleAdmin}
)

func hasAny(p access.Principal, roles []string) bool { return slices.ContainsFunc(roles, p.Has) }
