package gatehouse

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/gatehouse-dev/gatehouse/httpapi"
	"github.com/gatehouse-dev/gatehouse/hub"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/clientaddr"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
)

// authenticator lets the hub ask the rules.
type authenticator struct{ g *Gatehouse }

func (a authenticator) Admit(*http.Request) error { return refusal(a.g.guard.Admit()) }

func (a authenticator) HasCookie(r *http.Request) bool {
	_, err := r.Cookie(httpapi.CookieName(a.g.cfg.PublicURL))
	return err == nil
}

// Authenticate verifies a credential. A good one counts for its session; a bad one for the address, unless it was
// this node's own signature on a session that is known: offices wake up with expired tokens.
func (a authenticator) Authenticate(ctx context.Context, c hub.Credential) (hub.Principal, error) {
	var p hub.Principal
	var err error
	switch c.Kind {
	case hub.Token:
		p, err = a.token(c.Value)
	case hub.Ticket:
		p, err = a.ticket(ctx, c.Value)
	default:
		p, err = a.cookie(ctx, c.Request)
	}
	bucket, key := ratelimit.Session, p.SessionID
	if key == "" {
		bucket, key = ratelimit.Anonymous, clientaddr.Key(c.Addr)
	}
	if limited := a.count(ctx, bucket, key); limited != nil {
		return hub.Principal{}, limited
	}
	if err != nil {
		return hub.Principal{}, refusal(err)
	}
	if c.Request != nil || c.UserAgent != "" {
		a.g.rules.Traces.Add(session.Trace{
			SessionID: p.SessionID, LastSeenAt: a.g.now(), IP: c.Addr.String(), UserAgent: c.UserAgent, Location: a.locate(c.Addr),
		})
	}
	return p, nil
}

func (a authenticator) locate(addr netip.Addr) *wire.Location { return a.g.places.Lookup(addr) }

func (a authenticator) count(ctx context.Context, l ratelimit.Limit, key string) error {
	if !a.g.cfg.RateLimits {
		return nil
	}
	level, err := a.g.limiter.Take(ctx, l, key)
	if err != nil || level.Wait == 0 {
		return nil // limits that cannot be counted refuse nobody
	}
	return &hub.Error{Code: "rate_limited", RetryAfter: level.Wait}
}

// token, ticket and cookie are whom a credential speaks for; with an error, whose it is if that is certain.
func (a authenticator) token(raw string) (hub.Principal, error) {
	p, err := a.g.guard.Token(raw)
	return principal(p), err
}

func (a authenticator) ticket(ctx context.Context, secret string) (hub.Principal, error) {
	sess, user, err := a.g.rules.SignIn.RedeemTicket(ctx, secret)
	return a.authority(sess, user), err
}

// principal is a principal of the rules as the hub, and whoever embeds Gatehouse, knows it.
func principal(p access.Principal) Principal {
	return Principal{
		UserID: p.UserID, SessionID: p.SessionID, Roles: p.Roles, AAL: p.AAL, AuthTime: p.AuthTime, Epoch: p.Epoch, Owes: p.Owes,
		Version: p.Version, Issued: p.Issued, Expires: p.Expires,
	}
}

// cookie verifies the session cookie without rotating it. Only the current generation counts as use.
func (a authenticator) cookie(ctx context.Context, r *http.Request) (hub.Principal, error) {
	cookie, err := r.Cookie(httpapi.CookieName(a.g.cfg.PublicURL))
	if err != nil {
		return hub.Principal{}, fault.ErrUnauthenticated
	}
	shown, err := a.g.rules.Sessions.Look(ctx, cookie.Value, session.Cookie)
	if err != nil {
		return hub.Principal{SessionID: shown.Session.ID}, err
	}
	sess, user, err := a.g.rules.Sessions.Authority(ctx, shown.Session.ID)
	if err == nil && shown.Current {
		a.g.rules.Traces.Add(session.Trace{SessionID: sess.ID, Acked: shown.Session.Refresh.Generation})
	}
	return a.authority(sess, user), err
}

