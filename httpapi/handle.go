package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/clientaddr"
	"github.com/gatehouse-dev/gatehouse/internal/device"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// maxBody is the size of a body in bytes.
const maxBody = 64 << 10

// route is an operation and what it asks of its caller.
type route struct {
	method, path string
	summary      string
	tag          string
	status       int // of success; 0: 200, or 204 without an answer
	accepted     any // what may be answered with 202 instead; nil: nothing

	open   bool             // no access token is needed
	roles  []string         // any of these; nil: everybody
	stepUp bool             // only soon after a sign-in
	fresh  time.Duration    // how soon, where it is not the same for all; 0: whenever
	aal2   bool             // only where a second factor was shown
	owing  bool             // also for who owes a second factor, or has to set one up
	enrols bool             // also for who has to set one up
	limit  *ratelimit.Limit // per address, of an open route; nil: the route counts by itself
}

// call is one request on its way through a route.
type call struct {
	api  *API
	w    http.ResponseWriter
	r    *http.Request
	addr netip.Addr
	who  access.Principal // zero on an open route
}

type callKey struct{}

func (a *API) call(w http.ResponseWriter, r *http.Request) *call {
	a.see(r)
	return &call{api: a, w: w, r: r, addr: a.cfg.Addresses.Of(r)}
}

// answer is a response with a body.
type answer[T any] struct{ Body T }

// nothing is a response without one.
type nothing struct{}

// handle registers an operation. Its handler gets the caller explicitly, in c.
func handle[I, O any](a *API, rt route, handler func(ctx context.Context, c *call, in *I) (*O, error)) {
	op := rt.operation(a)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		c := ctx.Value(callKey{}).(*call)
		out, err := handler(ctx, c, in)
		if err != nil {
			return nil, a.failed(c, err)
		}
		return out, nil
	})
}

func (rt route) operation(a *API) huma.Operation {
	op := huma.Operation{
		Method: rt.method, Path: rt.path, Summary: rt.summary, Tags: []string{rt.tag}, DefaultStatus: rt.status,
		OperationID:  operationID(rt.method, rt.path),
		MaxBodyBytes: -1, BodyReadTimeout: -1, // the body is here by then: see call.body
		Responses: map[string]*huma.Response{"default": a.problemResponse()},
		Middlewares: huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
			r, w := humachi.Unwrap(ctx)
			r.Header.Del("Accept") // JSON is all there is, and huma panics over a header like "a;,b"
			c := a.call(w, r)
			if err := a.admit(ctx.Context(), c, rt); err != nil {
				write(w, a.failed(c, err))
				return
			}
			next(huma.WithValue(ctx, callKey{}, c))
		}},
	}
	if rt.accepted != nil {
		schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(rt.accepted), true, "")
		op.Responses["202"] = &huma.Response{Description: "Accepted", Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
	}
	if !rt.open {
		op.Security = []map[string][]string{{"bearer": append([]string{}, rt.roles...)}}
	}
	return op
}

// admit checks what a route asks of its caller before the body is read, in the order in which refusals count.
func (a *API) admit(ctx context.Context, c *call, rt route) error {
	if c.r.ContentLength > maxBody {
		return tooLarge
	}
	if err := a.cfg.Guard.Admit(); err != nil {
		return err
	}
	if rt.open {
		if rt.limit != nil {
			if err := a.take(ctx, *rt.limit, clientaddr.Key(c.addr)); err != nil {
				return err
			}
		}
		return c.body()
	}
	if err := a.enter(ctx, c, rt); err != nil {
		return err
	}
	if err := c.body(); err != nil {
		return err
	}
	return a.cfg.Guard.Standing(c.who) // a body may take its time
}

