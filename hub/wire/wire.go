// Package wire holds the JSON of the gatehouse.v1 protocol: the frames of the socket, the close codes, and the
// objects that frames and the HTTP API share. Clients and embedders name these types. Times are RFC 3339 UTC with
// at most milliseconds; durations are whole seconds unless a name ends in _ms.
package wire

import (
	"encoding/json"
	"time"
)

// Protocol is the WebSocket subprotocol.
const Protocol = "gatehouse.v1"

// Prefixes of the subprotocol entries that carry a credential beside Protocol. The server never echoes them.
const (
	BearerPrefix = "bearer."
	TicketPrefix = "ticket."
)

// Time is an instant as the protocol writes it.
type Time time.Time

// At makes a Time, cut to the millisecond.
func At(t time.Time) Time { return Time(t.UTC().Truncate(time.Millisecond)) }

// Std is the time.Time.
func (t Time) Std() time.Time { return time.Time(t) }

// MarshalJSON writes RFC 3339 in UTC with at most milliseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 32)
	b = append(b, '"')
	b = time.Time(t).UTC().AppendFormat(b, "2006-01-02T15:04:05.999Z")
	return append(b, '"'), nil
}

// UnmarshalJSON reads RFC 3339.
func (t *Time) UnmarshalJSON(b []byte) error {
	var std time.Time
	if err := json.Unmarshal(b, &std); err != nil {
		return err
	}
	*t = Time(std.UTC())
	return nil
}

// User is an account as its owner and staff see it.
type User struct {
	ID            string   `json:"id"`
	Email         string   `json:"email"`
	Name          string   `json:"name"`
	Roles         []string `json:"roles"`
	EmailVerified bool     `json:"email_verified"`
	Disabled      bool     `json:"disabled"`
	MFA           MFA      `json:"mfa"`
	CreatedAt     Time     `json:"created_at"`
}

// MFA sums up a user's second factors.
type MFA struct {
	TOTP              bool `json:"totp"`
	Passkeys          int  `json:"passkeys"`
	RecoveryCodesLeft int  `json:"recovery_codes_left"`
}

// Device is what a session runs on, as far as its User-Agent tells.
type Device struct {
	Browser string `json:"browser"`
	OS      string `json:"os"`
	Kind    string `json:"kind" enum:"desktop,phone,tablet,bot,cli,unknown"`
}

// Location is where a session's address is, approximately.
type Location struct {
	City    string `json:"city"`
	Country string `json:"country"`
}

// Session is one signed-in device.
type Session struct {
	ID          string    `json:"id"`
	UserID      string    `json:"user_id"`
	Current     bool      `json:"current"` // the session of whoever reads this
	Online      bool      `json:"online"`
	Connections int       `json:"connections"`
	Name        string    `json:"name"`
	Device      Device    `json:"device"`
	IP          string    `json:"ip"`
	Location    *Location `json:"location"`
	AMR         []string  `json:"amr"`
	AAL         int       `json:"aal"`
	CreatedAt   Time      `json:"created_at"`
	LastSeenAt  Time      `json:"last_seen_at"`
	ExpiresAt   Time      `json:"expires_at"`
	EndedAt     *Time     `json:"ended_at,omitempty"`
	EndReason   string    `json:"end_reason,omitempty"`
	User        *Owner    `json:"user,omitempty"` // in staff lists and feeds only
}

// Owner is the user of a session in staff lists.
type Owner struct {
	ID    string   `json:"id"`
	Email string   `json:"email"`
	Name  string   `json:"name"`
	Roles []string `json:"roles"`
}

// Event is a row of the audit.
type Event struct {
	ID      string            `json:"id"`
	At      Time              `json:"at"`
	Action  string            `json:"action"`
	Actor   Actor             `json:"actor"`
	Target  Target            `json:"target"`
	IP      string            `json:"ip"`
	Outcome string            `json:"outcome" enum:"success,failure"`
	Reason  string            `json:"reason,omitempty" doc:"For staff only"`
	Details map[string]string `json:"details"`
	User    *Whom             `json:"user,omitempty" doc:"For staff only"`
}

// Whom is the user whom an event concerns, where he is still there.
type Whom struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

// Actor is who did it. Name is as it is now.
type Actor struct {
	Kind string `json:"kind"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Target is to whom or what.
type Target struct {
	Kind string `json:"kind"`
	ID   string `json:"id,omitempty"`
}

// Job is a piece of work in the outbox, as staff sees it.
type Job struct {
	ID        string `json:"id"`
	Kind      string `json:"kind" enum:"mail,webhook,location"`
	State     string `json:"state" enum:"queued,running,done,dead"`
	Attempts  int    `json:"attempts"`
	RunAt     Time   `json:"run_at"`
	LastError string `json:"last_error,omitempty"`
	CreatedAt Time   `json:"created_at"`
}

// By says who ended a session. Kind is self (the session itself), user (another session of the user), admin
// (staff or the shell) or system. Name is a device's name for user, a display name for admin; never an address.
type By struct {
	Kind string `json:"kind" enum:"self,user,admin,system"`
	Name string `json:"name,omitempty"`
}

// The kinds of By.
const (
	BySelf   = "self"
	ByUser   = "user"
	ByAdmin  = "admin"
	BySystem = "system"
)
