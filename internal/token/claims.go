// Package token makes and checks what clients carry: access tokens (JWT, RFC 9068) with the set of keys that
// signs them, refresh tokens and one-time secrets. It is pure: no I/O, and the time is always given.
package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

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
	Roles      []string  // roles
	AAL        int       // aal: 1 or 2
	AMR        []string  // amr (RFC 8176)
	AuthTime   time.Time // auth_time
	Epoch      int       // epoch: of the user's claims
	Generation int       // gen: of the refresh token it was minted with
	Owes       string    // owes; left out when nothing is owed
}

// payload is the JSON form of Claims. The accessors of jwt.Claims are there for the library's sake only:
// Keys.Verify checks the claims itself, because it needs the order of the answers and forms stricter than RFC 7519's.
type payload struct{ Claims }

type payloadJSON struct {
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

func (p payload) MarshalJSON() ([]byte, error) {
	return json.Marshal(payloadJSON{
		Issuer: p.Issuer, Audience: p.Audience, Subject: p.Subject, SessionID: p.SessionID,
		IssuedAt: p.IssuedAt.Unix(), Expires: p.Expires.Unix(), AuthTime: p.AuthTime.Unix(),
		Roles: list(p.Roles), AMR: list(p.AMR), AAL: p.AAL,
		Epoch: p.Epoch, Generation: p.Generation, Owes: p.Owes,
	})
}

// list is never JSON's null.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// UnmarshalJSON takes every claim in its one form: none missing but owes, none twice, names in exact case, no null.
// Claims it does not know are passed over, so that nodes of two versions understand each other.
func (p *payload) UnmarshalJSON(data []byte) error {
	m, err := members(data)
	if err != nil {
		return err
	}
	var j payloadJSON
	err = errors.Join(
		m.take("iss", &j.Issuer), m.take("aud", &j.Audience), m.take("sub", &j.Subject), m.take("sid", &j.SessionID),
		m.take("iat", &j.IssuedAt), m.take("exp", &j.Expires), m.take("auth_time", &j.AuthTime),
		m.take("roles", &j.Roles), m.take("amr", &j.AMR), m.take("aal", &j.AAL),
		m.take("epoch", &j.Epoch), m.take("gen", &j.Generation),
	)
	if _, ok := m["owes"]; ok {
		err = errors.Join(err, m.take("owes", &j.Owes))
	}
	if err != nil {
		return err
	}
	p.Claims = Claims{
		Issuer: j.Issuer, Audience: j.Audience, Subject: j.Subject, SessionID: j.SessionID,
		IssuedAt: time.Unix(j.IssuedAt, 0).UTC(), Expires: time.Unix(j.Expires, 0).UTC(), AuthTime: time.Unix(j.AuthTime, 0).UTC(),
		Roles: j.Roles, AAL: j.AAL, AMR: j.AMR, Epoch: j.Epoch, Generation: j.Generation, Owes: j.Owes,
	}
	return nil
}

var (
	errClaims    = errors.New("claims are not one JSON object")
	errDuplicate = errors.New("claim stands twice")
)

type object map[string]json.RawMessage

// members reads one JSON object. encoding/json by itself would let the last of two equal names win, and match
// names in any case: a second reader could then see another token.
func members(data []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errClaims
	}
	m := make(object, 16)
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errClaims
		}
		if _, ok := m[name]; ok {
			return nil, errDuplicate
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, errClaims
		}
		m[name] = value
	}
	return m, nil
}

// take decodes one member. The error names the claim and never shows the value.
func (m object) take(name string, into any) error {
	value, ok := m[name]
	if !ok || bytes.Equal(value, []byte("null")) || json.Unmarshal(value, into) != nil {
		return errors.New("claim " + name + " is missing or of the wrong type")
	}
	return nil
}

// maxTime is the last second of the year 9999, beyond which RFC 3339 has no form.
var maxTime = time.Unix(253402300799, 0)

// shape checks what holds of a token at any time: forms and ranges.
func (c Claims) shape() error {
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

func (p *payload) GetIssuer() (string, error)              { return p.Issuer, nil }
func (p *payload) GetSubject() (string, error)             { return p.Subject, nil }
func (p *payload) GetAudience() (jwt.ClaimStrings, error)  { return jwt.ClaimStrings{p.Audience}, nil }
func (p *payload) GetNotBefore() (*jwt.NumericDate, error) { return nil, nil }
func (p *payload) GetIssuedAt() (*jwt.NumericDate, error)  { return jwt.NewNumericDate(p.IssuedAt), nil }
func (p *payload) GetExpirationTime() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(p.Expires), nil
}
