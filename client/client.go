package client

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config is what a Client needs to know. Only BaseURL is required.
type Config struct {
	BaseURL    string       // such as https://gatehouse.example.com
	HTTPClient *http.Client // nil: one with a timeout of 30 s. Redirects are not followed unless it says how
	UserAgent  string       // "": gatehouse/1
	DeviceName string       // what the session is called; "": the server makes a name of the UserAgent

	// OnTokens hears of every new refresh token before the client uses what came with it, so that what is stored is
	// never older than what the server has seen used; and of "" when the session is over. It must not call the Client.
	OnTokens func(refreshToken string)
}

// Client is one signed-in device, or one about to sign in.
type Client struct {
	// Static after construction.
	cfg  Config
	http *http.Client
	turn chan struct{} // capacity 1: held while tokens are being exchanged
	hook sync.Mutex    // held while OnTokens is called and what it heard comes into force

	mu      sync.Mutex // guards the following
	tokens  tokens
	ended   *EndedError // how the last session ended; nil while there is one
	sockets map[*Socket]struct{}
}

type tokens struct {
	access  string
	until   time.Time // access is not worth presenting after this
	refresh string
	session string // id; "" until the server told it
}

// New makes a Client that is not signed in.
func New(cfg Config) *Client {
	cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	if cfg.UserAgent == "" {
		cfg.UserAgent = "gatehouse/1"
	}
	if cfg.OnTokens == nil {
		cfg.OnTokens = func(string) {}
	}
	hc := http.Client{Timeout: 30 * time.Second}
	if cfg.HTTPClient != nil {
		hc = *cfg.HTTPClient
	}
	if hc.CheckRedirect == nil {
		// A redirect would carry the password or the refresh token in a body to wherever it points.
		hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return &Client{cfg: cfg, http: &hc, turn: make(chan struct{}, 1), sockets: map[*Socket]struct{}{}}
}

// Resume goes on with a session whose refresh token was stored. Nothing is sent yet.
func (c *Client) Resume(refreshToken string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens, c.ended = tokens{refresh: refreshToken}, nil
}

// AccessToken is one that is good for now, for calls to other services; it refreshes when it has to.
func (c *Client) AccessToken(ctx context.Context) (string, error) { return c.token(ctx) }

// Do calls the API as the signed-in user, or anonymously when nobody is signed in. in is sent as JSON unless nil,
// the answer is decoded into out unless nil. A token that the server finds too old is renewed and the call repeated
// once. Refusals are *Error; when they mean that the session is over, *EndedError.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	token, err := c.token(ctx)
	if stopped(err) {
		return c.anonymous(ctx, method, path, in, out, err)
	}
	if err != nil {
		return err
	}
	err = c.call(ctx, method, path, token, in, out)
	var said *Error
	if !errors.As(err, &said) || !said.speaksOfToken() {
		return err
	}
	// Also where the session is over: refused, the refresh says why.
	if token, err = c.renew(ctx, token); err != nil {
		return err
	}
	return c.call(ctx, method, path, token, in, out)
}

// anonymous is Do without a session. Where one was needed the error says why there is none.
func (c *Client) anonymous(ctx context.Context, method, path string, in, out any, why error) error {
	err := c.call(ctx, method, path, "", in, out)
	var said *Error
	if errors.As(err, &said) && said.Code == "unauthenticated" {
		return why
	}
	return err
}

// take waits for the turn to exchange tokens. It is given back by leave.
func (c *Client) take(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) leave() { <-c.turn }
