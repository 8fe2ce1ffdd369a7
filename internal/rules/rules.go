// Package rules wires the rules of Gatehouse on one store: what a serving node and the shell both need.
package rules

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/address"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/config"
	"github.com/gatehouse-dev/gatehouse/internal/factor"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/keyset"
	"github.com/gatehouse-dev/gatehouse/internal/mail"
	"github.com/gatehouse-dev/gatehouse/internal/oauth"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/servicekey"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/signin"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
	"github.com/gatehouse-dev/gatehouse/internal/store/mongo"
	"github.com/gatehouse-dev/gatehouse/internal/store/sqlite"
	"github.com/gatehouse-dev/gatehouse/internal/transfer"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

// Store is where facts live, as all the rules together need it.
type Store interface {
	account.Store
	session.Store
	grant.Store
	audit.Store
	keyset.Store
	revocation.Source
	outbox.Store
	webhook.Store
	servicekey.Store
	transfer.Records
	// InsertBulk stores users and sessions as fast as it can, for load tests.
	InsertBulk(ctx context.Context, users []account.User, sessions []session.Session) error
	// ResetOnline writes every session offline: when the only node starts, nobody is.
	ResetOnline(ctx context.Context) error
	// Purge removes what is past its time.
	Purge(ctx context.Context, now time.Time) error
	Ping(ctx context.Context) error
	Close() error
}

// Rules are the rules on an open store.
type Rules struct {
	Config   config.Config
	Store    Store
	Box      *seal.Box
	Keyset   *keyset.Service
	Accounts *account.Service
	Sessions *session.Service
	Grants   *grant.Service
	Factors  *factor.Service
	SignIn   *signin.Service
	Address  *address.Service
	Staff    *staff.Service
	Audit    *audit.Recorder
	Queue    *outbox.Service
	Letters  *mail.Service
	Hooks    *webhook.Service
	Keys     *servicekey.Service
	Traces   *session.Traces
	Now      func() time.Time
	Log      *slog.Logger
}

// Announcer is told of changes once their records are written.
type Announcer struct {
	Session func(ctx context.Context, s session.Session)
	User    func(ctx context.Context, u account.User)
	Renewed func(ctx context.Context, r session.Renewal)
	Audit   func(ctx context.Context, eventID string)
	Job     func(ctx context.Context, c outbox.Change)
}

// leeway is how far clocks may be apart: a token is good so much longer than it says, at most.
const leeway = 30 * time.Second

// Horizon is how long a change can matter to a living access token.
func Horizon(cfg config.Config) time.Duration { return cfg.AccessTTL + leeway }

// keptAtLeast is how long an ended session can still tell why it ended.
const keptAtLeast = 24 * time.Hour

// Open opens the store that cfg names, makes or checks its signing keys, and wires the rules.
func Open(ctx context.Context, cfg config.Config, now func() time.Time, log *slog.Logger) (*Rules, error) {
	secret, err := cfg.LoadSecret()
	if err != nil {
		return nil, err
	}
	box, err := seal.New(secret, cfg.SecretPrevious)
	if err != nil {
		return nil, fmt.Errorf("GATEHOUSE_SECRET: %w", err)
	}
	store, err := OpenStore(ctx, cfg, now, log)
	if err != nil {
		return nil, fmt.Errorf("GATEHOUSE_STORE: %w", err)
	}
	r, err := Wire(cfg, store, box, now, log)
	if err == nil {
		err = r.Keyset.Load(ctx)
	}
	if err != nil {
		_ = store.Close()
		return nil, err
	}
	return r, nil
}

// OpenStore opens the store alone, of which cfg.Store is all that counts.
func OpenStore(ctx context.Context, cfg config.Config, now func() time.Time, log *slog.Logger) (Store, error) {
	if uri, ok := cfg.MongoURI(); ok {
		return mongo.Open(ctx, uri)
	}
	path, _ := cfg.SQLitePath()
	return sqlite.Open(ctx, path, sqlite.Options{Now: now, Log: log})
}

