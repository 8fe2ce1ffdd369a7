package httpapi

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// CookieName is the name of the refresh cookie. The __Host- prefix binds it to the host and to https; plain http is
// for loopback hosts only, where browsers refuse the prefix.
func CookieName(public *url.URL) string {
	if public.Scheme == "https" {
		return "__Host-gatehouse_refresh"
	}
	return "gatehouse_refresh"
}

// cookie is the refresh token that came in the cookie, or "".
func (c *call) cookie() string {
	cookie, err := c.r.Cookie(CookieName(c.api.cfg.PublicURL))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// setCookie gives the browser its refresh token.
func (c *call) setCookie(value string, life time.Duration) {
	http.SetCookie(c.w, c.refreshCookie(value, int(life/time.Second)))
}

// clearCookie takes it back. Only sign-out does that: after a refused refresh another tab may just have been given one.
func (c *call) clearCookie() { http.SetCookie(c.w, c.refreshCookie("", -1)) }

func (c *call) refreshCookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: CookieName(c.api.cfg.PublicURL), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true,
		Secure: c.api.cfg.PublicURL.Scheme == "https", SameSite: http.SameSiteStrictMode,
	}
}

// proven tells whether the browser vouches that the request comes from a page that may use the cookie: its own origin,
// or one of the allow-list. A request that says neither is no proof.
func (c *call) proven() bool {
	if c.r.Header.Get("Sec-Fetch-Site") == "same-origin" {
		return true
	}
	origin := c.r.Header.Values("Origin")
	return len(origin) == 1 && c.api.origins[origin[0]]
}

// fromBrowser tells whether the request has the headers that only browsers send.
func (c *call) fromBrowser() bool {
	return c.r.Header.Get("Sec-Fetch-Site") != "" || c.r.Header.Get("Origin") != ""
}

// cors lets pages of the allow-list read the answers (Fetch standard, section 3.2). Others get no such header.
func (a *API) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if !a.share(h, r) || r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	})
}

// share says in the header of an answer which page may read it, and tells whether the request's may.
func (a *API) share(h http.Header, r *http.Request) bool {
	h["Vary"] = append(varyOrigin, h["Vary"]...)
	origin := r.Header.Get("Origin")
	if !a.origins[origin] {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", exposed)
	return true
}

// isAPI tells whether a path belongs to the API: what is not found there is never a page.
func isAPI(path string) bool {
	return strings.HasPrefix(path, "/auth/") || strings.HasPrefix(path, "/admin/") || path == "/auth" || path == "/admin"
}
