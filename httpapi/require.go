package httpapi

import (
	"net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// Need is what a route beside the API asks of its caller.
type Need struct {
	Roles []string      // any of these; nil: everybody
	AAL2  bool          // a second factor was shown on the session
	Fresh time.Duration // the person showed a credential so lately; 0: whenever
}

// Require guards a handler that stands beside the API: requests are counted, authenticated and refused as the API's
// own. Their bodies are the handler's to read.
func (a *API) Require(n Need, h func(w http.ResponseWriter, r *http.Request, who access.Principal)) http.Handler {
	rt := route{roles: n.Roles, aal2: n.AAL2, fresh: n.Fresh}
	return a.trace(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := a.call(w, r)
		if err := a.enter(r.Context(), c, rt); err != nil {
			write(w, a.failed(c, err))
			return
		}
		h(w, r, c.who)
	}))
}
