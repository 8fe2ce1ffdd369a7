package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/go-chi/chi/v5"

	"github.com/gatehouse-dev/gatehouse/internal/clientaddr"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// LinkURL is where the browser goes to link an account at a provider.
type LinkURL struct {
	URL string `json:"url"`
}

type linking struct {
	Provider string `path:"provider"`
	Body     *struct {
		RedirectTo string `json:"redirect_to,omitempty"`
	}
}

type providerPath struct {
	Provider string `path:"provider"`
}

// oauthRoutes has two navigations of the browser, which answer with redirects and are no operations of the document,
// beside the calls of the API.
func (a *API) oauthRoutes() {
	a.mux.Get("/auth/oauth/{provider}", a.visitProvider)
	a.mux.Get("/auth/oauth/{provider}/callback", a.returnFromProvider)
	handle(a, route{method: "POST", path: "/auth/oauth/{provider}/link", tag: "My account", stepUp: true,
		summary: "Begin to link an account at a provider"}, a.linkProvider)
	handle(a, route{method: "DELETE", path: "/auth/identities/{provider}", tag: "My account", status: http.StatusNoContent, stepUp: true,
		summary: "Unlink an account at a provider"}, a.unlinkProvider)
	a.describeNavigation("/auth/oauth/{provider}", "Sign in at a provider: redirects there", "redirect_to")
	a.describeNavigation("/auth/oauth/{provider}/callback", "Come back from a provider: redirects to redirect_to, with #error= on failure", "state", "code", "error")
}

// visitProvider sends the browser to a provider.
func (a *API) visitProvider(w http.ResponseWriter, r *http.Request) {
	c := a.call(w, r)
	to, err := a.navigation(c)
	if err != nil {
		write(w, a.failed(c, err))
		return
	}
	trip := signin.Trip{Provider: chi.URLParam(r, "provider"), RedirectTo: to}
	if c.proven() && c.cookie() != "" {
		trip.Replaces = a.cfg.SignIn.SessionOf(r.Context(), c.cookie())
	}
	away, err := a.beginTrip(c, trip)
	switch {
	case errors.Is(err, signin.ErrProvider):
		a.tellPage(c, signin.Returned{}, err)
	case err != nil:
		write(w, a.failed(c, err))
	default:
		redirect(w, r, away)
	}
}

// navigation counts a navigation and reads where it wants to end.
func (a *API) navigation(c *call) (string, error) {
	if err := a.cfg.Guard.Admit(); err != nil {
		return "", err
	}
	if err := a.take(c.r.Context(), ratelimit.Anonymous, clientaddr.Key(c.addr)); err != nil {
		return "", err
	}
	return a.destination(c.r.URL.Query().Get("redirect_to"))
}

// beginTrip binds a trip to this browser by a cookie that comes back from the provider: it is Lax, because the way
// back is a navigation from another site.
func (a *API) beginTrip(c *call, trip signin.Trip) (string, error) {
	trip.Browser = token.NewSecret()
	away, err := a.cfg.SignIn.BeginTrip(c.r.Context(), trip)
	if err == nil {
		http.SetCookie(c.w, a.browserCookie(trip.Browser, int(signin.VisitLife.Seconds())))
	}
	return away, err
}

