package httpapi

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/clientaddr"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/servicekey"
	"github.com/gatehouse-dev/gatehouse/internal/token"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

// Webhook is where events go. The secret is shown once, when it is made.
type Webhook struct {
	ID        string    `json:"id"`
	URL       string    `json:"url"`
	Events    []string  `json:"events"`
	CreatedAt wire.Time `json:"created_at"`
	Secret    string    `json:"secret,omitempty"`
}

// WebhookList is all webhooks.
type WebhookList struct {
	Webhooks []Webhook `json:"webhooks"`
}

// ServiceKey lets another service follow the events and introspect tokens. The key is shown once, when it is made.
type ServiceKey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	CreatedAt  wire.Time  `json:"created_at"`
	LastUsedAt *wire.Time `json:"last_used_at"`
	Key        string     `json:"key,omitempty"`
}

// ServiceKeyList is all service keys.
type ServiceKeyList struct {
	ServiceKeys []ServiceKey `json:"service_keys"`
}

type webhookCreation struct {
	Body struct {
		URL    string   `json:"url"`
		Events []string `json:"events"`
	}
}

type itemPath struct {
	ID string `path:"id"`
}

func (a *API) serviceRoutes() {
	const tag = "Staff: services"
	at := func(method, path, summary string, status int) route {
		return route{method: method, path: path, tag: tag, roles: adminRole, stepUp: true, status: status, summary: summary}
	}
	handle(a, at("GET", "/admin/webhooks", "Where events go", 0), a.webhooks)
	handle(a, at("POST", "/admin/webhooks", "Send events somewhere, signed as Standard Webhooks", http.StatusCreated), a.createWebhook)
	handle(a, at("DELETE", "/admin/webhooks/{id}", "Send them no more", http.StatusNoContent), a.deleteWebhook)
	handle(a, at("GET", "/admin/service-keys", "Which services may follow the events", 0), a.serviceKeys)
	handle(a, at("POST", "/admin/service-keys", "Let a service follow the events", http.StatusCreated), a.createServiceKey)
	handle(a, at("DELETE", "/admin/service-keys/{id}", "Let it no more: its streams end", http.StatusNoContent), a.deleteServiceKey)
	a.mux.Post("/auth/introspect", a.introspect)
	a.mux.Get("/events", a.eventStream)
	a.describeServices()
}

func (a *API) webhooks(ctx context.Context, _ *call, _ *struct{}) (*answer[WebhookList], error) {
	list, err := a.cfg.Hooks.List(ctx)
	if err != nil {
		return nil, err
	}
	out := WebhookList{Webhooks: make([]Webhook, len(list))}
	for i, w := range list {
		out.Webhooks[i] = webhookOf(w, "")
	}
	return &answer[WebhookList]{out}, nil
}

func webhookOf(w webhook.Webhook, secret string) Webhook {
	return Webhook{ID: w.ID, URL: w.URL, Events: w.Events, CreatedAt: wire.At(w.CreatedAt), Secret: secret}
}

func (a *API) createWebhook(ctx context.Context, c *call, in *webhookCreation) (*answer[Webhook], error) {
	w, secret, err := a.cfg.Hooks.Create(ctx, webhook.Actor{UserID: c.who.UserID, IP: c.ip()}, in.Body.URL, in.Body.Events)
	if err != nil {
		return nil, err
	}
	return &answer[Webhook]{webhookOf(w, secret)}, nil
}

func (a *API) deleteWebhook(ctx context.Context, c *call, in *itemPath) (*nothing, error) {
	return nil, a.cfg.Hooks.Delete(ctx, webhook.Actor{UserID: c.who.UserID, IP: c.ip()}, in.ID)
}

func (a *API) serviceKeys(ctx context.Context, _ *call, _ *struct{}) (*answer[ServiceKeyList], error) {
	list, err := a.cfg.Keys.List(ctx)
	if err != nil {
		return nil, err
	}
	out := ServiceKeyList{ServiceKeys: make([]ServiceKey, len(list))}
	for i, k := range list {
		out.ServiceKeys[i] = serviceKeyOf(k, "")
	}
	return &answer[ServiceKeyList]{out}, nil
}

