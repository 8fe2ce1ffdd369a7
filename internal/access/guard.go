// Package access decides whether an access token is good here and now, from memory alone: its signature and claims,
// then what this node knows of ended sessions and changed claims.
package access

import (
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// Principal is who a request or a socket acts for, as a good credential says.
type Principal struct {
	UserID     string
	SessionID  string
	Roles      []string
	AAL        int
	AuthTime   time.Time
	Epoch      int
	Generation int
	Issued     time.Time
	Expires    time.Time
	Owes       string // token.OwesMFA or token.OwesSetup: what has to be done before anything else
	Version    int    // of the user's record, as far as Owes knows it
}

// Has tells whether the principal has the role.
func (p Principal) Has(role string) bool { return slices.Contains(p.Roles, role) }

// Staff tells whether the principal is moderator or admin.
func (p Principal) Staff() bool { return p.Has(account.RoleModerator) || p.Has(account.RoleAdmin) }

// Guard checks access tokens. All fields are set before use and not changed after.
type Guard struct {
	Keys   func() *token.Keys
	Memory *revocation.Memory
	// Fresh tells how old this node's knowledge is.
	Fresh func() time.Duration
	Fence time.Duration // knowledge older than this admits nobody; 0: never
	// MustHaveFactor tells whether users with these roles must have a second factor. Nil: nobody must.
	MustHaveFactor func(roles []string) bool
	// Used hears of every token of a live session whose signature was good: its session, and the generation it was
	// minted with.
	Used func(sessionID string, generation int)
	Now  func() time.Time
}

// Admit refuses everybody with unavailable while this node cannot know who has been revoked.
func (g *Guard) Admit() error {
	if g.Fence > 0 && g.Fresh() > g.Fence {
		return fault.ErrUnavailable
	}
	return nil
}

// Token checks an access token and notes that its generation is in use. Of several troubles the first answers:
// unavailable, invalid_token, session_revoked, token_expired, token_stale. With the last three the principal is told
// too: the signature was good.
func (g *Guard) Token(raw string) (p Principal, err error) {
	if err := g.Admit(); err != nil {
		return Principal{}, err
	}
	c, late := g.Keys().Verify(raw, g.Now())
	if late != nil && !errors.Is(late, fault.ErrTokenExpired) {
		return Principal{}, late
	}
	p = principal(&c)
	known := g.known(&p)
	g.assure(&p, known)
	if err := known.ended(); err != nil {
		return p, err
	}
	g.Used(p.SessionID, p.Generation) // also when it is late: whoever has it got the refresh's answer
	if late != nil {
		return p, late
	}
	return p, known.stale(p.Epoch)
}

func principal(c *token.Claims) Principal {
	return Principal{
		UserID: c.Subject, SessionID: c.SessionID, Roles: c.Roles, AAL: c.AAL, AuthTime: c.AuthTime, Epoch: c.Epoch,
		Generation: c.Generation, Issued: c.IssuedAt, Expires: c.Expires, Owes: c.Owes,
	}
}

// Inspect is what a token says if it is good here and now for anything, for other services that ask. That is no use of
// its session.
func (g *Guard) Inspect(raw string) (c token.Claims, good bool, err error) {
	if err := g.Admit(); err != nil {
		return c, false, err
	}
	c, err = g.Keys().Verify(raw, g.Now())
	if err != nil {
		return c, false, nil
	}
	p := principal(&c)
	g.Assure(&p)
	c.AAL = p.AAL
	return c, g.Standing(p) == nil && p.Owes == token.OwesNothing, nil
}

// Assure brings a principal's assurance and debt up to what this node knows: what was raised or enrolled since
// outranks the claims.
func (g *Guard) Assure(p *Principal) { g.assure(p, g.known(p)) }

func (g *Guard) assure(p *Principal, known known) {
	p.AAL = max(p.AAL, int(known.session.AAL))
	if u := known.user; u.Known() {
		p.Version = u.Version
		p.Owes = token.Owed(len(u.Methods()) > 0, p.AAL, g.MustHaveFactor != nil && g.MustHaveFactor(u.Roles()))
	} else if p.Owes == token.OwesMFA && p.AAL >= 2 {
		p.Owes = token.OwesNothing
	}
}

// Standing tells, from memory, whether a principal that was good still is: nothing ended or changed since.
func (g *Guard) Standing(p Principal) error {
	known := g.known(&p)
	if err := known.ended(); err != nil {
		return err
	}
	return known.stale(p.Epoch)
}

// known is what memory has of a principal's session and user.
type known struct{ session, user revocation.Fact }

func (g *Guard) known(p *Principal) known {
	session, user := g.Memory.Of(p.SessionID, p.UserID)
	return known{session, user}
}

func (k known) ended() error {
	if k.session.Ended == nil {
		return nil
	}
	return session.Revoked(*k.session.Ended)
}

func (k known) stale(epoch int) error {
	if epoch >= int(k.user.Epoch) {
		return nil
	}
	return fault.ErrTokenStale
}
