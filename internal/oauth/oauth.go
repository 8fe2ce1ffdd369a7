// Package oauth speaks to the providers at which people sign in: Google, or another issuer of OpenID Connect, and
// GitHub. A provider tells who somebody is there; what that means here is decided elsewhere.
//
// A provider that is down stops nothing but sign-ins by it: nothing is fetched before the first of them.
package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/internal/config"
)

// The providers, by their names in the API.
const (
	Google = "google"
	GitHub = "github"
)

// Bounds of a call to a provider.
const (
	timeout   = 10 * time.Second
	maxAnswer = 1 << 20 // bytes
)

// Identity is who somebody is at a provider.
type Identity struct {
	Provider string
	Subject  string // stable and never given to anybody else; an address is neither
	Email    string // as the provider writes it; "" when it tells none
	Verified bool   // the provider vouches that the address is his
	Name     string
}

// Attempt is what one sign-in at a provider is bound to: all of it is made by the caller, kept until the callback and
// used once.
type Attempt struct {
	State    string // comes back with the callback (RFC 6749 section 10.12)
	Nonce    string // stands in the id_token (OpenID Connect Core section 3.1.2.1)
	Verifier string // proves that the code was asked for here (RFC 7636)
}

// NewAttempt is a fresh one, whose State is still to be given.
func NewAttempt() Attempt { return Attempt{Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()} }

// Provider is one of them.
type Provider interface {
	// AuthorizeURL is where the browser goes. An error is trouble at the provider.
	AuthorizeURL(ctx context.Context, a Attempt) (string, error)
	// Identify exchanges the code of a callback. An error is trouble at the provider, or an answer that does not verify.
	Identify(ctx context.Context, a Attempt, code string) (Identity, error)
}

// Providers are those that cfg names. callback is the URL that a provider sends the browser back to.
func Providers(cfg config.Config) map[string]Provider {
	out := make(map[string]Provider)
	client := &http.Client{Timeout: timeout}
	callback := func(name string) string { return cfg.PublicURL.String() + "/auth/oauth/" + name + "/callback" }
	if cfg.Google.Enabled() {
		out[Google] = &openID{
			name: Google, issuer: cfg.Google.Issuer.String(), client: client,
			config: oauth2.Config{ClientID: cfg.Google.ClientID, ClientSecret: cfg.Google.ClientSecret, RedirectURL: callback(Google), Scopes: []string{"openid", "email", "profile"}},
		}
	}
	if cfg.GitHub.Enabled() {
		out[GitHub] = &github{
			api: cfg.GitHub.APIURL.String(), client: client,
			config: oauth2.Config{
				ClientID: cfg.GitHub.ClientID, ClientSecret: cfg.GitHub.ClientSecret, RedirectURL: callback(GitHub), Scopes: []string{"read:user", "user:email"},
				Endpoint: oauth2.Endpoint{
					AuthURL: cfg.GitHub.URL.String() + "/login/oauth/authorize", TokenURL: cfg.GitHub.URL.String() + "/login/oauth/access_token",
				},
			},
		}
	}
	return out
}

// exchange trades the code for tokens. The error of the library holds the provider's answer, which may repeat the
// code: what is said of it is its kind.
func exchange(ctx context.Context, client *http.Client, cfg oauth2.Config, a Attempt, code string) (*oauth2.Token, error) {
	token, err := cfg.Exchange(context.WithValue(ctx, oauth2.HTTPClient, client), code, oauth2.VerifierOption(a.Verifier))
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return nil, fmt.Errorf("exchange code: the provider answers %d %s", refused.Response.StatusCode, refused.ErrorCode)
	}
	if err != nil {
		return nil, errors.New("exchange code: the provider cannot be reached")
	}
	return token, nil
}

// bounded reads an answer of a provider, or fails if it is too long.
func bounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err == nil && len(data) > maxAnswer {
		err = errors.New("answer is too long")
	}
	return data, err
}
