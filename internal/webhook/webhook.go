// Package webhook tells other services what happens here, by POST requests that are signed as Standard Webhooks
// (https://www.standardwebhooks.com) has it. They go through the outbox: an event is queued before its fact, once for
// each webhook that asked for it, and is delivered at least once. The id in webhook-id stays the same for all tries.
package webhook

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// Webhook is where events go, as it is stored.
type Webhook struct {
	ID        string
	URL       string
	Events    []string
	Secret    []byte // sealed
	CreatedAt time.Time
}

// Store keeps webhooks. All of it is safe for concurrent use on any number of nodes.
type Store interface {
	InsertWebhook(ctx context.Context, w Webhook) error
	// Webhooks are all of them, oldest first.
	Webhooks(ctx context.Context) ([]Webhook, error)
	// ReplaceWebhookSecret replaces the sealed secret in one compare-and-set: fault.ErrMoved, also when there is none.
	ReplaceWebhookSecret(ctx context.Context, id string, from, to []byte) error
	// DeleteWebhook answers fault.ErrNotFound when there is none.
	DeleteWebhook(ctx context.Context, id string) error
}

// Records are where an event's fact is looked up when its turn comes.
type Records interface {
	Session(ctx context.Context, id string) (session.Session, error)
	User(ctx context.Context, id string) (account.User, error)
}

// Box seals the secrets.
type Box interface {
	Seal(purpose string, plaintext, aad []byte) []byte
	Open(purpose string, sealed, aad []byte) ([]byte, error)
}

const purpose = "webhook"

// Max is how many webhooks there may be: each costs a job per event.
const Max = 50

// Service keeps webhooks and delivers events to them. New makes one.
type Service struct {
	Config
	client *http.Client

	mu     sync.Mutex // guards the following
	known  []Webhook
	readAt time.Time
}

// Config is what a Service works with.
type Config struct {
	Store        Store
	Records      Records
	Outbox       *outbox.Service
	Audit        audit.Store
	Box          Box
	AllowPrivate bool // whether events may go to private addresses
	Now          func() time.Time
	Log          *slog.Logger
}

// New makes a service.
func New(cfg Config) *Service {
	return &Service{Config: cfg, client: newClient(cfg.AllowPrivate)}
}

// Actor is the admin who acts.
type Actor struct {
	UserID string
	IP     string
}

// secretSize is of the key, in bytes. Standard Webhooks asks for 24 to 64.
const secretSize = 32

// Create makes a webhook. The secret is shown this once.
func (s *Service) Create(ctx context.Context, a Actor, url string, events []string) (w Webhook, secret string, err error) {
	if err := s.checkURL(ctx, url); err != nil {
		return Webhook{}, "", err
	}
	if events, err = checkEvents(events); err != nil {
		return Webhook{}, "", err
	}
	all, err := s.List(ctx)
	if err != nil {
		return Webhook{}, "", err
	}
	if len(all) >= Max {
		return Webhook{}, "", &fault.Error{Kind: fault.Conflict, Code: "conflict", Detail: fmt.Sprintf("there may be %d webhooks at most", Max)}
	}
	key := make([]byte, secretSize)
	rand.Read(key) // never fails
	w = Webhook{ID: id.New(id.Webhook), URL: url, Events: events, CreatedAt: s.Now()}
	w.Secret = s.Box.Seal(purpose, key, []byte(w.ID))
	if err := s.Store.InsertWebhook(ctx, w); err != nil {
		return Webhook{}, "", fmt.Errorf("store webhook: %w", err)
	}
	s.forget()
	s.record(ctx, a, audit.WebhookCreated, w.ID)
	return w, "whsec_" + base64.StdEncoding.EncodeToString(key), nil
}

// List is all webhooks, oldest first.
func (s *Service) List(ctx context.Context) ([]Webhook, error) {
	all, err := s.Store.Webhooks(ctx)
	if err != nil {
		return nil, fmt.Errorf("read webhooks: %w", err)
	}
	return all, nil
}

// Delete removes a webhook and the jobs that would deliver to it. A job that is queued just now finds it gone.
func (s *Service) Delete(ctx context.Context, a Actor, webhookID string) error {
	if err := s.Store.DeleteWebhook(ctx, webhookID); err != nil {
		return fmt.Errorf("delete webhook: %w", err)
	}
	s.forget()
	s.record(ctx, a, audit.WebhookDeleted, webhookID)
	return s.Outbox.Forget(context.WithoutCancel(ctx), webhookID)
}

// record does not fail what is done already.
func (s *Service) record(ctx context.Context, a Actor, action, webhookID string) {
	err := s.Audit.AppendAudit(context.WithoutCancel(ctx), audit.Event{
		ID: id.New(id.Audit), At: s.Now(), Action: action, Actor: audit.Party{Kind: "user", ID: a.UserID},
		Target: audit.Party{Kind: "webhook", ID: webhookID}, UserID: a.UserID, IP: a.IP, Outcome: audit.Success,
	})
	if err != nil {
		s.Log.Warn("audit row not written", "action", action, "error", err)
	}
}

// freshFor is how old this node's list of webhooks may be when an event comes: nothing is read for most of them.
const freshFor = 2 * time.Second

// subscribers are the webhooks that asked for the event.
func (s *Service) subscribers(ctx context.Context, event string) ([]Webhook, error) {
	all, err := s.recent(ctx)
	return slices.DeleteFunc(slices.Clone(all), func(w Webhook) bool { return !slices.Contains(w.Events, event) }), err
}

// Wanted tells whether a webhook asked for one of the events.
func (s *Service) Wanted(ctx context.Context, events ...string) bool {
	for _, e := range events {
		if to, err := s.subscribers(ctx, e); err != nil || len(to) > 0 {
			return true
		}
	}
	return false
}

func (s *Service) recent(ctx context.Context) ([]Webhook, error) {
	s.mu.Lock()
	known, fresh := s.known, !s.readAt.IsZero() && s.Now().Sub(s.readAt) < freshFor
	s.mu.Unlock()
	if fresh {
		return known, nil
	}
	now := s.Now()
	all, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known, s.readAt = all, now
	return all, nil
}

func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readAt = time.Time{}
}

// find is the webhook with the id, if there still is one.
func (s *Service) find(ctx context.Context, webhookID string) (Webhook, bool, error) {
	all, err := s.recent(ctx)
	i := slices.IndexFunc(all, func(w Webhook) bool { return w.ID == webhookID })
	if err != nil || i < 0 {
		return Webhook{}, false, err
	}
	return all[i], true, nil
}

// note is what a job carries: the body as it is sent, and what tells whether its fact has come. There is no secret or
// personal word in it.
type note struct {
	Body  json.RawMessage `json:"body"`
	Epoch int             `json:"epoch,omitempty"`
}
