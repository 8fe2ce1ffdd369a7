package httpapi

import (
	"encoding/json"
	"net/http"

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