// authority is what a ticket or a cookie gives: the session as its record stands, for the life of an access token.
func (a authenticator) authority(sess session.Session, user account.User) hub.Principal {
	now := a.g.now()
	ends := now.Add(a.g.cfg.AccessTTL)
	if sess.End().Before(ends) {
		ends = sess.End()
	}
	return hub.Principal{
		UserID: user.ID, SessionID: sess.ID, Roles: user.Roles, AAL: sess.AAL, AuthTime: sess.AuthTime, Epoch: user.Epoch,
		Owes: a.g.rules.Sessions.Owed(user, sess.AAL), Version: user.Version, Issued: now, Expires: ends,
	}
}

func (a authenticator) Standing(p hub.Principal) (hub.Principal, error) {
	if err := a.g.guard.Admit(); err != nil {
		return p, refusal(err)
	}
	now := access.Principal{UserID: p.UserID, SessionID: p.SessionID, Epoch: p.Epoch, AAL: p.AAL, Owes: p.Owes, Version: p.Version}
	if err := a.g.guard.Standing(now); err != nil {
		return p, refusal(err)
	}
	a.g.guard.Assure(&now)
	p.AAL, p.Owes, p.Version = now.AAL, now.Owes, now.Version
	return p, nil
}

// factors lets the hub check second factors. Codes on a socket and those over HTTP count together, by session:
// another connection is no new guess.
type factors struct{ g *Gatehouse }

func (f factors) Methods(ctx context.Context, p hub.Principal, aal int) ([]string, error) {
	u, err := f.g.rules.Accounts.User(ctx, p.UserID)
	if err != nil {
		return nil, refusal(err)
	}
	return signin.StepUpMethods(u, aal >= 2), nil
}

func (f factors) Pay(ctx context.Context, p hub.Principal, from netip.Addr, code string) error {
	u, err := f.g.rules.Accounts.User(ctx, p.UserID)
	if err != nil {
		return refusal(err)
	}
	if !u.HasFactor() {
		return refusal(factor.ErrNoFactor)
	}
	if limited := authenticator(f).count(ctx, ratelimit.MFASession, p.SessionID); limited != nil {
		return limited
	}
	_, err = f.g.rules.SignIn.ReauthenticateByCode(ctx, signin.Actor{UserID: p.UserID, SessionID: p.SessionID, IP: from.String()}, code)
	if err == nil && f.g.cfg.RateLimits {
		_ = f.g.limiter.Return(ctx, ratelimit.MFASession, p.SessionID)
	}
	return refusal(err)
}

// refusal is an error of the rules as the hub knows it. What is the client's own doing has no cause, and is not logged.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	f := fault.As(err)
	out := &hub.Error{Code: f.Code, Detail: f.Detail, RetryAfter: f.RetryAfter}
	switch f.Kind {
	case fault.Internal:
		out.Code, out.Err = "unavailable", err
	case fault.Unavailable:
		out.Err = err
	}
	if frame, ok := session.EndOf(err); ok {
		out.Ended = &frame
	}
	return out
}

// directory shows the hub the records of sessions.
type directory struct{ g *Gatehouse }

func (d directory) Sessions(ctx context.Context, userID string, known []string) ([]wire.Session, error) {
	list, err := d.g.rules.Sessions.List(ctx, userID, known...)
	if err != nil {
		return nil, err
	}
	out := make([]wire.Session, len(list))
	for i, s := range list {
		out[i] = s.Wire()
	}
	return out, nil
}

// registry counts the hub's connections.
type registry struct{ g *Gatehouse }

func (r registry) Report(userID, sessionID string, connections int) {
	r.g.cluster.Report(userID, sessionID, connections)
}

func (r registry) Presence(ctx context.Context, userID string) (map[string]hub.Presence, error) {
	states, err := whoIsHere(r).Presence(ctx, userID)
	if err != nil {
		return nil, err
	}
	out := make(map[string]hub.Presence, len(states))
	for id, s := range states {
		out[id] = hub.Presence{Online: s.Online, Connections: s.Connections, LastSeenAt: s.LastSeen, Seq: s.Seq}
	}
	return out, nil
}

// courier carries messages over the bus.
type courier struct{ g *Gatehouse }

func (c courier) Send(ctx context.Context, d hub.Delivery) error {
	return c.g.cluster.Publish(ctx, hintOf(d))
}
