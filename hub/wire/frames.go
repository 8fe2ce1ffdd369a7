package wire

import "encoding/json"

// The types of server frames.
const (
	TypeWelcome          = "welcome"
	TypeAuthExpiring     = "auth.expiring"
	TypeAuthOK           = "auth.ok"
	TypeAuthChanged      = "auth.changed"
	TypeMFARequired      = "mfa.required"
	TypeSessionEnded     = "session.ended"
	TypeDevicesSnapshot  = "devices.snapshot"
	TypeDevicesChanged   = "devices.changed"
	TypePresenceSnapshot = "presence.snapshot"
	TypePresenceChanged  = "presence.changed"
	TypeSessionsSnapshot = "sessions.snapshot"
	TypeSessionsChanged  = "sessions.changed"
	TypeJobsChanged      = "jobs.changed"
	TypeAuditAdded       = "audit.added"
	TypeMessage          = "message"
	TypeAck              = "ack"
	TypeError            = "error"
	TypePing             = "ping"
	TypeReconnect        = "reconnect"
)

// The types of client frames (message goes both ways).
const (
	TypeAuth        = "auth"
	TypeSubscribe   = "subscribe"
	TypeUnsubscribe = "unsubscribe"
	TypeMFA         = "mfa"
	TypePong        = "pong"
)

// The kinds of change in devices.changed and sessions.changed.
const (
	ChangeAdded   = "added"
	ChangeUpdated = "updated"
	ChangeOnline  = "online"
	ChangeOffline = "offline"
	ChangeRemoved = "removed"
)

// The feeds a client may subscribe to.
const (
	FeedDevices  = "devices"
	FeedPresence = "presence"
	FeedSessions = "sessions"
	FeedJobs     = "jobs"
	FeedAudit    = "audit"
)

// Limits of the protocol.
const (
	MaxFrameBytes   = 32 << 10 // of a client frame, all fragments together
	MaxMessageBytes = 4 << 10  // of a message's data, encoded
	MaxNameLength   = 64       // code points of a message's or device's name
	MaxRequestID    = 64       // bytes of a request's id
	MaxPresenceIDs  = 200      // user_ids of a presence subscription
)

// Welcome is the first frame of an authenticated socket.
type Welcome struct {
	Type         string      `json:"type"`
	ConnectionID string      `json:"connection_id"`
	SessionID    string      `json:"session_id"`
	User         WelcomeUser `json:"user"`
	AAL          int         `json:"aal"`
	ExpiresIn    int         `json:"expires_in"`
	PingInterval int         `json:"ping_interval"`
	Node         string      `json:"node"`
}

// WelcomeUser is who a socket belongs to.
type WelcomeUser struct {
	ID    string   `json:"id"`
	Roles []string `json:"roles"`
}

// AuthExpiring announces that the socket's authority ends soon.
type AuthExpiring struct {
	Type      string `json:"type"`
	ExpiresIn int    `json:"expires_in"`
}

// AuthOK says that the socket's authority was renewed, by an auth frame (then Re is its id) or by a refresh elsewhere.
type AuthOK struct {
	Type      string   `json:"type"`
	Re        string   `json:"re,omitempty"`
	ExpiresIn int      `json:"expires_in"`
	Roles     []string `json:"roles"`
	AAL       int      `json:"aal"`
}

// AuthChanged says that the user's roles changed. They are in force on this socket; HTTP needs a refresh.
type AuthChanged struct {
	Type       string   `json:"type"`
	Roles      []string `json:"roles"`
	TokenStale bool     `json:"token_stale"`
}

// MFARequired says that the socket takes nothing but mfa, auth and pong until a second factor is shown.
type MFARequired struct {
	Type      string   `json:"type"`
	Methods   []string `json:"methods"`
	ExpiresIn int      `json:"expires_in"`
}

// SessionEnded is the last frame of an ended session's sockets; the close follows.
type SessionEnded struct {
	Type    string `json:"type"`
	Reason  string `json:"reason"` // the close code's name
	By      By     `json:"by"`
	Message string `json:"message,omitempty"`
	At      Time   `json:"at"`
}

