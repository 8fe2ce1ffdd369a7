package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// pageRoutes are what is not called by clients of the API.
func (a *API) pageRoutes() {
	a.mux.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, "application/json", map[string]string{"status": "ok"})
	})
	a.mux.Get("/readyz", a.readyz)
	a.mux.Get("/.well-known/jwks.json", a.jwks)
	a.mux.Get("/openapi.json", a.openAPI())
	a.mux.Method(http.MethodGet, "/docs", docs(a.huma.OpenAPI()))
	a.mux.Get("/metrics", a.metrics)
	a.mux.Method(http.MethodGet, "/", a.cfg.App)
	if a.cfg.Pages {
		a.mux.Method(http.MethodGet, "/assets/*", a.cfg.App)
		a.mux.Method(http.MethodGet, "/icon.svg", a.cfg.App)
	}
}

// apart are the first parts of paths that are no addresses of pages: what is not found there is not found.
var apart = map[string]bool{
	"auth": true, "admin": true, "ws": true, "events": true, "metrics": true, "openapi.json": true, "docs": true,
	"healthz": true, "readyz": true, ".well-known": true, "assets": true,
}

// notFound is where a path leads that nothing was registered for. When a browser navigates there, it is for the app to
// say what is at the address.
func (a *API) notFound(w http.ResponseWriter, r *http.Request) {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if a.cfg.Pages && !apart[first] && navigates(r) {
		a.cfg.App.ServeHTTP(w, r)
		return
	}
	write(w, notFound)
}

// navigates tells whether somebody wants to see a page.
func navigates(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(r.Header.Get("Accept"), "text/html")
}

func writeJSON(w http.ResponseWriter, kind string, v any) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}

func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	if err := a.cfg.Ready(r.Context()); err != nil {
		write(w, problemOf(fault.ErrUnavailable))
		return
	}
	writeJSON(w, "application/json", map[string]string{"status": "ready"})
}

// jwks is the key set of access tokens (RFC 7517). A rotation is known five seconds before it counts.
func (a *API) jwks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=60")
	_, _ = w.Write(a.cfg.JWKS())
}

func (a *API) openAPI() http.HandlerFunc {
	document, err := json.Marshal(a.huma.OpenAPI())
	return func(w http.ResponseWriter, _ *http.Request) {
		if err != nil {
			write(w, internal)
			return
		}
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(document)
	}
}

// metrics are for this machine only: a request that was forwarded came from elsewhere.
func (a *API) metrics(w http.ResponseWriter, r *http.Request) {
	if a.cfg.Metrics == nil || a.cfg.Addresses.Forwarded(r) || !a.cfg.Addresses.Of(r).IsLoopback() {
		write(w, notFound)
		return
	}
	a.cfg.Metrics.ServeHTTP(w, r)
}