func (a *API) browserCookie(value string, maxAge int) *http.Cookie {
	c := &http.Cookie{Name: "gatehouse_oauth", Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if a.cfg.PublicURL.Scheme == "https" {
		c.Name, c.Secure = "__Host-"+c.Name, true
	}
	return c
}

// returnFromProvider takes the browser back. Whatever comes of it, the page is told by a redirect. The state cookie is
// the proof that another sign-in's cookie would need.
func (a *API) returnFromProvider(w http.ResponseWriter, r *http.Request) {
	c := a.call(w, r)
	ctx, q := r.Context(), r.URL.Query()
	if err := a.cfg.Guard.Admit(); err != nil {
		write(w, a.failed(c, err))
		return
	}
	if a.take(ctx, ratelimit.LoginAddress, clientaddr.Key(c.addr)) != nil {
		redirect(w, r, "/login#error=rate_limited")
		return
	}
	cb := signin.Callback{
		Provider: chi.URLParam(r, "provider"), State: q.Get("state"), Code: q.Get("code"), Error: q.Get("error"), Visit: c.visit(),
	}
	if cookie, err := r.Cookie(a.browserCookie("", 0).Name); err == nil {
		cb.Browser = cookie.Value
	}
	back, err := a.cfg.SignIn.EndTrip(ctx, cb)
	if errors.Is(err, fault.ErrNotFound) {
		write(w, notFound)
		return
	}
	http.SetCookie(w, a.browserCookie("", -1))
	if err != nil {
		a.tellPage(c, back, err)
		return
	}
	a.giveBack(ctx, ratelimit.LoginAddress, clientaddr.Key(c.addr))
	a.arrive(c, back)
}

// tellPage redirects with the code of what went wrong. A redirect is no failure in the log: what is wrong with a
// provider is said there apart.
func (a *API) tellPage(c *call, back signin.Returned, err error) {
	p := a.failed(c, err)
	if p.Status >= http.StatusInternalServerError {
		a.log.Warn("sign-in at a provider failed", "provider", chi.URLParam(c.r, "provider"), "error", err)
	}
	to := back.RedirectTo
	if to == "" {
		to = "/login"
	}
	redirect(c.w, c.r, to+"#error="+url.QueryEscape(p.Code))
}

// arrive ends a trip that went well.
func (a *API) arrive(c *call, back signin.Returned) {
	to := back.RedirectTo
	if ch := back.Outcome.Challenge; ch != nil {
		to += fmt.Sprintf("#mfa_token=%s&methods=%s&expires_in=%d", ch.Token, strings.Join(ch.Methods, ","), seconds(signin.MFALife))
	} else if x := back.Outcome.Issued; x.Session.Transport == session.Cookie {
		c.setCookie(x.RefreshToken, x.RefreshExpires.Sub(x.At))
	}
	redirect(c.w, c.r, to)
}

func redirect(w http.ResponseWriter, _ *http.Request, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
}

// destination is where a page may be sent after a sign-in: a path of this site, or a URL of the allow-list. Everything
// that browsers read as another site is refused, and so is a fragment, which we add ourselves.
func (a *API) destination(text string) (string, error) {
	if text == "" {
		return "/", nil
	}
	bad := *fault.ErrInvalidRequest
	bad.Detail = "redirect_to must be a path of this site, or a URL of an allowed origin, without a fragment"
	u, err := url.Parse(text)
	switch {
	case err != nil, strings.Contains(text, "#"), strings.ContainsFunc(text, unicode.IsSpace), strings.ContainsFunc(text+u.Path, misread):
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(text, "/") && !strings.HasPrefix(u.Path, "//"):
		return text, nil
	case u.User == nil && u.Host != "" && u.Opaque == "" && slices.Contains(a.cfg.Origins, u.Scheme+"://"+u.Host):
		return text, nil
	}
	return "", &bad
}

// misread tells whether a character makes browsers and others read a URL differently, also where it is encoded.
func misread(r rune) bool { return r == '\\' || unicode.IsControl(r) }

func (a *API) linkProvider(ctx context.Context, c *call, in *linking) (*answer[LinkURL], error) {
	to := ""
	if in.Body != nil {
		to = in.Body.RedirectTo
	}
	to, err := a.destination(to)
	if err != nil {
		return nil, err
	}
	away, err := a.beginTrip(c, signin.Trip{Provider: in.Provider, RedirectTo: to, Link: c.actor()})
	if errors.Is(err, signin.ErrProvider) {
		return nil, fault.ErrUnavailable.Because(err)
	}
	if err != nil {
		return nil, err
	}
	return &answer[LinkURL]{LinkURL{away}}, nil
}

func (a *API) unlinkProvider(ctx context.Context, c *call, in *providerPath) (*nothing, error) {
	return nil, a.cfg.SignIn.Unlink(ctx, c.actor(), in.Provider)
}