// DevicesSnapshot is the whole list of the user's sessions: current first, then online, then recent.
type DevicesSnapshot struct {
	Type    string    `json:"type"`
	Seq     int64     `json:"seq"`
	Devices []Session `json:"devices"`
}

// DevicesChanged is one change of that list. The first after a snapshot has its seq + 1, and so on by one.
type DevicesChanged struct {
	Type   string  `json:"type"`
	Seq    int64   `json:"seq"`
	Change string  `json:"change"`
	Device Session `json:"device"`
}

// Presence is whether a user is online.
type Presence struct {
	UserID     string `json:"user_id"`
	Online     bool   `json:"online"`
	LastSeenAt *Time  `json:"last_seen_at"`
}

// PresenceSnapshot is the presence of the users asked for.
type PresenceSnapshot struct {
	Type  string     `json:"type"`
	Seq   int64      `json:"seq"`
	Users []Presence `json:"users"`
}

// PresenceChanged is one change of it.
type PresenceChanged struct {
	Type string `json:"type"`
	Seq  int64  `json:"seq"`
	Presence
}

// SessionsSnapshot is the beginning of the list of everybody's sessions that fit the subscription, newest first, each
// with its user. Total is how many fit.
type SessionsSnapshot struct {
	Type     string    `json:"type"`
	Seq      int64     `json:"seq"`
	Sessions []Session `json:"sessions"`
	Total    int       `json:"total"`
}

// SessionsChanged is one change of that list, also behind its beginning. One that no longer fits is removed, without
// ended_at.
type SessionsChanged struct {
	Type    string  `json:"type"`
	Seq     int64   `json:"seq"`
	Change  string  `json:"change"`
	Session Session `json:"session"`
}

// JobsChanged is how a job stands now. There is no snapshot and no seq: the list is read over HTTP.
type JobsChanged struct {
	Type string `json:"type"`
	Job  Job    `json:"job"`
}

// AuditAdded is a new row of the audit. There is no snapshot and no seq: the rows before it are read over HTTP.
type AuditAdded struct {
	Type  string `json:"type"`
	Event Event  `json:"event"`
}

// Message is what a device or an admin sent to a user's devices.
type Message struct {
	Type string          `json:"type"`
	Name string          `json:"name"`
	Data json.RawMessage `json:"data"`
	From From            `json:"from"`
	At   Time            `json:"at"`
}

// From says who sent a message. SessionID is set when a socket sent it.
type From struct {
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id,omitempty"`
}

// Ack answers a request that carried an id.
type Ack struct {
	Type string          `json:"type"`
	Re   string          `json:"re"`
	Data json.RawMessage `json:"data,omitempty"`
}

// Error answers a request that failed, or precedes a close. Code is one of the API's error codes or a close code's name.
type Error struct {
	Type       string   `json:"type"`
	Re         string   `json:"re,omitempty"`
	Code       string   `json:"code"`
	Detail     string   `json:"detail,omitempty"`
	RetryAfter int      `json:"retry_after,omitempty"` // seconds
	Feed       string   `json:"feed,omitempty"`        // the feed that was lost
	Methods    []string `json:"methods,omitempty"`     // of step_up_required
}

// Ping asks for a pong.
type Ping struct {
	Type string `json:"type"`
}

// Reconnect precedes a 1012 close: come back after so many milliseconds.
type Reconnect struct {
	Type    string `json:"type"`
	AfterMS int64  `json:"after_ms"`
}

// Request is any client frame: the union of their members.
type Request struct {
	Type    string          `json:"type"`
	ID      string          `json:"id,omitempty"`
	Token   string          `json:"token,omitempty"`    // auth
	Ticket  string          `json:"ticket,omitempty"`   // auth
	Feed    string          `json:"feed,omitempty"`     // subscribe, unsubscribe
	UserIDs []string        `json:"user_ids,omitempty"` // subscribe presence
	Q       string          `json:"q,omitempty"`        // subscribe sessions
	Limit   int             `json:"limit,omitempty"`    // subscribe sessions
	To      json.RawMessage `json:"to,omitempty"`       // message: "devices" or {"user_id": …}
	Name    string          `json:"name,omitempty"`     // message
	Data    json.RawMessage `json:"data,omitempty"`     // message
	Code    string          `json:"code,omitempty"`     // mfa
}