func serviceKeyOf(k servicekey.Key, secret string) ServiceKey {
	out := ServiceKey{ID: k.ID, Name: k.Name, CreatedAt: wire.At(k.CreatedAt), Key: secret}
	if !k.LastUsedAt.IsZero() {
		at := wire.At(k.LastUsedAt)
		out.LastUsedAt = &at
	}
	return out
}

func (a *API) createServiceKey(ctx context.Context, c *call, in *naming) (*answer[ServiceKey], error) {
	k, secret, err := a.cfg.Keys.Create(ctx, servicekey.Actor{UserID: c.who.UserID, IP: c.ip()}, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return &answer[ServiceKey]{serviceKeyOf(k, secret)}, nil
}

func (a *API) deleteServiceKey(ctx context.Context, c *call, in *itemPath) (*nothing, error) {
	return nil, a.cfg.Keys.Delete(ctx, servicekey.Actor{UserID: c.who.UserID, IP: c.ip()}, in.ID)
}

// service is the key by which another service calls. A good one counts for itself, never for the address.
func (a *API) service(c *call) (servicekey.Key, error) {
	ctx := c.r.Context()
	if err := a.cfg.Guard.Admit(); err != nil {
		return servicekey.Key{}, err
	}
	secret, err := token.Bearer(c.r.Header.Values("Authorization"))
	var k servicekey.Key
	if err == nil {
		k, err = a.cfg.Keys.Authenticate(ctx, secret)
	}
	limit, bucket := ratelimit.Service, k.ID
	if errors.Is(err, fault.ErrInvalidToken) || errors.Is(err, fault.ErrUnauthenticated) {
		limit, bucket = ratelimit.Anonymous, clientaddr.Key(c.addr)
	}
	if bucket != "" {
		if limited := a.take(ctx, limit, bucket); limited != nil {
			return servicekey.Key{}, limited
		}
	}
	return k, err
}

// Introspection is what a token says, if it is good (RFC 7662). For any other there is active: false alone.
type Introspection struct {
	Active    bool     `json:"active"`
	TokenType string   `json:"token_type,omitempty" enum:"Bearer"`
	Issuer    string   `json:"iss,omitempty"`
	Audience  string   `json:"aud,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	SessionID string   `json:"sid,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	Expires   int64    `json:"exp,omitempty"`
	Roles     []string `json:"roles,omitempty"`
	AAL       int      `json:"aal,omitempty"`
	AMR       []string `json:"amr,omitempty"`
	AuthTime  int64    `json:"auth_time,omitempty"`
	Epoch     *int     `json:"epoch,omitempty"`
	Gen       int      `json:"gen,omitempty"`
}

// introspect tells a service whether an access token is good here and now.
func (a *API) introspect(w http.ResponseWriter, r *http.Request) {
	c := a.call(w, r)
	out, err := a.inspected(c)
	if err != nil {
		write(w, a.failed(c, err))
		return
	}
	writeJSON(w, "application/json", out)
}

func (a *API) inspected(c *call) (Introspection, error) {
	if c.r.ContentLength > maxBody {
		return Introspection{}, tooLarge
	}
	if _, err := a.service(c); err != nil {
		return Introspection{}, err
	}
	form, err := c.form()
	if err != nil {
		return Introspection{}, err
	}
	if !form.Has("token") {
		return Introspection{}, fault.Field("token", "is required")
	}
	t, good, err := a.cfg.Guard.Inspect(form.Get("token"))
	if err != nil || !good {
		return Introspection{}, err
	}
	return Introspection{
		Active: true, TokenType: "Bearer", Issuer: t.Issuer, Audience: t.Audience, Subject: t.Subject, SessionID: t.SessionID,
		IssuedAt: t.IssuedAt.Unix(), Expires: t.Expires.Unix(), Roles: t.Roles, AAL: t.AAL, AMR: t.AMR, AuthTime: t.AuthTime.Unix(),
		Epoch: &t.Epoch, Gen: t.Generation,
	}, nil
}

// form reads a body of application/x-www-form-urlencoded.
func (c *call) form() (url.Values, error) {
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", "the body must be a form")
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxBody)
	if err := c.r.ParseForm(); err != nil {
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			return nil, tooLarge
		}
		return nil, newProblem(http.StatusBadRequest, "invalid_request", "the body is no form")
	}
	return c.r.PostForm, nil
}
