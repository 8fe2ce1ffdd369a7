// Package session holds the signed-in devices: the refresh chain, expiry, and ending.
package session

import (
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Transports of the refresh token.
const (
	Cookie = "cookie"
	Body   = "body"
)

// Session is one signed-in device as it is stored.
//
// A replace of the record is a compare-and-set on Version. The fields of Trace are written behind, in batches, and
// do not raise it.
type Session struct {
	ID                string      `json:"id"`
	UserID            string      `json:"user_id"`
	Version           int         `json:"-"`
	Refresh           Refresh     `json:"refresh"`
	Transport         string      `json:"transport"`
	Name              string      `json:"name"`
	Device            wire.Device `json:"device"`
	AAL               int         `json:"aal"`
	AMR               []string    `json:"amr"`
	AuthTime          time.Time   `json:"auth_time"`
	AuthVersion       int         `json:"auth_version"` // the user's when the session began
	CreatedAt         time.Time   `json:"created_at"`
	RefreshedAt       time.Time   `json:"refreshed_at"`
	ExpiresAt         time.Time   `json:"expires_at"` // sliding: the next refresh moves it
	AbsoluteExpiresAt time.Time   `json:"absolute_expires_at"`
	EndedAt           time.Time   `json:"ended_at,omitzero"`
	EndReason         string      `json:"end_reason,omitempty"` // a close code's name
	EndedBy           wire.By     `json:"ended_by,omitzero"`
	EndMessage        string      `json:"end_message,omitempty"`
	PurgeAt           time.Time   `json:"purge_at,omitzero"` // when an ended record may go
	ChangedAt         time.Time   `json:"-"`                 // the store's clock when born, renamed, raised or ended

	// The traces.
	LastSeenAt time.Time      `json:"-"`
	IP         string         `json:"-"`
	UserAgent  string         `json:"-"`
	Location   *wire.Location `json:"-"`
	Acked      int            `json:"-"` // the highest generation known to be used
	Online     bool           `json:"-"` // an index for filters; answers take it from the registry
	OnlineSeq  int64          `json:"-"` // of the presence change that wrote Online
}

// Refresh is the state of a session's chain of refresh tokens.
type Refresh struct {
	Generation int       `json:"generation"`
	RotatedAt  time.Time `json:"rotated_at"`
	Key        []byte    `json:"key"` // sealed
}

// Ended tells whether the session was ended.
func (s Session) Ended() bool { return !s.EndedAt.IsZero() }

// End is when the session ends by itself.
func (s Session) End() time.Time {
	if s.AbsoluteExpiresAt.Before(s.ExpiresAt) {
		return s.AbsoluteExpiresAt
	}
	return s.ExpiresAt
}

// Wire is the session as its owner sees it, without presence and current.
func (s Session) Wire() wire.Session {
	w := wire.Session{
		ID: s.ID, UserID: s.UserID, Name: s.Name, Device: s.Device, IP: s.IP, Location: s.Location,
		AMR: slices.Clone(s.AMR), AAL: s.AAL, CreatedAt: wire.At(s.CreatedAt), LastSeenAt: wire.At(s.LastSeenAt),
		ExpiresAt: wire.At(s.End()), EndReason: s.EndReason,
	}
	if s.Ended() {
		at := wire.At(s.EndedAt)
		w.EndedAt = &at
	}
	return w
}

// EndedFrame is the session.ended that the session's sockets get, and what a refused refresh tells.
func (s Session) EndedFrame() wire.SessionEnded {
	return wire.SessionEnded{Type: wire.TypeSessionEnded, Reason: s.EndReason, By: s.EndedBy, Message: s.EndMessage, At: wire.At(s.EndedAt)}
}

// Trace is what use leaves on a session's record, written behind. Zero members leave theirs as they are.
type Trace struct {
	SessionID  string
	LastSeenAt time.Time // kept when later than the record's
	IP         string    // when set, IP, UserAgent and Location are replaced together
	UserAgent  string
	Location   *wire.Location
	Acked      int // kept when higher
	Online     bool
	OnlineSeq  int64 // Online is kept when this is higher
}

// Query selects live sessions for a list of staff, newest first.
type Query struct {
	Q      string // the beginning of a word of device name, or of the owner's address or name, in any case; or a whole IP address, session id or user id
	UserID string
	Online *bool
	Cursor string
	Limit  int
}

// Page is a part of a list of sessions.
type Page struct {
	Sessions []Session
	Next     string
	Total    int
}
