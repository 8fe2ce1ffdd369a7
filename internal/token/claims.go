// Package token makes and checks what clients carry: access tokens (JWT, RFC 9068) with the set of keys that
// signs them, refresh tokens and one-time secrets. It is pure: no I/O, and the time is always given.
package token

import (
	"errors"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// Audience is the `aud` of every access token.
const Audience = "gatehouse"

// The values of Claims.Owes.
const (
	OwesNothing = ""
	OwesMFA     = "mfa"   // a second factor has to be shown
	OwesSetup   = "setup" // a second factor has to be set up
)

// Owed is what a session owes before it may do anything else: to show a second factor when its user has one and it was
// not shown, or to set one up when he must have one.
func Owed(hasFactor bool, aal int, mustHave bool) string {
	switch {
	case hasFactor && aal < 2:
		return OwesMFA
	case !hasFactor && mustHave:
		return OwesSetup
	}
	return OwesNothing
}

// Claims are what an access token says. Times are whole seconds: Sign cuts off the rest.
type Claims struct {
	Issuer     string    // iss; set by Sign
	Audience   string    // aud; set by Sign
	Subject    string    // sub: the user's id
	SessionID  string    // sid
	IssuedAt   time.Time // iat
	Expires    time.Time // exp
	Roles      []string  // roles. Of what Verify returns, this list and AMR are shared: nobody may change them
	AAL        int       // aal: 1 or 2
	AMR        []string  // amr (RFC 8176)
	AuthTime   time.Time // auth_time
	Epoch      int       // epoch: of the user's claims
	Generation int       // gen: of the refresh token it was minted with
	Owes       string    // owes; left out when nothing is owed
}

// payload is the JSON form of Claims, as Sign writes it. What reads it is reader.
type payload struct {
	Issuer     string   `json:"iss"`
	Audience   string   `json:"aud"`
	Subject    string   `json:"sub"`
	SessionID  string   `json:"sid"`
	IssuedAt   int64    `json:"iat"`
	Expires    int64    `json:"exp"`
	Roles      []string `json:"roles"`
	AAL        int      `json:"aal"`
	AMR        []string `json:"amr"`
	AuthTime   int64    `json:"auth_time"`
	Epoch      int      `json:"epoch"`
	Generation int      `json:"gen"`
	Owes       string   `json:"owes,omitempty"`
}

func (c *Claims) payload() payload {
	return payload{
		Issuer: c.Issuer, Audience: c.Audience, Subject: c.Subject, SessionID: c.SessionID,
		IssuedAt: c.IssuedAt.Unix(), Expires: c.Expires.Unix(), AuthTime: c.AuthTime.Unix(),
		Roles: list(c.Roles), AMR: list(c.AMR), AAL: c.AAL,
		Epoch: c.Epoch, Generation: c.Generation, Owes: c.Owes,
	}
}

// list is never JSON's null.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// maxTime is the last second of the year 9999, beyond which RFC 3339 has no form.
var maxTime = time.Unix(253402300799, 0)

// shape checks what holds of a token at any time: forms and ranges.
func (c *Claims) shape() error {
	switch {
	case !id.Is(id.User, c.Subject):
		return errors.New("sub is no user id")
	case !id.Is(id.Session, c.SessionID):
		return errors.New("sid is no session id")
	case !inRange(c.IssuedAt), !inRange(c.Expires), !inRange(c.AuthTime), c.Expires.Before(c.IssuedAt):
		return errors.New("times are out of range")
	case c.AAL != 1 && c.AAL != 2:
		return errors.New("aal is neither 1 nor 2")
	case c.Epoch < 0, c.Generation < 0:
		return errors.New("epoch or gen is negative")
	case c.Owes != OwesNothing && c.Owes != OwesMFA && c.Owes != OwesSetup:
		return errors.New("owes is unknown")
	}
	return nil
}

func inRange(t time.Time) bool { return t.Unix() > 0 && !t.After(maxTime) }