// enter authenticates the caller and checks that he may.
func (a *API) enter(ctx context.Context, c *call, rt route) error {
	if err := a.cfg.Guard.Admit(); err != nil {
		return err
	}
	if err := a.authenticate(ctx, c); err != nil {
		return err
	}
	if c.who.Owes == token.OwesSetup && !rt.owing && !rt.enrols {
		return errSetUp
	}
	if rt.roles != nil && !hasAny(c.who, rt.roles) {
		return fault.ErrForbidden
	}
	if c.who.Owes == token.OwesMFA && !rt.owing || rt.aal2 && c.who.AAL < 2 {
		return a.stepUp(ctx, c.who, true)
	}
	if rt.stepUp {
		rt.fresh = a.cfg.StepUpAge
	}
	if rt.fresh > 0 && a.now().Sub(c.who.AuthTime) >= rt.fresh {
		return a.stepUp(ctx, c.who, false)
	}
	return nil
}

// authenticate checks the access token. A good one counts for its session, so that an office may share an address; a
// bad one for the address, unless this node's signature on a session makes it certain whose it is.
func (a *API) authenticate(ctx context.Context, c *call) error {
	raw, err := token.Bearer(c.r.Header.Values("Authorization"))
	if err == nil {
		c.who, err = a.cfg.Guard.Token(raw)
	}
	trailOf(ctx).session = c.who.SessionID
	limit, key := ratelimit.Session, c.who.SessionID
	if key == "" {
		limit, key = ratelimit.Anonymous, clientaddr.Key(c.addr)
	}
	if limited := a.take(ctx, limit, key); limited != nil {
		return limited
	}
	return err
}

// take counts an attempt.
func (a *API) take(ctx context.Context, l ratelimit.Limit, key string) error {
	if !a.cfg.RateLimits {
		return nil
	}
	level, err := a.cfg.Limiter.Take(ctx, l, key)
	if err != nil {
		return nil // limits that cannot be counted refuse nobody
	}
	trailOf(ctx).count(l, level)
	if level.Wait == 0 {
		return nil
	}
	limited := *errLimited
	limited.RetryAfter = level.Wait
	return &limited
}

// giveBack undoes a take: what was counted turned out well.
func (a *API) giveBack(ctx context.Context, l ratelimit.Limit, key string) {
	if a.cfg.RateLimits {
		_ = a.cfg.Limiter.Return(ctx, l, key)
		trailOf(ctx).returned(l)
	}
}

// stepUp is the refusal of somebody from whom a second factor is needed, or who signed in too long ago, with the ways
// in which he may show who he is.
func (a *API) stepUp(ctx context.Context, who access.Principal, second bool) error {
	u, err := a.cfg.Accounts.User(ctx, who.UserID)
	if err != nil {
		return err
	}
	return errStepUp.With("methods", signin.StepUpMethods(u, second))
}

// body reads the body and refuses what is too large, of another kind, or no JSON. So huma, whose refusals have other
// statuses, is left with what the schema says.
func (c *call) body() error {
	if c.r.ContentLength == 0 {
		return nil
	}
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return unsupportedMedia
	}
	data, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge
	case err != nil, len(data) > 0 && !(utf8.Valid(data) && json.Valid(data)):
		return notJSON
	}
	c.r.Body = io.NopCloser(bytes.NewReader(data))
	c.r.Header.Set("Content-Type", kind) // in the one form that huma knows
	return nil
}

// failed is the answer to an error. What is our own doing is noted for the log.
func (a *API) failed(c *call, err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	p = problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		trailOf(c.r.Context()).err = err
	}
	return p
}

// visit is where the request comes from and on what.
func (c *call) visit() session.Visit {
	v := c.place()
	v.Device = device.Parse(v.UserAgent)
	return v
}

// place is a visit whose device is known already.
func (c *call) place() session.Visit {
	agent := c.r.UserAgent()
	if len(agent) > maxUserAgent {
		agent = agent[:maxUserAgent]
	}
	return session.Visit{IP: c.ip(), UserAgent: agent, Location: c.api.cfg.Locate(c.addr)}
}

// ip is the client's address, "" where there is none, as on a Unix socket.
func (c *call) ip() string {
	if !c.addr.IsValid() {
		return ""
	}
	return c.addr.String()
}

// maxUserAgent is how much of a User-Agent is kept, in bytes.
const maxUserAgent = 512

// until is how long a life still is, in whole seconds.
func until(end, now time.Time) int { return max(0, int(end.Sub(now)/time.Second)) }
