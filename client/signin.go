package client

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// signIn is the SignIn of the API, in both its forms.
type signIn struct {
	Status       string       `json:"status"`
	AccessToken  string       `json:"access_token"`
	ExpiresIn    int          `json:"expires_in"`
	RefreshToken string       `json:"refresh_token"`
	User         wire.User    `json:"user"`
	Session      wire.Session `json:"session"`
	MFAToken     string       `json:"mfa_token"`
	Methods      []string     `json:"methods"`
}

// MFARequiredError is a sign-in whose password was right and that waits for a second factor: see LoginCode.
type MFARequiredError struct {
	Token     string
	Methods   []string
	ExpiresIn time.Duration
}

func (e *MFARequiredError) Error() string { return "a second factor is required" }

type credentials struct {
	Email      string `json:"email"`
	Password   string `json:"password"`
	Transport  string `json:"transport"`
	DeviceName string `json:"device_name,omitempty"`
}

// Login begins a session. A wrong address or password is an *Error with the code invalid_credentials, a second
// factor that is due an *MFARequiredError.
func (c *Client) Login(ctx context.Context, email, password string) (wire.User, wire.Session, error) {
	return c.signIn(ctx, "/auth/login", c.credentials(email, password))
}

// LoginCode goes on with a sign-in that waits for a second factor, by a code of the authenticator app (six digits) or
// a recovery code. A wrong one is an *Error with the code invalid_code.
func (c *Client) LoginCode(ctx context.Context, waiting *MFARequiredError, code string) (wire.User, wire.Session, error) {
	path := "/auth/mfa/recovery-code"
	if appCode.MatchString(code) {
		path = "/auth/mfa/totp"
	}
	return c.signIn(ctx, path, map[string]string{"mfa_token": waiting.Token, "code": code})
}

var appCode = regexp.MustCompile(`^[0-9]{6}$`)

// Register makes an account and begins a session; where addresses are verified first it is ErrVerificationSent.
func (c *Client) Register(ctx context.Context, email, password string) (wire.User, wire.Session, error) {
	return c.signIn(ctx, "/auth/register", c.credentials(email, password))
}

func (c *Client) credentials(email, password string) credentials {
	return credentials{Email: email, Password: password, Transport: "body", DeviceName: c.cfg.DeviceName}
}

func (c *Client) signIn(ctx context.Context, path string, body any) (wire.User, wire.Session, error) {
	if err := c.take(ctx); err != nil {
		return wire.User{}, wire.Session{}, err
	}
	defer c.leave()
	var in signIn
	err := c.call(ctx, "POST", path, "", body, &in)
	switch {
	case err != nil:
		return wire.User{}, wire.Session{}, err
	case in.Status == "verification_sent":
		return wire.User{}, wire.Session{}, ErrVerificationSent
	case in.Status == "mfa_required":
		return wire.User{}, wire.Session{}, &MFARequiredError{Token: in.MFAToken, Methods: in.Methods, ExpiresIn: seconds(in.ExpiresIn)}
	case in.AccessToken == "":
		return wire.User{}, wire.Session{}, fmt.Errorf("sign in: unknown status %q", in.Status)
	}
	c.adopt(in)
	return in.User, in.Session, nil
}

// Reauthenticate proves the password again, for calls that answer step_up_required. A wrong one is an *Error with the
// code invalid_credentials.
func (c *Client) Reauthenticate(ctx context.Context, password string) error {
	var in signIn
	if err := c.Do(ctx, "POST", "/auth/reauthenticate", map[string]string{"password": password}, &in); err != nil {
		return err
	}
	if err := c.take(ctx); err != nil {
		return err
	}
	defer c.leave()
	if _, session := c.current(); session != in.Session.ID { // it was another sign-in's
		return fmt.Errorf("reauthenticate: %w", ErrSignedOut)
	}
	c.adopt(in)
	return nil
}

// Logout ends the session. Its sockets are closed by the server (signed_out). A session that had ended before is no
// error; when the server cannot be reached, the client stays signed in.
func (c *Client) Logout(ctx context.Context) error {
	if err := c.take(ctx); err != nil {
		return err
	}
	defer c.leave()
	c.mu.Lock()
	refresh := c.tokens.refresh
	c.mu.Unlock()
	if refresh == "" {
		return ErrSignedOut
	}
	err := c.call(ctx, "POST", "/auth/logout", "", map[string]string{"refresh_token": refresh}, nil)
	if err != nil && endOf(err) == nil {
		return fmt.Errorf("sign out: %w", err)
	}
	c.forget(refresh, nil)
	return nil
}

// stopped tells whether a failed refresh is no matter of trying again.
func stopped(err error) bool {
	var end *EndedError
	return errors.As(err, &end) || errors.Is(err, ErrSignedOut)
}
