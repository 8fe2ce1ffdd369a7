package gatehouse

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/httpapi"
	"github.com/gatehouse-dev/gatehouse/hub"
	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// Options are what a program adds to a node that it embeds.
type Options struct {
	Log *slog.Logger // nil: slog.Default()
	// Handlers answer messages that sockets send to the program itself, by the message's name.
	Handlers map[string]Handler
}

// Handler answers a message of a socket; see hub.Handler.
type Handler = hub.Handler

// Need is what a handler asks of whoever calls it: a role, a second factor, a fresh sign-in.
type Need = hub.Need

// Principal is who a request or a socket acts for.
type Principal = hub.Principal

// Error is how a Handler refuses.
type Error = hub.Error

func (o Options) check() error {
	for name, h := range o.Handlers {
		if name == "" || h.Handle == nil {
			return fmt.Errorf("message handler %q: it needs a name and Handle", name)
		}
	}
	return nil
}

// Require guards a route of the program: the request must carry a good access token whose principal has what is
// needed, and is counted and refused as those of the API are, with the same problems. The zero Need asks for a
// sign-in alone.
func (g *Gatehouse) Require(n Need, h func(w http.ResponseWriter, r *http.Request, p Principal)) http.Handler {
	return g.api.Require(httpapi.Need(n), func(w http.ResponseWriter, r *http.Request, p access.Principal) { h(w, r, principal(p)) })
}

// Drain is for programs that serve Handler by a server of their own, before they shut it down: not ready any more,
// sockets asked to reconnect and closed over the drain window. It returns when they are gone, or ctx is. Close comes
// last.
func (g *Gatehouse) Drain(ctx context.Context) error {
	g.draining.Store(true)
	g.log.Info("draining", "window", g.cfg.DrainWindow)
	g.events.CloseAll()
	return g.hub.Shutdown(ctx)
}
