package signin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/oauth"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// VisitLife is how long somebody may stay at a provider.
const VisitLife = 10 * time.Minute

// What goes wrong at a provider, by the codes that the page is told.
var (
	ErrStateInvalid = &fault.Error{Kind: fault.Malformed, Code: "state_invalid"}
	ErrDenied       = &fault.Error{Kind: fault.Forbidden, Code: "access_denied"} // the person said no there
	ErrProvider     = &fault.Error{Kind: fault.Unavailable, Code: "provider_error"}
	ErrUnverified   = &fault.Error{Kind: fault.Forbidden, Code: "email_unverified"} // the provider does not vouch for it
	ErrDisabled     = &fault.Error{Kind: fault.Forbidden, Code: "account_disabled"}
	ErrClosed       = &fault.Error{Kind: fault.Forbidden, Code: "signup_closed"}
)

// Trip is a way to a provider and back.
type Trip struct {
	Provider   string
	Browser    string // a secret that only this browser has, in a cookie
	RedirectTo string // where the page goes then
	Link       Actor  // who links the account there to his own; zero: a sign-in
	Replaces   string // the session whose cookie the sign-in will overwrite; "" for none
}

// trip is a Trip as its grant keeps it: what must come back, and what must not be shown.
type trip struct {
	Provider   string `json:"provider"`
	Browser    string `json:"browser"` // hashed
	RedirectTo string `json:"redirect_to"`
	Session    string `json:"session,omitempty"` // that links
	Replaces   string `json:"replaces,omitempty"`
	Nonce      string `json:"nonce"`
	Verifier   string `json:"verifier"`
}

// BeginTrip is the provider's URL to send the browser to. fault.ErrNotFound for a provider that is not configured.
func (s *Service) BeginTrip(ctx context.Context, t Trip) (string, error) {
	provider, ok := s.Providers[t.Provider]
	if !ok {
		return "", fault.ErrNotFound
	}
	attempt := oauth.NewAttempt()
	payload, err := json.Marshal(trip{
		Provider: t.Provider, Browser: hashedBrowser(t.Browser), RedirectTo: t.RedirectTo, Session: t.Link.SessionID, Replaces: t.Replaces,
		Nonce: attempt.Nonce, Verifier: attempt.Verifier,
	})
	if err != nil {
		return "", fmt.Errorf("encode trip: %w", err)
	}
	attempt.State, err = s.Grants.Give(ctx, grant.Grant{Purpose: grant.OAuthState, UserID: t.Link.UserID, TriesLeft: 1, Payload: payload}, VisitLife)
	if err != nil {
		return "", err
	}
	url, err := provider.AuthorizeURL(ctx, attempt)
	if err != nil {
		return "", ErrProvider.Because(err)
	}
	return url, nil
}

func hashedBrowser(secret string) string {
	sum := sha256.Sum256([]byte("oauth browser " + secret))
	return hex.EncodeToString(sum[:])
}

// Callback is what a provider sent the browser back with.
type Callback struct {
	Provider, State, Code string
	Error                 string // of the provider, in place of a code (RFC 6749 section 4.1.2.1)
	Browser               string
	Visit                 session.Visit
}

// Returned is where the page goes after a trip, and how far the sign-in came. A linking has no Outcome.
type Returned struct {
	RedirectTo string // "" when the state was no good: then nothing of it is believed
	Linked     bool
	Outcome    Outcome
}

// EndTrip consumes the state, before anything else, and signs in or links. The Returned is of use with an error too.
func (s *Service) EndTrip(ctx context.Context, c Callback) (Returned, error) {
	kept, linker, err := s.kept(ctx, c)
	if err != nil {
		return Returned{}, err
	}
	back := Returned{RedirectTo: kept.RedirectTo, Linked: kept.Session != ""}
	who, err := s.identify(ctx, c, kept)
	if err != nil {
		return back, err
	}
	if back.Linked {
		return back, s.link(ctx, Actor{UserID: linker, SessionID: kept.Session, IP: c.Visit.IP}, who)
	}
	u, err := s.byIdentity(ctx, who, c.Visit.IP)
	if err != nil {
		return back, err
	}
	back.Outcome, err = s.enter(ctx, u, 1, c.Provider, Entry{Transport: session.Cookie, Replaces: kept.Replaces, Visit: c.Visit})
	return back, err
}

