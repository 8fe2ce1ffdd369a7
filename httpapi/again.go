package httpapi

import (
	"context"
	"encoding/json"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// reauthentication is one of password, code, or ceremony with credential.
type reauthentication struct {
	Body struct {
		Password   string          `json:"password,omitempty"`
		Code       string          `json:"code,omitempty" doc:"Of the authenticator app, or a recovery code"`
		Ceremony   string          `json:"ceremony,omitempty"`
		Credential json.RawMessage `json:"credential,omitempty"`
	}
}

func (a *API) againRoutes() {
	const tag = "My account"
	handle(a, route{method: "POST", path: "/auth/reauthenticate/options", tag: tag, owing: true, summary: "Begin to show a passkey again"}, a.passkeyAgain)
	handle(a, route{method: "POST", path: "/auth/reauthenticate", tag: tag, owing: true,
		summary: "Show a credential again, for what needs a fresh sign-in or a second factor"}, a.reauthenticate)
}

func (a *API) passkeyAgain(ctx context.Context, c *call, _ *struct{}) (*answer[Ceremony], error) {
	return ceremony(a.cfg.SignIn.PasskeyAgain(ctx, c.actor()))
}

// reauthenticate counts per session, so that strangers cannot exhaust it. Codes count with those on the session's
// sockets: another connection is no new guess.
func (a *API) reauthenticate(ctx context.Context, c *call, in *reauthentication) (*answer[SignIn], error) {
	b, limit := in.Body, ratelimit.ReauthSession
	var show func() (session.Issued, error)
	switch {
	case b.Password != "":
		show = func() (session.Issued, error) { return a.cfg.SignIn.Reauthenticate(ctx, c.actor(), b.Password) }
	case b.Code != "":
		limit = ratelimit.MFASession
		show = func() (session.Issued, error) { return a.cfg.SignIn.ReauthenticateByCode(ctx, c.actor(), b.Code) }
	case b.Ceremony != "":
		show = func() (session.Issued, error) {
			return a.cfg.SignIn.ReauthenticateByPasskey(ctx, c.actor(), b.Ceremony, b.Credential)
		}
	default:
		return nil, fault.Field("password", "or code, or ceremony with credential, is required")
	}
	if err := a.take(ctx, limit, c.who.SessionID); err != nil {
		return nil, err
	}
	out, err := show()
	if err != nil {
		return nil, err
	}
	a.giveBack(ctx, limit, c.who.SessionID)
	return a.signedIn(ctx, c, out)
}
