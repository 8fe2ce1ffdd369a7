package hub

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Config is what a Hub needs. Auth, Devices, Presence and Courier are required.
type Config struct {
	Node     string   // the node's id, shown in welcome
	Origins  []string // allow-list of scheme://host[:port], compared exactly
	Auth     Authenticator
	Devices  Directory
	Presence Registry
	Courier  Courier

	// ClientAddr is the address a request came from. Nil: the peer's.
	ClientAddr func(*http.Request) netip.Addr
	// Refuse writes a refusal before the upgrade. Nil: a small application/problem+json.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, err *Error)
	Log    *slog.Logger // nil: silent
	Limits Limits
}

// Principal is who a credential speaks for, and how far.
type Principal struct {
	UserID, SessionID string
	Roles             []string
	AAL               int
	Epoch             int       // of the user's claims; the newer wins
	Owes              string    // "", "mfa" or "setup"
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
	// Standing tells, from memory alone, whether p still stands. The hub asks again once a socket is registered, so
	// that no end slips in between. A node that is cut off answers unavailable.
	Standing(p Principal) error
}

// Error is how the interfaces of Config refuse. Code is an error code of the API. With code session_revoked, Ended
// says how the session ended, if that is known.
type Error struct {
	Code       string
	Detail     string // shown to the client; never a value that was sent
	RetryAfter time.Duration
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
}

// Registry knows how many connections a session has.
type Registry interface {
	// Report says how many connections a session has on this node now. It never blocks. Calls come one at a time and
	// in order. From within it PresenceChanged may be called, no other method of the Hub.
	Report(userID, sessionID string, connections int)
	// Presence is of all the user's sessions that have connections or are within their grace, over all nodes.
	Presence(ctx context.Context, userID string) (map[string]Presence, error)
}

// Courier carries messages.
type Courier interface {
	// Send carries a message to the user's sockets on all nodes; those here come back through Hub.Deliver.
	Send(ctx context.Context, d Delivery) error
}

// Delivery is a message on its way to a user's sockets.
type Delivery struct {
	UserID  string
	Except  string // the session that sent it: its sockets get nothing
	Message wire.Message
}

// End is the end of a session.
type End struct {
	UserID, SessionID string
	Frame             wire.SessionEnded
}

// Renewal is fresh authority for all sockets of a session.
type Renewal struct {
	SessionID       string
	Issued, Expires time.Time
	AAL             int
	Roles           []string
	Epoch           int
}

// Claims are what is in force for a user as of Epoch.
type Claims struct {
	UserID string
	Roles  []string
	Epoch  int
}
