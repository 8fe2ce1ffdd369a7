package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// What has no code of the API.
var (
	ErrSignedOut        = errors.New("not signed in")
	ErrDisconnected     = errors.New("the connection went away before the answer came")
	ErrClosed           = errors.New("socket closed")
	ErrVerificationSent = errors.New("the address must be verified first: a mail is on its way")
)

// Error is a refusal, by a problem of the HTTP API (RFC 9457) or by an error frame.
type Error struct {
	Status     int    // of HTTP; 0 of a frame
	Code       string // "" when something that is no Gatehouse answered, such as a proxy
	Detail     string
	Fields     map[string]string // of validation_failed: member → what is wrong with it
	Methods    []string          // of step_up_required
	RetryAfter time.Duration     // zero when not said
}

func (e *Error) Error() string {
	text := e.Code
	if text == "" {
		text = fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// speaksOfToken tells whether the code is about the token that was presented, rather than about what was asked.
func (e *Error) speaksOfToken() bool {
	switch e.Code {
	case "unauthenticated", "invalid_token", "token_expired", "token_stale", "session_revoked":
		return true
	}
	return false
}

// passes tells whether the same request may be taken later, on the same connection.
func (e *Error) passes() bool {
	switch e.Code {
	case "unavailable", "internal", "rate_limited", "token_expired": // of an auth frame that is still to come
		return true
	}
	return false
}

// CloseError is how the server closed a connection that may be made again.
type CloseError struct {
	Code   wire.CloseCode
	Reason string // the code's name, "" of codes that have none
	Err    error
}

func (e *CloseError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("closed (%d) %s", e.Code, e.Reason))
}

func (e *CloseError) Unwrap() error { return e.Err }

// EndedError says that the session is over, or that its socket must not come back.
type EndedError struct {
	Code    wire.CloseCode // 4500–4999
	Reason  string         // the code's name
	By      wire.By        // zero when not known
	Message string         // what staff said to the person
	At      time.Time      // zero when not known
	Err     error          // what said so
}

func (e *EndedError) Error() string {
	text := fmt.Sprintf("ended: %s (%d)", e.Reason, e.Code)
	if e.By.Name != "" {
		text += " by " + e.By.Name
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

func (e *EndedError) Unwrap() error { return e.Err }

// endsSession tells whether the session itself is over with this code, and not only its socket.
func endsSession(code wire.CloseCode) bool {
	switch code {
	case wire.CloseSessionRevoked, wire.CloseKicked, wire.CloseCredentialsChanged, wire.CloseAccountDisabled,
		wire.CloseTokenReuse, wire.CloseSignedOut, wire.CloseSessionExpired:
		return true
	}
	return false
}

func endedBy(f wire.SessionEnded, err error) *EndedError {
	return &EndedError{Code: wire.CloseCodeOf(f.Reason), Reason: f.Reason, By: f.By, Message: f.Message, At: f.At.Std(), Err: err}
}
