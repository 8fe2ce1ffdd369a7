// Package mail writes letters to people and brings them on their way: over SMTP, or as files where there is none. They
// go through the outbox: a letter is queued before the fact that it tells of, and when its turn comes it looks whether
// that has come true.
//
// Links begin with the public URL, whatever a request said its host was, and hold their secret in the fragment, which
// no server sees. Nothing that a stranger may choose can become a header, a line of its own, or a link.
package mail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"net/url"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// TryTimeout is for one try to send a letter.
const TryTimeout = 15 * time.Second

// Letter is what somebody is told. What it holds beside ids and kinds is sealed while it waits, and gone after.
type Letter struct {
	Kind string `json:"kind"`
	To   string `json:"to,omitempty"`
	Name string `json:"name,omitempty"` // of the person; the built-in letters to unproven addresses do not use it

	// What tells whether the fact has come. Each is looked at where it is set.
	UserID      string `json:"user_id,omitempty"`
	SessionID   string `json:"session_id,omitempty"`
	AuthVersion int    `json:"auth_version,omitempty"` // the user's once the fact is written, where it raises that

	Purpose string `json:"purpose,omitempty"` // of the grant behind Token
	Token   string `json:"token,omitempty"`   // the one-time secret of the link

	// What was asked for by a stranger, or by somebody who must not learn whether others are here, without a look at who
	// that is: when its turn comes, Config.Answer makes a letter of it, or finds that none is due.
	Ask *Ask `json:"ask,omitempty"`

	// What some kinds tell.
	At       time.Time `json:"at,omitzero"`
	Device   string    `json:"device,omitempty"`
	Place    string    `json:"place,omitempty"`
	IP       string    `json:"ip,omitempty"`
	Added    bool      `json:"added,omitempty"`    // a factor or an identity: added, not removed
	Provider string    `json:"provider,omitempty"` // of an identity
}

// Ask is what somebody asked for.
type Ask struct {
	For  string `json:"for"`            // one of the names of whoever answers
	Hash string `json:"hash,omitempty"` // of the password of a registration
	IP   string `json:"ip,omitempty"`
}

// To is a letter of the kind to a user.
func To(u account.User, kind string) Letter {
	return Letter{Kind: kind, To: u.Email, Name: u.Name, UserID: u.ID}
}

// lasting is the letter without what must not stay.
func (l Letter) lasting() Letter {
	l.Ask = nil
	l.To, l.Name, l.Token, l.Device, l.Place, l.IP = "", "", "", "", "", ""
	return l
}

// Users, Sessions and Grants are where a letter's fact is looked up.
type Users interface {
	User(ctx context.Context, id string) (account.User, error)
}

// Sessions is like Users.
type Sessions interface {
	Session(ctx context.Context, id string) (session.Session, error)
}

// Grants is like Users.
type Grants interface {
	Find(ctx context.Context, purpose, secret string) (grant.Grant, error)
}

// Config is what a Service works with.
type Config struct {
	PublicURL *url.URL // scheme and host only
	From      *mail.Address
	SMTP      *url.URL // nil: letters become files in Dir
	Dir       string
	Templates string // a folder of templates that replace the built-in ones, or ""

	Users    Users
	Sessions Sessions
	Grants   Grants
	Outbox   *outbox.Service
	// Answer makes the letter that the Ask of a job is due: ErrNone when it is due none. It may be called
	// again for the same job.
	Answer func(ctx context.Context, t outbox.Task, l Letter) (Letter, error)
	Now    func() time.Time
	Log    *slog.Logger
}

// ErrNone says that nobody is to be written to.
var ErrNone = errors.New("no letter is due")

// Service queues letters and sends them. It is safe for concurrent use.
type Service struct {
	Config
	letters map[string]*letters
	carrier carrier
}

// carrier brings a letter on its way.
type carrier interface {
	carry(ctx context.Context, e envelope) error
	// clean removes what was kept long enough.
	clean(now time.Time) error
}

// New makes a service. Its error names the template that does not parse.
func New(cfg Config) (*Service, error) {
	s := &Service{Config: cfg}
	var err error
	if s.letters, err = parse(cfg); err != nil {
		return nil, err
	}
	if s.carrier, err = newCarrier(cfg); err != nil {
		return nil, err
	}
	return s, nil
}

func newCarrier(cfg Config) (carrier, error) {
	if cfg.SMTP == nil {
		return newFiles(cfg.Dir, cfg.Now, cfg.Log)
	}
	return newSMTP(cfg.SMTP, cfg.PublicURL)
}

// Post queues a letter and returns the id of its job: before its fact with outbox.Fallback as the delay, and made due
// after; or after it, without.
func (s *Service) Post(ctx context.Context, l Letter, delay time.Duration) (string, error) {
	return s.post(ctx, "", l, delay)
}

func (s *Service) post(ctx context.Context, jobID string, l Letter, delay time.Duration) (string, error) {
	if _, ok := kinds[l.Kind]; !ok {
		return "", fmt.Errorf("post letter: %q is no kind of letter", l.Kind)
	}
	payload, err := json.Marshal(l)
	if err != nil {
		return "", fmt.Errorf("post letter: %w", err)
	}
	note, err := json.Marshal(l.lasting())
	if err != nil {
		return "", fmt.Errorf("post letter: %w", err)
	}
	return s.Outbox.Enqueue(ctx, outbox.New{ID: jobID, Kind: outbox.Mail, Note: note, Payload: payload, Delay: delay})
}

// Run sends a letter whose fact holds: outbox.Handler's. Sent twice it has one Message-ID, by which mail programs know
// that it is one.
func (s *Service) Run(ctx context.Context, t outbox.Task) error {
	l, err := s.read(ctx, t)
	if err == nil && l.Ask != nil {
		l, err = s.Answer(ctx, t, l)
	}
	if errors.Is(err, ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	if held, err := s.holds(ctx, l); err != nil || !held {
		return cmp.Or(err, outbox.ErrNoFact)
	}
	e, err := s.write(l, t)
	if err != nil {
		return outbox.Permanent(err)
	}
	if err := s.carrier.carry(ctx, e); err != nil {
		return err
	}
	s.Log.Debug("letter sent", "job", t.ID, "letter", l.Kind)
	return nil
}

// Purge removes the files that were kept long enough.
func (s *Service) Purge(now time.Time) error { return s.carrier.clean(now) }
