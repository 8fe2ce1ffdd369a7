package client

import (
	"context"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Me is the signed-in user.
func (c *Client) Me(ctx context.Context) (wire.User, error) {
	var user wire.User
	return user, c.Do(ctx, "GET", "/auth/me", nil, &user)
}

// Session is this device.
func (c *Client) Session(ctx context.Context) (wire.Session, error) {
	var session wire.Session
	return session, c.Do(ctx, "GET", "/auth/session", nil, &session)
}

// Sessions are the user's devices: this one first, then those online, then the recent ones.
func (c *Client) Sessions(ctx context.Context) ([]wire.Session, error) {
	var list struct {
		Sessions []wire.Session `json:"sessions"`
	}
	err := c.Do(ctx, "GET", "/auth/sessions", nil, &list)
	return list.Sessions, err
}

// EndSession signs one of the user's devices out. One that has ended already is no error while it is recorded.
func (c *Client) EndSession(ctx context.Context, id string) error {
	return c.Do(ctx, "DELETE", "/auth/sessions/"+url.PathEscape(id), nil, nil)
}

// EndOthers signs all other devices of the user out. The sign-in must be recent, else it is step_up_required.
func (c *Client) EndOthers(ctx context.Context) error {
	return c.Do(ctx, "POST", "/auth/logout/others", nil, nil)
}

// RenameSession gives one of the user's devices a name of 1 to 64 characters.
func (c *Client) RenameSession(ctx context.Context, id, name string) (wire.Session, error) {
	var session wire.Session
	err := c.Do(ctx, "PATCH", "/auth/sessions/"+url.PathEscape(id), map[string]string{"name": name}, &session)
	return session, err
}
