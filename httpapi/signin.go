package httpapi

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/clientaddr"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// SignIn is what every way of signing in, and of renewing a sign-in, answers. Lives are in whole seconds.
type SignIn struct {
	Status           string       `json:"status" enum:"signed_in"`
	AccessToken      string       `json:"access_token"`
	TokenType        string       `json:"token_type" enum:"Bearer"`
	ExpiresIn        int          `json:"expires_in"`
	RefreshToken     string       `json:"refresh_token,omitempty" doc:"Of the body transport"`
	RefreshExpiresIn int          `json:"refresh_expires_in"`
	User             wire.User    `json:"user"`
	Session          wire.Session `json:"session"`
}

// Entrance is how a sign-in wants its session.
type Entrance struct {
	Transport  string `json:"transport,omitempty" enum:"cookie,body" doc:"Where the refresh token travels. Without it: cookie for browsers, else body"`
	DeviceName string `json:"device_name,omitempty" doc:"What the device is called; without it a name is made of the User-Agent"`
}

type registration struct {
	Body struct {
		Email    string `json:"email"`
		Password string `json:"password"`
		Name     string `json:"name,omitempty"`
		Entrance
	}
}

type login struct {
	Body struct {
		Email    string `json:"email"`
		Password string `json:"password"`
		Entrance
	}
}

type setup struct {
	Body struct {
		Token    string `json:"token"`
		Email    string `json:"email"`
		Password string `json:"password"`
		Name     string `json:"name,omitempty"`
		Entrance
	}
}

// refreshing carries the refresh token of the body transport; without it the cookie counts.
type refreshing struct {
	Body *struct {
		RefreshToken string `json:"refresh_token,omitempty"`
	}
}

func (in *refreshing) token() string {
	if in.Body == nil {
		return ""
	}
	return in.Body.RefreshToken
}

func (a *API) signInRoutes() {
	const tag = "Signing in"
	handle(a, route{method: "POST", path: "/auth/register", tag: tag, status: http.StatusCreated, open: true, limit: &ratelimit.MailAddress,
		accepted: VerificationSent{}, summary: "Make an account and sign in, or have the address proved by mail first"}, a.register)
	handle(a, route{method: "POST", path: "/auth/login", tag: tag, open: true, limit: &ratelimit.LoginAddress,
		summary: "Sign in by password"}, a.login)
	handle(a, route{method: "POST", path: "/auth/setup", tag: tag, status: http.StatusCreated, open: true, limit: &ratelimit.LoginAddress,
		summary: "Make the first admin by the set-up link"}, a.setup)
	handle(a, route{method: "POST", path: "/auth/refresh", tag: tag, open: true,
		summary: "Exchange the refresh token; open sockets of the session go on"}, a.refresh)
	handle(a, route{method: "POST", path: "/auth/logout", tag: tag, status: http.StatusNoContent, open: true,
		summary: "Sign out, by access token, refresh token or cookie"}, a.logout)
	handle(a, route{method: "GET", path: "/auth/options", tag: tag, open: true, limit: &ratelimit.Anonymous,
		summary: "Which ways of signing in there are"}, a.options)
}

func (a *API) register(ctx context.Context, c *call, in *registration) (*registered, error) {
	b := in.Body
	email, entry, err := a.approach(ctx, c, ratelimit.MailAccount, b.Email, b.Entrance)
	if err != nil {
		return nil, err
	}
	if a.cfg.Accounts.VerifiedFirst {
		return a.registerByMail(ctx, c, email, in)
	}
	out, err := a.cfg.SignIn.Register(ctx, account.New{Email: email, Name: b.Name, Password: b.Password}, entry)
	if errors.Is(err, account.ErrEmailTaken) {
		err = cmp.Or(a.cfg.Address.Wanted(ctx, email, c.ip()), err)
	}
	if err != nil {
		return nil, err
	}
	entered, err := a.signedIn(ctx, c, out)
	if err != nil {
		return nil, err
	}
	return &registered{http.StatusCreated, Registered{entered.Body}}, nil
}

// login counts by address and by account, whether or not there is one; a good sign-in gives both places back.
func (a *API) login(ctx context.Context, c *call, in *login) (*answer[Step], error) {
	b := in.Body
	email, entry, err := a.approach(ctx, c, ratelimit.LoginAccount, b.Email, b.Entrance)
	if err != nil {
		return nil, err
	}
	out, err := a.cfg.SignIn.Login(ctx, email, b.Password, entry)
	if err != nil {
		return nil, err
	}
	a.giveBack(ctx, ratelimit.LoginAccount, email)
	a.giveBack(ctx, ratelimit.LoginAddress, clientaddr.Key(c.addr))
	return a.stepped(ctx, c, out)
}

func (a *API) setup(ctx context.Context, c *call, in *setup) (*answer[SignIn], error) {
	b := in.Body
	entry, err := c.entry(b.Entrance)
	if err != nil {
		return nil, err
	}
	out, err := a.cfg.SignIn.Setup(ctx, b.Token, account.New{Email: b.Email, Name: b.Name, Password: b.Password}, entry)
	if err != nil {
		return nil, err
	}
	return a.signedIn(ctx, c, out)
}

// approach is what comes before a password is looked at. Of its refusals the limit of the account goes first, then the
// origin, then the address.
func (a *API) approach(ctx context.Context, c *call, l ratelimit.Limit, address string, e Entrance) (string, signin.Entry, error) {
	email, invalid := account.NormalEmail(address)
	var limited error
	if invalid == nil {
		limited = a.take(ctx, l, email)
	}
	entry, foreign := c.entry(e)
	return email, entry, cmp.Or(limited, foreign, invalid)
}

