package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/address"
	"github.com/gatehouse-dev/gatehouse/internal/clientaddr"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// VerificationSent is the answer to a registration whose address is to be proved first, whoever has the address.
type VerificationSent struct {
	Status string `json:"status" enum:"verification_sent"`
}

// Registered is SignIn, or VerificationSent with another status.
type Registered struct{ either any }

// MarshalJSON writes whichever it is.
func (r Registered) MarshalJSON() ([]byte, error) { return json.Marshal(r.either) }

// Schema describes the sign-in; see route.accepted for the other.
func (Registered) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[SignIn](), true, "")
}

type registered struct {
	Status int
	Body   Registered
}

type toAddress struct {
	Body struct {
		Email string `json:"email"`
	}
}

type byLink struct {
	Body struct {
		Token string `json:"token" doc:"Of the link in the mail"`
	}
}

type passwordReset struct {
	Body struct {
		Token       string `json:"token" doc:"Of the link in the mail"`
		NewPassword string `json:"new_password"`
	}
}

// Invited is a user who was invited. Where no mail goes out, the link is for the admin to hand over.
type Invited struct {
	wire.User
	InviteURL string `json:"invite_url,omitempty"`
}

type invitation struct {
	Body struct {
		Email string   `json:"email"`
		Name  string   `json:"name,omitempty"`
		Roles []string `json:"roles,omitempty"`
	}
}

// addressRoutes are about what mail proves. Nothing that a GET does changes anything: links in mails are pages, and
// programs that scan mails follow them.
func (a *API) addressRoutes() {
	const tag = "By mail"
	sent := func(path, summary string) route {
		return route{method: "POST", path: path, tag: tag, status: http.StatusAccepted, open: true, limit: &ratelimit.MailAddress, summary: summary}
	}
	link := func(path, summary string) route {
		return route{method: "POST", path: path, tag: tag, status: http.StatusNoContent, open: true, limit: &ratelimit.Anonymous, summary: summary}
	}
	handle(a, sent("/auth/email/resend", "One more mail that verifies an address"), a.resend)
	handle(a, sent("/auth/password/forgot", "A mail with a link to choose a new password"), a.forgot)
	handle(a, link("/auth/email/verify", "Verify an address by the link of a mail"), a.verify)
	handle(a, link("/auth/password/reset", "Choose a new password by the link of a mail: all devices are signed out"), a.resetPassword)
	handle(a, link("/auth/not-me", "Sign out the new device that a mail was about"), a.notMe)
	handle(a, route{method: "POST", path: "/auth/email/change", tag: "My account", status: http.StatusAccepted, stepUp: true,
		summary: "Change my address: once a mail there proves it"}, a.changeEmail)
}

// registerByMail answers the same for every address.
func (a *API) registerByMail(ctx context.Context, c *call, email string, in *registration) (*registered, error) {
	b := in.Body
	if b.DeviceName != "" {
		if err := session.CheckName("device_name", b.DeviceName); err != nil {
			return nil, err
		}
	}
	if err := a.cfg.Address.Register(ctx, account.New{Email: email, Name: b.Name, Password: b.Password}, c.ip()); err != nil {
		return nil, err
	}
	return &registered{http.StatusAccepted, Registered{VerificationSent{"verification_sent"}}}, nil
}

// mailTo is an address that mail is asked for, counted whether or not somebody here has it.
func (a *API) mailTo(ctx context.Context, address string) (string, error) {
	email, err := account.NormalEmail(address)
	if err != nil {
		return "", err
	}
	return email, a.take(ctx, ratelimit.MailAccount, email)
}

func (a *API) resend(ctx context.Context, c *call, in *toAddress) (*nothing, error) {
	email, err := a.mailTo(ctx, in.Body.Email)
	if err != nil {
		return nil, err
	}
	return nil, a.cfg.Address.Resend(ctx, email, c.ip())
}

func (a *API) forgot(ctx context.Context, c *call, in *toAddress) (*nothing, error) {
	email, err := a.mailTo(ctx, in.Body.Email)
	if err != nil {
		return nil, err
	}
	return nil, a.cfg.Address.Forgot(ctx, email, c.ip())
}

// changeEmail counts as what else sends mail to addresses that anybody may type.
func (a *API) changeEmail(ctx context.Context, c *call, in *toAddress) (*nothing, error) {
	if err := a.take(ctx, ratelimit.MailAddress, clientaddr.Key(c.addr)); err != nil {
		return nil, err
	}
	email, err := a.mailTo(ctx, in.Body.Email)
	if err != nil {
		return nil, err
	}
	return nil, a.cfg.Address.Change(ctx, c.mailActor(), email)
}

// mailActor is the caller as somebody who asks for mail.
func (c *call) mailActor() address.Actor {
	return address.Actor{UserID: c.who.UserID, SessionID: c.who.SessionID, IP: c.ip()}
}

func (a *API) verify(ctx context.Context, c *call, in *byLink) (*nothing, error) {
	return nil, a.cfg.Address.Verify(ctx, in.Body.Token, c.ip())
}

func (a *API) resetPassword(ctx context.Context, c *call, in *passwordReset) (*nothing, error) {
	return nil, a.cfg.Address.Reset(ctx, in.Body.Token, in.Body.NewPassword, c.ip())
}

func (a *API) notMe(ctx context.Context, c *call, in *byLink) (*nothing, error) {
	return nil, a.cfg.SignIn.NotMe(ctx, in.Body.Token, c.ip())
}

func (a *API) invite(ctx context.Context, c *call, in *invitation) (*answer[Invited], error) {
	b := in.Body
	u, link, err := a.cfg.Address.Invite(ctx, c.mailActor(), account.New{Email: b.Email, Name: b.Name, Roles: b.Roles})
	if err != nil {
		return nil, err
	}
	return &answer[Invited]{Invited{user(u), link}}, nil
}
