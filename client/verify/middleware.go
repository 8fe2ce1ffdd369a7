package verify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/internal/token"
)

type principalKey struct{}

// From is who calls, behind Require.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// Require lets through who has a good access token and what the route needs. Others are answered as Gatehouse answers
// them, with application/problem+json (RFC 9457).
func (v *Verifier) Require(need Need) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			raw, err := token.Bearer(r.Header.Values("Authorization"))
			if err != nil {
				refuse(w, &Error{http.StatusUnauthorized, "unauthenticated"})
				return
			}
			p, err := v.Check(r.Context(), raw)
			if err == nil {
				err = need.Permits(p, v.now())
			}
			if err != nil {
				refuse(w, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, p)))
		})
	}
}

func refuse(w http.ResponseWriter, err error) {
	no := &Error{http.StatusServiceUnavailable, "unavailable"}
	errors.As(err, &no)
	body := map[string]any{"type": "about:blank", "title": http.StatusText(no.Status), "status": no.Status, "code": no.Code}
	w.Header().Set("Content-Type", "application/problem+json")
	switch no.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
		body["retry_after"] = 1
	}
	w.WriteHeader(no.Status)
	_ = json.NewEncoder(w).Encode(body)
}
