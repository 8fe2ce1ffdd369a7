// Package revocation follows the store: what this node knows to be ended or changed, and how fresh that knowledge is.
//
// A revocation is no record of its own: it stands in the session's or the user's own record, stamped with the
// store's clock. Whatever this node hears of one (from its own call, by the bus, or by reading the store) comes
// through one gate, Follower.Apply, which puts it into Memory first and then tells the node's sockets.
package revocation

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// Change is a stamped change of one record, small enough for the bus.
type Change struct {
	At      time.Time `json:"at"` // the stamp
	Version int       `json:"version"`
	UserID  string    `json:"user_id"`

	// Of a session's record.
	SessionID string             `json:"session_id,omitempty"`
	AAL       int                `json:"aal,omitempty"`
	Ended     *wire.SessionEnded `json:"ended,omitempty"`

	// Of a user's record.
	Epoch    int      `json:"epoch,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Disabled bool     `json:"disabled,omitempty"`
	Methods  []string `json:"methods,omitempty"` // the second factors that the user can show; none: he has none
}

// OfSession is the change that a session's record tells of.
func OfSession(s session.Session) Change {
	c := Change{At: s.ChangedAt, Version: s.Version, UserID: s.UserID, SessionID: s.ID, AAL: s.AAL}
	if s.Ended() {
		frame := s.EndedFrame()
		c.Ended = &frame
	}
	return c
}

// OfUser is the change that a user's record tells of.
func OfUser(u account.User) Change {
	return Change{At: u.ChangedAt, Version: u.Version, UserID: u.ID, Epoch: u.Epoch, Roles: u.Roles, Disabled: u.Disabled, Methods: u.Methods()}
}

// key names the record.
func (c Change) key() string {
	if c.SessionID != "" {
		return c.SessionID
	}
	return c.UserID
}

// newer tells whether c says more than old of the same record. Either of the two is enough: the stamp goes back when
// the store's clock is set back, the version when the store is put back from a backup, and an end must never be missed.
func (c Change) newer(old Change) bool {
	return c.At.After(old.At) || c.Version > old.Version || c.Ended != nil && old.Ended == nil
}
