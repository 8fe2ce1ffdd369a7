package hub

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// refusal is an answer before the upgrade.
type refusal struct {
	status int
	err    *Error
}

// checkUpgrade tells whether the request opens a WebSocket (RFC 6455 section 4.2.1).
func checkUpgrade(r *http.Request) *refusal {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return &refusal{http.StatusMethodNotAllowed, &Error{Code: "method_not_allowed"}}
	case r.Method == http.MethodHead, !r.ProtoAtLeast(1, 1),
		!slices.ContainsFunc(tokens(r, "Connection"), fold("upgrade")),
		!slices.ContainsFunc(tokens(r, "Upgrade"), fold("websocket")):
		return &refusal{http.StatusUpgradeRequired, &Error{Code: "invalid_request", Detail: "this is a WebSocket"}}
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return &refusal{http.StatusUpgradeRequired, &Error{Code: "invalid_request", Detail: "WebSocket version 13 is spoken here"}}
	case !validKey(r.Header.Values("Sec-WebSocket-Key")):
		return &refusal{http.StatusBadRequest, &Error{Code: "invalid_request", Detail: "Sec-WebSocket-Key is missing or malformed"}}
	}
	return nil
}

func checkProtocol(r *http.Request) *refusal {
	if slices.Contains(tokens(r, "Sec-WebSocket-Protocol"), wire.Protocol) {
		return nil
	}
	return &refusal{http.StatusBadRequest, &Error{Code: "invalid_request", Detail: "the subprotocol " + wire.Protocol + " must be offered"}}
}

// checkOrigin refuses an Origin that is not listed, null or doubled. Without one the request is no browser's, and
// passes, unless the cookie is its only credential: a cookie is sent unasked, so its page must be known.
func (h *Hub) checkOrigin(r *http.Request, kind CredentialKind) *refusal {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 && kind != Cookie || len(origins) == 1 && h.origins[origins[0]] {
		return nil
	}
	return &refusal{http.StatusForbidden, &Error{Code: "origin_not_allowed"}}
}

// credential picks the first credential present. Kind 0 means that a first frame must bring one.
func (h *Hub) credential(r *http.Request) Credential {
	c := Credential{Request: r, Addr: h.cfg.ClientAddr(r), UserAgent: userAgent(r)}
	offered := tokens(r, "Sec-WebSocket-Protocol")
	for _, form := range []struct {
		prefix string
		kind   CredentialKind
	}{{wire.BearerPrefix, Token}, {wire.TicketPrefix, Ticket}} {
		for _, entry := range offered {
			if value, ok := strings.CutPrefix(entry, form.prefix); ok {
				c.Kind, c.Value = form.kind, value
				return c
			}
		}
	}
	if value, ok := bearer(r.Header.Values("Authorization")); ok {
		c.Kind, c.Value = Token, value
	} else if h.cfg.Auth.HasCookie(r) {
		c.Kind = Cookie
	}
	return c
}

// bearer is the token of an Authorization header (RFC 6750 section 2.1). A doubled or malformed one is present but
// "", which no Authenticator accepts.
func bearer(values []string) (string, bool) {
	for _, v := range values {
		scheme, rest, _ := strings.Cut(v, " ")
		if !strings.EqualFold(scheme, "bearer") {
			continue
		}
		rest = strings.TrimLeft(rest, " ")
		if len(values) > 1 || strings.ContainsAny(rest, " \t,") {
			return "", true
		}
		return rest, true
	}
	return "", false
}

func userAgent(r *http.Request) string {
	ua := r.UserAgent()
	return strings.Clone(ua[:min(len(ua), 512)])
}

// tokens are the comma-separated entries of a header.
func tokens(r *http.Request, name string) []string {
	var out []string
	for _, v := range r.Header.Values(name) {
		for _, t := range strings.Split(v, ",") {
			if t = strings.TrimSpace(t); t != "" {
				out = append(out, t)
			}
		}
	}
	return out
}

func fold(want string) func(string) bool {
	return func(s string) bool { return strings.EqualFold(s, want) }
}

func validKey(keys []string) bool {
	if len(keys) != 1 {
		return false
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(keys[0]))
	return err == nil && len(b) == 16
}
