// Package fault holds the kinds of error the rules can answer with. An error is classified once, where it
// is born, and rendered once, at the edge: as problem+json over HTTP, as an error frame and a close code on a socket.
package fault

import (
	"errors"
	"time"
)

// Kind says what sort of trouble an Error is. The edge chooses the status by it.
type Kind uint8

// The kinds, each with the HTTP status it becomes.
const (
	Internal        Kind = iota // 500
	Malformed                   // 400
	Unauthenticated             // 401
	Forbidden                   // 403
	NotFound                    // 404
	Conflict                    // 409
	Gone                        // 410
	TooLarge                    // 413
	Invalid                     // 422
	Limited                     // 429
	Unavailable                 // 503
)

// Error is an error that a client may see: Kind, Code, Detail, Fields, RetryAfter and Members are shown,
// Err is only logged.
type Error struct {
	Kind       Kind
	Code       string            // the stable name clients read, such as "invalid_token"
	Detail     string            // one sentence for people; never a value that was sent
	Fields     map[string]string // of validation: member name → what is wrong with it
	RetryAfter time.Duration     // when to come back; zero when not said
	Members    map[string]any    // further members of the problem (RFC 9457 section 3.2)
	Err        error             // the cause, never shown
}

func (e *Error) Error() string {
	text := e.Code
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors of the same code equal, so that a copy with a cause or details still matches its sentinel.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Kind == e.Kind
}

// Because is a copy of e with a cause.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// With is a copy of e with one more member.
func (e *Error) With(name string, value any) *Error {
	c := *e
	c.Members = make(map[string]any, len(e.Members)+1)
	for k, v := range e.Members {
		c.Members[k] = v
	}
	c.Members[name] = value
	return &c
}

// As finds the Error in a chain. Anything else is internal.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Internal, Code: "internal", Err: err}
}

// CodeOf is the code of an error, "" for nil.
func CodeOf(err error) string {
	if err == nil {
		return ""
	}
	return As(err).Code
}

// Field is a validation error of one member.
func Field(name, message string) *Error {
	return &Error{Kind: Invalid, Code: "validation_failed", Detail: name + " " + message, Fields: map[string]string{name: message}}
}

// What several packages answer with.
var (
	ErrNotFound        = &Error{Kind: NotFound, Code: "not_found"}
	ErrForbidden       = &Error{Kind: Forbidden, Code: "forbidden"}
	ErrUnauthenticated = &Error{Kind: Unauthenticated, Code: "unauthenticated"}
	ErrInvalidToken    = &Error{Kind: Unauthenticated, Code: "invalid_token"}
	ErrTokenExpired    = &Error{Kind: Unauthenticated, Code: "token_expired"}
	ErrTokenStale      = &Error{Kind: Unauthenticated, Code: "token_stale"}
	ErrSessionRevoked  = &Error{Kind: Unauthenticated, Code: "session_revoked"}
	ErrGrantExpired    = &Error{Kind: Gone, Code: "grant_expired"}
	ErrConflict        = &Error{Kind: Conflict, Code: "conflict"}
	ErrUnavailable     = &Error{Kind: Unavailable, Code: "unavailable", RetryAfter: 2 * time.Second}
	ErrInvalidRequest  = &Error{Kind: Malformed, Code: "invalid_request"}
)

// ErrMoved is a store's answer to a compare-and-set whose record has moved on: read it again and decide again.
var ErrMoved = errors.New("record has moved on")
