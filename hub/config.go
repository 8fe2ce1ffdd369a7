package hub

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Config is what a Hub needs. Auth, Devices, Presence and Courier are required. Without Observer there are no feeds
// presence and sessions, without Sessions none of sessions, and without Records none of audit and jobs.
type Config struct {
	Node     string   // the node's id, shown in welcome
	Origins  []string // allow-list of scheme://host[:port], compared exactly
	Auth     Authenticator
	Devices  Directory
	Presence Registry
	Courier  Courier
	Observer Observer
	Sessions Everybody
	Records  Records

	PresenceVisible bool               // whether users may watch each other's presence; staff always may
	Factors         Factors            // nil: nobody has a second factor
	Handlers        map[string]Handler // of messages to the program itself, by their name

	// ClientAddr is the address a request came from. Nil: the peer's.
	ClientAddr func(*http.Request) netip.Addr
	// Refuse writes a refusal before the upgrade. Nil: a small application/problem+json.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, err *Error)
	// Ended, if not nil, hears of every socket that ends with its session, once its last frame is written: how long that
	// is after the end that the frame tells of.
	Ended  func(reason string, after time.Duration)
	Log    *slog.Logger // nil: silent
	Limits Limits
}

// Principal is who a credential speaks for, and how far.
type Principal struct {
	UserID, SessionID string
	Roles             []string
	AAL               int
	AuthTime          time.Time // when the person last showed a credential
	Epoch             int       // of the user's roles; the newer wins
	Owes              string    // "", "mfa" or "setup"
	Version           int       // of what is known of the user's factors, 0: nothing; the newer wins
	Issued            time.Time // start of the credential's life
	Expires           time.Time // end of the socket's authority
}

// CredentialKind says how a credential was presented.
type CredentialKind uint8

// The kinds of credential.
const (
	Token  CredentialKind = iota + 1 // an access token
	Ticket                           // single use
	Cookie                           // the session cookie of Credential.Request
)

// Credential is what a client presented. It is never logged.
type Credential struct {
	Kind      CredentialKind
	Value     string        // of Token and Ticket; may be empty or malformed
	Request   *http.Request // the handshake; nil for an auth frame
	Addr      netip.Addr
	UserAgent string // as the handshake sent it, at most 512 bytes; "" for the auth frame of an authenticated socket
}

// Authenticator decides who may come in. Errors are *Error; any other counts as unavailable.
type Authenticator interface {
	// Admit is asked before anything else of a handshake. Code rate_limited becomes 429, any other 503.
	Admit(r *http.Request) error
	// HasCookie tells whether the request carries the session cookie.
	HasCookie(r *http.Request) bool
	// Authenticate verifies a credential. Tickets are consumed.
	Authenticate(ctx context.Context, c Credential) (Principal, error)
	// Standing tells, from memory alone, whether p still stands, and how: what was raised or is owed since. The hub
	// asks again once a socket is registered, so that nothing slips in between. A node that is cut off answers
	// unavailable.
	Standing(p Principal) (Principal, error)
}

// Error is how the interfaces of Config refuse. Code is an error code of the API. With code session_revoked, Ended
// says how the session ended, if that is known.
type Error struct {
	Code       string
	Detail     string // shown to the client; never a value that was sent
	RetryAfter time.Duration
	Methods    []string // of step_up_required
	Ended      *wire.SessionEnded
	Err        error // only logged
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Code + ": " + e.Err.Error()
	}
	return e.Code
}

func (e *Error) Unwrap() error { return e.Err }

// Directory knows users' sessions.
type Directory interface {
	// Sessions returns the user's live sessions, with online and connections left empty, and those of known that have
	// ended, with ended_at and end_reason. In any order.
	Sessions(ctx context.Context, userID string, known []string) ([]wire.Session, error)
}

