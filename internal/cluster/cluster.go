// Package cluster holds what nodes say to each other. The kinds of cluster (local, redis) offer two things, and
// whoever uses one declares the methods it needs.
//
// The bus carries hints. A hint reaches this node's subscriber before Publish returns, also when the other nodes
// cannot be reached; then, at most once, it reaches the other nodes. The hints of one goroutine keep their order. A
// hint only makes things fast: what it speaks of stands in the store, and is read from there when a hint was lost.
//
// The registry knows which session has how many connections on which node. A node reports its own counts; reports
// never block and count in the order they are made. Changes come in order per user, outside all locks, one at a
// time. A registry that lost what it knew is told again by its nodes; no fact is lost with it.
//
// A node is one running process, named by an id with the prefix nod_ that is new at every start.
package cluster

import (
	"encoding/json"
	"errors"
	"time"
)

// The kinds of hint.
const (
	KindSession = "session" // a session's record changed; Body is the change
	KindUser    = "user"    // a user's record changed; Body is the change
	KindRenewed = "renewed" // a session was refreshed; Body is its new authority. For the nodes where the user is
	KindAudit   = "audit"   // rows were added to the audit; Body is their ids
	KindJob     = "job"     // a job came or stands otherwise; Body is its id
	KindMessage = "message" // for the sockets of a user's devices, but SessionID's; Body is the frame. For the nodes where he is
)

// Hint says that something happened: most often to a user, or to one of his sessions. Body never holds a secret.
type Hint struct {
	Kind      string          `json:"kind"`
	UserID    string          `json:"user_id,omitempty"`
	SessionID string          `json:"session_id,omitempty"`
	Body      json.RawMessage `json:"body,omitempty"`
}

// Node is a living node as it described itself lately.
type Node struct {
	ID          string
	StartedAt   time.Time
	Connections int
	Lag         time.Duration // of the bus, to the millisecond
}

// ErrPartial comes with an answer that is of this node's own connections only, because the others cannot be asked.
var ErrPartial = errors.New("the other nodes cannot be asked")
