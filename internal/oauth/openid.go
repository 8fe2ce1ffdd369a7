package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

// openID is an issuer of OpenID Connect, found by discovery when it is first needed.
type openID struct {
	// Static after construction.
	name   string
	issuer string
	client *http.Client
	config oauth2.Config // without its endpoint

	asking   singleflight.Group // so that nobody waits behind others for an issuer that is down
	provider atomic.Pointer[oidc.Provider]
}

// discover asks the issuer for its endpoints, until it answers once.
func (p *openID) discover(ctx context.Context) (*oidc.Provider, error) {
	if found := p.provider.Load(); found != nil {
		return found, nil
	}
	found, err, _ := p.asking.Do("", func() (any, error) {
		// Others wait for it too: it must not end with the request.
		found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.issuer)
		if err == nil {
			p.provider.Store(found)
		}
		return found, err
	})
	if err != nil {
		return nil, fmt.Errorf("discover issuer: %w", err)
	}
	return found.(*oidc.Provider), nil
}

// AuthorizeURL is Provider's.
func (p *openID) AuthorizeURL(ctx context.Context, a Attempt) (string, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	cfg := p.config
	cfg.Endpoint = found.Endpoint()
	return cfg.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

// Identify is Provider's. Everything it tells stands in the id_token.
func (p *openID) Identify(ctx context.Context, a Attempt, code string) (Identity, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	cfg := p.config
	cfg.Endpoint = found.Endpoint()
	token, err := exchange(ctx, p.client, cfg, a, code)
	if err != nil {
		return Identity{}, err
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Identity{}, errors.New("the provider sent no id_token")
	}
	verified, err := found.Verifier(&oidc.Config{ClientID: cfg.ClientID}).Verify(oidc.ClientContext(ctx, p.client), raw)
	if err != nil {
		return Identity{}, fmt.Errorf("verify id_token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(a.Nonce)) != 1 {
		return Identity{}, errors.New("id_token of another sign-in")
	}
	var claims struct {
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
		Name     string `json:"name"`
	}
	if err := verified.Claims(&claims); err != nil {
		return Identity{}, fmt.Errorf("decode id_token: %w", err)
	}
	return Identity{Provider: p.name, Subject: verified.Subject, Email: claims.Email, Verified: claims.Verified && claims.Email != "", Name: claims.Name}, nil
}
