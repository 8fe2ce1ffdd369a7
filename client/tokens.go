package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// attempts is how often a refresh is sent whose answer does not come.
const attempts = 3

// Refresh gets fresh tokens now. Callers at the same time share one refresh. A ctx that ends while the request is
// under way loses nothing: the next refresh presents the same token.
func (c *Client) Refresh(ctx context.Context) error {
	c.mu.Lock()
	old := c.tokens.access
	c.mu.Unlock()
	_, err := c.renew(ctx, old)
	return err
}

// renew is a token other than old.
func (c *Client) renew(ctx context.Context, old string) (string, error) {
	c.outdate(old)
	return c.token(ctx)
}

// outdate makes token need a refresh, if it is still the one in use.
func (c *Client) outdate(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tokens.access == token {
		c.tokens.until = time.Time{}
	}
}

// token is an access token worth presenting.
func (c *Client) token(ctx context.Context) (string, error) {
	if token := c.usable(); token != "" {
		return token, nil
	}
	if err := c.take(ctx); err != nil {
		return "", err
	}
	defer c.leave()
	if token := c.usable(); token != "" { // somebody else's turn brought it
		return token, nil
	}
	return c.exchange(ctx)
}

func (c *Client) usable() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.tokens.until) {
		return c.tokens.access
	}
	return ""
}

// exchange trades the refresh token for new ones. The caller has the turn.
func (c *Client) exchange(ctx context.Context) (string, error) {
	c.mu.Lock()
	old, ended := c.tokens, c.ended
	c.mu.Unlock()
	if old.refresh == "" {
		if ended != nil {
			return "", ended
		}
		return "", ErrSignedOut
	}
	in, err := c.presentRefresh(ctx, old.refresh)
	if err == nil {
		c.adopt(in)
		return in.AccessToken, nil
	}
	if end := endOf(err); end != nil {
		c.forget(old.refresh, end)
		return "", end
	}
	return "", fmt.Errorf("refresh: %w", err)
}

// presentRefresh sends the refresh token, the same one again when the answer got lost.
func (c *Client) presentRefresh(ctx context.Context, token string) (signIn, error) {
	for attempt := 1; ; attempt++ {
		var in signIn
		err := c.call(ctx, "POST", "/auth/refresh", "", map[string]string{"refresh_token": token}, &in)
		if err == nil && in.AccessToken == "" {
			err = errors.New("the answer has no token")
		}
		var said *Error
		if err == nil || errors.As(err, &said) || attempt == attempts || !sleep(ctx, jitter(attempt)) {
			return in, err
		}
	}
}

// endOf is the end of the session that a refused refresh proves, or nil.
func endOf(err error) *EndedError {
	var end *EndedError
	if errors.As(err, &end) {
		return end
	}
	var said *Error
	if !errors.As(err, &said) || !said.speaksOfToken() {
		return nil
	}
	code := wire.CloseUnauthenticated
	if said.Code == "session_revoked" {
		code = wire.CloseSessionRevoked
	}
	return &EndedError{Code: code, Reason: code.Name(), Err: said}
}

// adopt makes what a sign-in or refresh brought the tokens in use, and shows the new one on the open sockets. The
// caller has the turn.
func (c *Client) adopt(in signIn) {
	c.hook.Lock()
	defer c.hook.Unlock()
	c.mu.Lock()
	old := c.tokens.refresh
	c.mu.Unlock()
	fresh := tokens{access: in.AccessToken, until: time.Now().Add(seconds(in.ExpiresIn)), refresh: in.RefreshToken, session: in.Session.ID}
	if fresh.refresh == "" { // an answer that renews the access token only
		fresh.refresh = old
	}
	if fresh.refresh != old {
		c.cfg.OnTokens(fresh.refresh)
	}
	c.mu.Lock()
	c.tokens, c.ended = fresh, nil
	sockets := make([]*Socket, 0, len(c.sockets))
	for s := range c.sockets {
		sockets = append(sockets, s)
	}
	c.mu.Unlock()
	for _, s := range sockets {
		s.reauth()
	}
}

// forget drops the tokens if refresh is still among them. end says why; nil: signed out by this client.
func (c *Client) forget(refresh string, end *EndedError) {
	c.hook.Lock()
	defer c.hook.Unlock()
	c.mu.Lock()
	mine := refresh != "" && c.tokens.refresh == refresh
	if mine {
		c.tokens, c.ended = tokens{}, end
	}
	c.mu.Unlock()
	if mine {
		c.cfg.OnTokens("")
	}
}

// sessionOver is forget for a socket whose session ended.
func (c *Client) sessionOver(session string, end *EndedError) {
	c.mu.Lock()
	refresh := c.tokens.refresh
	if c.tokens.session != session {
		refresh = "" // a later sign-in's
	}
	c.mu.Unlock()
	c.forget(refresh, end)
}

// current is the access token in use, however old, and its session.
func (c *Client) current() (token, session string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tokens.access, c.tokens.session
}
