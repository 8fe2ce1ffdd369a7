package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"golang.org/x/oauth2"
)

// github speaks OAuth 2 without OpenID Connect: who it is, is asked of its API.
type github struct {
	api    string
	client *http.Client
	config oauth2.Config
}

// AuthorizeURL is Provider's.
func (p *github) AuthorizeURL(_ context.Context, a Attempt) (string, error) {
	return p.config.AuthCodeURL(a.State, oauth2.S256ChallengeOption(a.Verifier)), nil
}

// Identify is Provider's. Of the addresses only the primary one counts, and is verified only if GitHub says so.
func (p *github) Identify(ctx context.Context, a Attempt, code string) (Identity, error) {
	token, err := exchange(ctx, p.client, p.config, a, code)
	if err != nil {
		return Identity{}, err
	}
	var user struct {
		ID    int64  `json:"id"`
		Login string `json:"login"`
		Name  string `json:"name"`
	}
	if err := p.get(ctx, token, "/user", &user); err != nil {
		return Identity{}, err
	}
	if user.ID == 0 {
		return Identity{}, errors.New("GitHub names no user")
	}
	var addresses []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified bool   `json:"verified"`
	}
	if err := p.get(ctx, token, "/user/emails", &addresses); err != nil {
		return Identity{}, err
	}
	out := Identity{Provider: GitHub, Subject: strconv.FormatInt(user.ID, 10), Name: user.Name}
	if out.Name == "" {
		out.Name = user.Login
	}
	for _, x := range addresses {
		if x.Primary {
			out.Email, out.Verified = x.Email, x.Verified && x.Email != ""
		}
	}
	return out, nil
}

func (p *github) get(ctx context.Context, token *oauth2.Token, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.api+path, nil)
	if err != nil {
		return fmt.Errorf("ask GitHub: %w", err)
	}
	token.SetAuthHeader(req)
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("User-Agent", "gatehouse")
	resp, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask GitHub: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask GitHub for %s: status %d", path, resp.StatusCode)
	}
	data, err := bounded(resp.Body)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("read GitHub's %s: %w", path, err)
	}
	return nil
}
