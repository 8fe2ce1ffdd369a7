package httpapi

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// requestID carries the id of a request: of the answer always, of the request only where a trusted proxy gave it.
const requestID = "X-Request-Id"

// trail is what one request leaves behind in log, metrics and the headers of its answer.
type trail struct {
	id      string
	session string // whose access token it came with, "" for none that is good
	err     error  // why it failed, where that is our doing

	header http.Header // of the answer
	shown  counted     // the limit that the header speaks of
}

type trailKey struct{}

// trailOf is the trail of the request whose context it is. Without one, as where a rule is called by itself, what is
// noted goes nowhere.
func trailOf(ctx context.Context) *trail {
	if t, ok := ctx.Value(trailKey{}).(*trail); ok {
		return t
	}
	return &trail{header: http.Header{}}
}

// traced tells whether the request has a trail already.
func traced(ctx context.Context) bool {
	_, is := ctx.Value(trailKey{}).(*trail)
	return is
}

// trace gives a request its id and, when it is answered, its line in the log and its place in the metrics. Of the
// request itself that says only what cannot hold a secret: never its path or query.
func (a *API) trace(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if traced(r.Context()) {
			next.ServeHTTP(w, r)
			return
		}
		began := time.Now()
		t := &trail{id: a.requestID(r), header: w.Header()}
		t.header.Set(requestID, t.id)
		seen := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		r = r.WithContext(context.WithValue(r.Context(), trailKey{}, t))
		defer func() { a.answered(r, t, routeOf(r), cmp.Or(seen.Status(), http.StatusOK), time.Since(began)) }()
		next.ServeHTTP(seen, r)
	})
}

func (a *API) answered(r *http.Request, t *trail, route string, status int, took time.Duration) {
	method := known(r.Method)
	if a.cfg.Served != nil {
		a.cfg.Served(method, route, status, took)
	}
	level, text := slog.LevelDebug, "request"
	if status >= http.StatusInternalServerError && r.Context().Err() == nil {
		level, text = slog.LevelWarn, "request failed"
	}
	if !a.log.Enabled(r.Context(), level) {
		return
	}
	line := []slog.Attr{
		slog.String("request", t.id), slog.String("method", method), slog.String("route", route), slog.Int("status", status),
		slog.Duration("took", took.Round(time.Microsecond)), slog.String("client", a.cfg.Addresses.Of(r).String()),
	}
	if t.session != "" {
		line = append(line, slog.String("session", t.session))
	}
	if t.err != nil {
		line = append(line, slog.Any("error", t.err))
	}
	a.log.LogAttrs(r.Context(), level, text, line...)
}

// requestID is the id that a trusted proxy gave the request, if it looks like one, or a new one.
func (a *API) requestID(r *http.Request) string {
	if given := r.Header.Get(requestID); given != "" && a.cfg.Addresses.Proxied(r) && sane(given) {
		return given
	}
	return id.New(id.Request)
}

// sane tells whether text may stand in a log and a header: up to 64 letters, digits and what joins them.
func sane(text string) bool {
	for _, c := range []byte(text) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return text != "" && len(text) <= 64
}

// known is the method, if it is one of HTTP's: others are anything that somebody sent.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "OTHER"
}

// routeOf is the pattern of the route that answered: the API's, or that of the mux around it; "none" where nothing fits.
func routeOf(r *http.Request) string {
	if c := chi.RouteContext(r.Context()); c != nil && c.RoutePattern() != "" {
		return c.RoutePattern()
	}
	if chi.RouteContext(r.Context()) == nil && r.Pattern != "" {
		return r.Pattern
	}
	return "none"
}

// see warns of a proxy that is not declared.
func (a *API) see(r *http.Request) {
	if proxy, say := a.proxies.See(a.cfg.Addresses, r, a.now()); say {
		a.log.Warn("all requests come from one private address and name others in X-Forwarded-For: if that is your proxy, "+
			"name it in GATEHOUSE_TRUSTED_PROXIES, or all clients share the limits of one", "proxy", proxy)
	}
}

// BehindUndeclaredProxy tells whether that is so now.
func (a *API) BehindUndeclaredProxy() bool { return a.proxies.Certain(a.now()) }