// Wire makes the rules on a store. Nobody is told of changes until Announce. An error is of the mail settings.
func Wire(cfg config.Config, store Store, box *seal.Box, now func() time.Time, log *slog.Logger) (_ *Rules, err error) {
	r := &Rules{Config: cfg, Store: store, Box: box, Now: now, Log: log}
	r.Audit = &audit.Recorder{Store: store, Now: now, Log: log}
	r.Keyset = &keyset.Service{Store: store, Box: box, Now: now, Issuer: cfg.PublicURL.String(), TTL: cfg.AccessTTL, Log: log}
	r.Traces = session.NewTraces(store.Touch, now, log)
	told := heralded{store, r}
	r.Accounts = &account.Service{Store: told, Hasher: account.NewHasher(0, 0), Now: now}
	r.Sessions = &session.Service{
		Store: told, Users: store, Audit: r.Audit, Box: box, Traces: r.Traces, Max: cfg.MaxSessions, Now: now,
		Signer: func() session.Signer { return r.Keyset.Keys() }, MustHaveFactor: MustHaveFactor(cfg),
		Lives: session.Lifetimes{
			Access: cfg.AccessTTL, Refresh: cfg.RefreshTTL, Absolute: cfg.SessionTTL, Grace: cfg.RefreshGrace,
			Kept: max(keptAtLeast, Horizon(cfg)+time.Minute),
		},
	}
	r.Grants = &grant.Service{Store: store, Secrets: box, Now: now}
	r.Factors = &factor.Service{Users: r.Accounts, Grants: r.Grants, Box: box, WebAuthn: relyingParty(cfg, log), Issuer: "Gatehouse", Now: now}
	r.Queue = &outbox.Service{Store: store, Box: box, Now: now, Log: log}
	r.Letters, err = mail.New(mail.Config{
		PublicURL: cfg.PublicURL, From: cfg.MailFrom, SMTP: cfg.SMTPURL, Dir: cfg.MailDir, Templates: cfg.MailTemplates,
		Users: store, Sessions: store, Grants: r.Grants, Outbox: r.Queue, Now: now, Log: log,
	})
	if err != nil {
		return nil, err
	}
	r.Hooks = webhook.New(webhook.Config{
		Store: store, Records: store, Outbox: r.Queue, Audit: r.Audit, Box: box, AllowPrivate: cfg.WebhookAllowPrivate, Now: now, Log: log,
	})
	r.Keys = &servicekey.Service{Store: store, Audit: r.Audit, Now: now, Log: log}
	r.SignIn = &signin.Service{
		Accounts: r.Accounts, Sessions: r.Sessions, Grants: r.Grants, Factors: r.Factors, Letters: r.Letters, Marks: box,
		Providers: oauth.Providers(cfg), Audit: r.Audit, Closed: !cfg.SignupOpen, Now: now, Log: log,
	}
	r.Address = &address.Service{
		Accounts: r.Accounts, Sessions: r.Sessions, Grants: r.Grants, Letters: r.Letters, Audit: r.Audit, Closed: !cfg.SignupOpen, Now: now,
	}
	r.Staff = &staff.Service{
		Accounts: r.Accounts, Sessions: r.Sessions, Factors: r.Factors, Letters: r.Letters, Audit: r.Audit, Erase: r.SignIn.Erase,
	}
	r.tell(cfg)
	r.Announce(Announcer{})
	return r, nil
}

// tell has the rules below the letters have their letters written.
func (r *Rules) tell(cfg config.Config) {
	r.Letters.Answer = r.Address.Answer
	r.Sessions.Copied = r.tellCopied
	if cfg.EmailVerification {
		r.Accounts.VerifiedFirst, r.Accounts.Awaited = true, r.Address.Awaited
	}
}

// tellCopied tells the owner of a session that somebody has a copy of its refresh token, once.
func (r *Rules) tellCopied(ctx context.Context, s session.Session, end func() error) error {
	u, err := r.Accounts.User(ctx, s.UserID)
	if err != nil { // then it ends without
		return end()
	}
	l := mail.To(u, mail.TokenReuse)
	l.SessionID, l.At = s.ID, r.Now()
	return r.Letters.TellingOnce(ctx, s.ID, s.CreatedAt, end, l)
}

// MustHaveFactor tells whether users with these roles must have a second factor.
func MustHaveFactor(cfg config.Config) func(roles []string) bool {
	return func(roles []string) bool {
		switch cfg.RequireMFA {
		case config.RequireMFAAll:
			return true
		case config.RequireMFAStaff:
			return account.User{Roles: roles}.Staff()
		}
		return false
	}
}

// relyingParty verifies passkeys. Where the public host is an IP address there are none.
func relyingParty(cfg config.Config, log *slog.Logger) *webauthn.WebAuthn {
	if cfg.WebAuthnRPID == "" {
		return nil
	}
	rp, err := webauthn.New(&webauthn.Config{RPID: cfg.WebAuthnRPID, RPDisplayName: "Gatehouse", RPOrigins: cfg.AllowedOrigins})
	if err != nil {
		log.Error("there are no passkeys", "error", err) // the configuration was checked: this says that the check is wrong
		return nil
	}
	return rp
}

// Announce says who is told of changes, before any are made.
func (r *Rules) Announce(a Announcer) {
	if a.Session == nil {
		a.Session = func(context.Context, session.Session) {}
	}
	if a.User == nil {
		a.User = func(context.Context, account.User) {}
	}
	if a.Renewed == nil {
		a.Renewed = func(context.Context, session.Renewal) {}
	}
	r.Sessions.Announce, r.Sessions.Renewed, r.Accounts.Announce = a.Session, a.Renewed, a.User
	r.Audit.Announce, r.Queue.Announce = a.Audit, a.Job // nil for nobody
}

// FlushEvery is how often traces are written: within the refresh grace, so that the use of a generation is durable
// when it starts to count.
func (r *Rules) FlushEvery() time.Duration {
	return min(max(r.Config.RefreshGrace/3, 250*time.Millisecond), 5*time.Second)
}

// Close closes the store.
func (r *Rules) Close() error { return r.Store.Close() }
