package httpapi

import (
	"context"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
)

type naming struct {
	Body struct {
		Name string `json:"name"`
	}
}

type passwordChange struct {
	Body struct {
		CurrentPassword string `json:"current_password,omitempty" doc:"Needed when the account has a password"`
		NewPassword     string `json:"new_password"`
	}
}

func (a *API) accountRoutes() {
	const tag = "My account"
	handle(a, route{method: "GET", path: "/auth/me", tag: tag, owing: true, summary: "Who I am"}, a.me)
	handle(a, route{method: "PATCH", path: "/auth/me", tag: tag, summary: "Change my name"}, a.rename)
	handle(a, route{method: "DELETE", path: "/auth/me", tag: tag, status: http.StatusNoContent, stepUp: true,
		summary: "Delete my account"}, a.deleteMe)
	handle(a, route{method: "POST", path: "/auth/password", tag: tag, status: http.StatusNoContent, stepUp: true,
		summary: "Change my password: my other devices are signed out"}, a.changePassword)
}

func (a *API) me(ctx context.Context, c *call, _ *struct{}) (*answer[wire.User], error) {
	return asUser(a.cfg.Accounts.User(ctx, c.who.UserID))
}

func (a *API) rename(ctx context.Context, c *call, in *naming) (*answer[wire.User], error) {
	return asUser(a.cfg.Accounts.Rename(ctx, c.who.UserID, in.Body.Name))
}

// deleteMe is also a sign-out.
func (a *API) deleteMe(ctx context.Context, c *call, _ *struct{}) (*nothing, error) {
	err := a.cfg.SignIn.Delete(ctx, c.actor())
	if err == nil {
		c.dropCookie()
	}
	return nil, err
}

func (a *API) changePassword(ctx context.Context, c *call, in *passwordChange) (*nothing, error) {
	if err := a.take(ctx, ratelimit.ReauthSession, c.who.SessionID); err != nil {
		return nil, err
	}
	if err := a.cfg.SignIn.ChangePassword(ctx, c.actor(), in.Body.CurrentPassword, in.Body.NewPassword); err != nil {
		return nil, err
	}
	a.giveBack(ctx, ratelimit.ReauthSession, c.who.SessionID)
	return nil, nil
}