// entry decides the transport. A sign-in that sets a cookie needs the same proof as one that reads it, or a foreign
// page could sign its visitors in as somebody else.
func (c *call) entry(e Entrance) (signin.Entry, error) {
	if e.Transport == "" {
		e.Transport = session.Body
		if c.fromBrowser() {
			e.Transport = session.Cookie
		}
	}
	out := signin.Entry{Transport: e.Transport, DeviceName: e.DeviceName, Visit: c.visit()}
	switch {
	case e.Transport == session.Body:
		return out, nil
	case e.Transport != session.Cookie: // the schema knows members by their exact names, the decoder in any case
		return out, fault.Field("transport", "must be cookie or body")
	case !c.proven():
		return out, errOrigin
	}
	out.Cookie = c.cookie()
	return out, nil
}

// signedIn is the answer to a sign-in. The refresh token travels as the session's transport says.
func (a *API) signedIn(ctx context.Context, c *call, x session.Issued) (*answer[SignIn], error) {
	s, err := a.session(ctx, x.Session, x.Session.ID)
	if err != nil {
		return nil, err
	}
	out := SignIn{
		Status: "signed_in", AccessToken: x.AccessToken, TokenType: "Bearer", ExpiresIn: expiresIn(x),
		RefreshExpiresIn: until(x.RefreshExpires, x.At), User: user(x.User), Session: s,
	}
	switch {
	case x.RefreshToken == "":
	case x.Session.Transport == session.Cookie:
		c.setCookie(x.RefreshToken, x.RefreshExpires.Sub(x.At))
	default:
		out.RefreshToken = x.RefreshToken
	}
	return &answer[SignIn]{out}, nil
}

// expiresIn is the life of the access token as it says itself, and never past the session's end.
func expiresIn(x session.Issued) int {
	life := until(x.AccessExpires, x.At.Truncate(time.Second))
	return min(life, until(x.RefreshExpires, x.At))
}

// refresh takes the token of the body, or else the cookie. A refresh that is answered by rate_limited has taken effect:
// the same token gives the same successor later.
func (a *API) refresh(ctx context.Context, c *call, in *refreshing) (*answer[SignIn], error) {
	presented, transport, err := c.presented(in.token())
	var out session.Issued
	if err == nil {
		out, err = a.cfg.Sessions.Refresh(ctx, presented, transport, c.place())
	}
	if err := cmp.Or(a.counted(ctx, c, presented, err), err); err != nil {
		return nil, err
	}
	return a.signedIn(ctx, c, out)
}

// counted counts a refresh token by how it was answered: for its session when the token is certainly that session's,
// else for the address. What this node cannot answer is nobody's attempt.
func (a *API) counted(ctx context.Context, c *call, presented string, err error) error {
	certain := err == nil || errors.Is(err, fault.ErrSessionRevoked) || errors.Is(err, fault.ErrTokenExpired)
	if shown, bad := token.ParseRefresh(presented); certain && bad == nil {
		return a.take(ctx, ratelimit.Session, shown.SessionID)
	}
	if kind := fault.As(err).Kind; kind == fault.Unavailable || kind == fault.Internal {
		return nil
	}
	return a.take(ctx, ratelimit.Anonymous, clientaddr.Key(c.addr))
}

// presented is the refresh token that came with the request.
func (c *call) presented(body string) (text, transport string, err error) {
	if body != "" {
		return body, session.Body, nil
	}
	text = c.cookie()
	if text == "" {
		return "", "", fault.ErrUnauthenticated
	}
	if !c.proven() {
		return "", "", errOrigin
	}
	return text, session.Cookie, nil
}

// logout ends the session of the refresh token in the body, of the access token, or of the cookie: the first that
// came. A session that has ended already is signed out. The cookie goes whichever it was, if the page may use it.
func (a *API) logout(ctx context.Context, c *call, in *refreshing) (*nothing, error) {
	sess, err := a.leaving(ctx, c, in.token())
	if err == nil {
		err = a.cfg.SignIn.Logout(ctx, sess, c.ip())
	}
	_, over := session.EndOf(err)
	if err != nil && !over && !errors.Is(err, fault.ErrNotFound) {
		return nil, err
	}
	c.dropCookie()
	return nil, nil
}

// dropCookie clears the cookie that came with a sign-out.
func (c *call) dropCookie() {
	if c.cookie() != "" && c.proven() {
		c.clearCookie()
	}
}

// leaving is the session that signs out.
func (a *API) leaving(ctx context.Context, c *call, refreshToken string) (session.Session, error) {
	if refreshToken == "" && c.r.Header.Get("Authorization") != "" {
		err := a.authenticate(ctx, c)
		if err == nil {
			return a.cfg.Sessions.Get(ctx, c.who.UserID, c.who.SessionID)
		}
		if c.cookie() == "" {
			return session.Session{}, err
		}
	}
	text, transport, err := c.presented(refreshToken)
	var shown session.Presented
	if err == nil {
		shown, err = a.cfg.Sessions.Look(ctx, text, transport)
	}
	return shown.Session, cmp.Or(a.counted(ctx, c, text, err), err)
}

// Options are the ways of signing in that are configured.
type Options struct {
	Providers         []string `json:"providers"`
	Signup            bool     `json:"signup"`
	EmailVerification bool     `json:"email_verification"`
	Passkeys          bool     `json:"passkeys"`
}

func (a *API) options(context.Context, *call, *struct{}) (*answer[Options], error) {
	out := Options{Providers: []string{}, Signup: a.cfg.SignupOpen, EmailVerification: a.cfg.Accounts.VerifiedFirst, Passkeys: a.cfg.Factors.WebAuthn != nil}
	out.Providers = slices.AppendSeq(out.Providers, maps.Keys(a.cfg.SignIn.Providers))
	slices.Sort(out.Providers)
	return &answer[Options]{out}, nil
}