// Presence is of one session, over all nodes.
type Presence struct {
	Online      bool // a connection, or its last one ended less than the grace ago
	Connections int
	LastSeenAt  time.Time // zero: unknown
	Seq         int64     // of the user's latest change that this takes into account; 0: unknown. The next one is 1 more
}

// Registry knows how many connections a session has.
type Registry interface {
	// Report says how many connections a session has on this node now. It never blocks. Calls for one user come one at
	// a time and in order. From within it PresenceChanged and SessionPresence may be called, no other method of the Hub.
	Report(userID, sessionID string, connections int)
	// Presence is of all the user's sessions that have connections or are within their grace, over all nodes.
	Presence(ctx context.Context, userID string) (map[string]Presence, error)
}

// UserPresence is of one user, over all nodes and sessions.
type UserPresence struct {
	Online     bool
	LastSeenAt time.Time // zero: unknown
}

// Observer sees people whose sockets may be on other nodes.
type Observer interface {
	// People is how the users stand. Who is left out is offline, and was never seen.
	People(ctx context.Context, userIDs []string) (map[string]UserPresence, error)
	// Watch has Hub.PresenceChanged called for the user also when his connections are on other nodes, until stop is
	// called. It returns when nothing that is read afterwards can be missed; when that cannot be had, or ctx ends, it
	// returns too, and Hub.Resync follows later. Stop may be called at any time, and may do I/O.
	Watch(ctx context.Context, userID string) (stop func())
	// WatchAll is Watch for everybody.
	WatchAll(ctx context.Context) (stop func())
}

// Everybody is all users' sessions, as staff sees them: each with its user, online and connections.
type Everybody interface {
	// List is the newest live sessions that fit q, at most limit, and how many there are in all.
	List(ctx context.Context, q string, limit int) (page []wire.Session, total int, err error)
	// Of is the live sessions of the users, in any order, and those of each user's known that have ended.
	Of(ctx context.Context, known map[string][]string) ([]wire.Session, error)
	// Filter tells of a session whether List would find it by q.
	Filter(q string) func(wire.Session) bool
}

// Records reads single rows, as staff sees them. Of one that is gone ok is false.
type Records interface {
	AuditEvent(ctx context.Context, id string) (e wire.Event, ok bool, err error)
	Job(ctx context.Context, id string) (j wire.Job, ok bool, err error)
}

// Courier carries messages.
type Courier interface {
	// Send carries a message to the user's sockets on all nodes; those here come back through Hub.Deliver.
	Send(ctx context.Context, d Delivery) error
}

// Delivery is a message on its way to a user's sockets.
type Delivery struct {
	UserID string
	Except string // the session that sent it: its sockets get nothing
	Frame  []byte // the message as it is written to each: it is encoded once, where it begins
}

// NewDelivery encodes a message, for all nodes. Data that is not JSON is an error; none is null.
func NewDelivery(userID, except string, m wire.Message) (Delivery, error) {
	m.Type = wire.TypeMessage
	if len(m.Data) == 0 {
		m.Data = []byte("null")
	}
	frame, err := marshal(m)
	if err != nil {
		return Delivery{}, fmt.Errorf("message: %w", err)
	}
	return Delivery{userID, except, frame}, nil
}

// End is the end of a session.
type End struct {
	UserID, SessionID string
	Frame             wire.SessionEnded
}

// Renewal is fresh authority for all sockets of a session. Zero members leave what the sockets have: one with AAL alone
// is a raise, and news only to those that were lower.
type Renewal struct {
	UserID          string
	SessionID       string
	Issued, Expires time.Time
	AAL             int
	AuthTime        time.Time
	Roles           []string // as of Epoch
	Epoch           int
}

// Claims are what is in force for a user: the roles as of Epoch, the factors as of Version. Version 0 says nothing of
// factors.
type Claims struct {
	UserID string
	Roles  []string
	Epoch  int

	Version  int
	Methods  []string // the second factors that he can show; none: he has none
	MustHave bool     // he must have one
}