// identify is who came back.
func (s *Service) identify(ctx context.Context, c Callback, t trip) (oauth.Identity, error) {
	switch c.Error {
	case "":
	case ErrDenied.Code:
		return oauth.Identity{}, ErrDenied
	default:
		return oauth.Identity{}, ErrProvider.Because(errors.New("the provider sends the browser back with an error"))
	}
	who, err := s.Providers[c.Provider].Identify(ctx, oauth.Attempt{State: c.State, Nonce: t.Nonce, Verifier: t.Verifier}, c.Code)
	if err != nil {
		return oauth.Identity{}, ErrProvider.Because(err)
	}
	return who, nil
}

// kept is the trip that a state belongs to. Another provider's, another browser's, a used or a late one is none.
func (s *Service) kept(ctx context.Context, c Callback) (t trip, linker string, err error) {
	if _, ok := s.Providers[c.Provider]; !ok {
		return t, "", fault.ErrNotFound
	}
	g, err := s.Grants.Take(ctx, grant.OAuthState, c.State)
	if errors.Is(err, grant.ErrExpired) {
		return t, "", ErrStateInvalid
	}
	if err != nil {
		return t, "", err
	}
	if err := json.Unmarshal(g.Payload, &t); err != nil {
		return t, "", fmt.Errorf("decode trip: %w", err)
	}
	same := subtle.ConstantTimeCompare([]byte(t.Browser), []byte(hashedBrowser(c.Browser))) == 1
	if t.Provider != c.Provider || c.Browser == "" || !same {
		return t, "", ErrStateInvalid
	}
	return t, g.UserID, nil
}

// link adds an identity to the user who asked for it, from a session that must still live. Its address may be another
// than the account's, but the provider must vouch for it.
func (s *Service) link(ctx context.Context, a Actor, who oauth.Identity) error {
	if !who.Verified {
		return ErrUnverified
	}
	err := s.telling(ctx, a.UserID, linked(who), func() error {
		added := false
		_, err := s.living(a).Change(ctx, a.UserID, true, func(u *account.User) error {
			err := s.addIdentity(u, who)
			added = err == nil
			return err
		})
		if err == nil && !added {
			return mail.ErrNone
		}
		if err == nil {
			s.changedIdentity(ctx, a, audit.IdentityLinked, who.Provider)
		}
		return err
	})
	if errors.Is(err, fault.ErrSessionRevoked) || errors.Is(err, fault.ErrNotFound) {
		return ErrStateInvalid
	}
	return err
}

// addIdentity links a user, who has at most one account of each provider.
func (s *Service) addIdentity(u *account.User, who oauth.Identity) error {
	for _, i := range u.Identities {
		if i.Provider != who.Provider {
			continue
		}
		if i.Subject == who.Subject {
			return account.ErrUnchanged
		}
		return account.ErrIdentityTaken
	}
	u.Identities = append(append([]account.Identity{}, u.Identities...), identity(who, s.Now()))
	return nil
}

func identity(who oauth.Identity, now time.Time) account.Identity {
	return account.Identity{Provider: who.Provider, Subject: who.Subject, Email: who.Email, LinkedAt: now}
}

// Unlink takes an identity away. account.ErrLastCredential when it is the only way to sign in.
func (s *Service) Unlink(ctx context.Context, a Actor, provider string) error {
	l := mail.Letter{Kind: mail.Identity, Provider: providerName(provider), AuthVersion: 1}
	err := s.telling(ctx, a.UserID, l, func() error { return s.unlink(ctx, a.UserID, provider) })
	if err == nil {
		s.changedIdentity(ctx, a, audit.IdentityUnlinked, provider)
	}
	return err
}

func (s *Service) unlink(ctx context.Context, userID, provider string) error {
	_, err := s.Accounts.Change(ctx, userID, true, func(u *account.User) error {
		var rest []account.Identity
		for _, i := range u.Identities {
			if i.Provider != provider {
				rest = append(rest, i)
			}
		}
		switch {
		case len(rest) == len(u.Identities):
			return fault.ErrNotFound
		case u.Credentials() == 1:
			return account.ErrLastCredential
		}
		u.Identities = rest
		u.AuthVersion++
		return nil
	})
	return err
}

func (s *Service) changedIdentity(ctx context.Context, a Actor, action, provider string) {
	s.record(ctx, audit.Event{
		Action: action, Actor: userParty(a.UserID), Target: userParty(a.UserID), UserID: a.UserID, IP: a.IP, Outcome: audit.Success,
		Details: map[string]string{"provider": provider},
	})
}
