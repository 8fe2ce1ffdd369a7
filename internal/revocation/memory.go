package revocation

import (
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Memory is what this node knows of recent changes: every access token is checked against it. Safe for concurrent use.
type Memory struct {
	mu      sync.RWMutex // guards the following
	changes map[string]Change
}

// NewMemory is empty.
func NewMemory() *Memory { return &Memory{changes: make(map[string]Change)} }

// Ended is the end of a session, when it is known to have ended.
func (m *Memory) Ended(sessionID string) (wire.SessionEnded, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c, ok := m.changes[sessionID]
	if !ok || c.Ended == nil {
		return wire.SessionEnded{}, false
	}
	return *c.Ended, true
}

// Session is the latest change of a session, when there is a recent one.
func (m *Memory) Session(sessionID string) (Change, bool) { return m.latest(sessionID) }

// User is the latest change of a user's claims, when there is a recent one.
func (m *Memory) User(userID string) (Change, bool) { return m.latest(userID) }

func (m *Memory) latest(key string) (Change, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c, ok := m.changes[key]
	return c, ok
}

// put stores a change that is newer than what is known of its record, and tells whether it was.
func (m *Memory) put(c Change) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, known := m.changes[c.key()]
	if known && !c.newer(old) {
		return false
	}
	if known && old.Ended != nil {
		c.Ended = old.Ended // an end is final, and the first one counts
	}
	m.changes[c.key()] = c
	return true
}

// forget drops changes stamped before: no living access token can be older.
func (m *Memory) forget(before time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, c := range m.changes {
		if c.At.Before(before) {
			delete(m.changes, k)
		}
	}
}

// Len is the number of records known.
func (m *Memory) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.changes)
}
