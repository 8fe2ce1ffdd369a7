package revocation

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// Memory is what this node knows of recent changes: every access token is checked against it. Safe for concurrent use.
type Memory struct {
	mu     sync.RWMutex // guards the following
	known  map[string]fact
	rights map[string]*rights // one of each kind: all users together have few
}

// fact is what is kept of a Change. After a busy quarter of an hour there are two for everybody who signed in, so it is
// small: what most do not have, or share with others, is behind pointers.
type fact struct {
	at       int64 // in nanoseconds since 1970
	version  int
	ended    *wire.SessionEnded
	rights   *rights // of a user
	epoch    int32
	aal      int8
	disabled bool
}

// rights are shared, and not changed.
type rights struct {
	roles, methods []string
}

// NewMemory is empty.
func NewMemory() *Memory { return &Memory{known: map[string]fact{}, rights: map[string]*rights{}} }

// Ended is the end of a session, when it is known to have ended.
func (m *Memory) Ended(sessionID string) (wire.SessionEnded, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	f := m.known[sessionID]
	if f.ended == nil {
		return wire.SessionEnded{}, false
	}
	return *f.ended, true
}

// Session is the latest change of a session, when there is a recent one, without its user.
func (m *Memory) Session(sessionID string) (Change, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	f, ok := m.known[sessionID]
	return Change{At: f.time(), Version: f.version, SessionID: sessionID, AAL: int(f.aal), Ended: f.ended}, ok
}

// User is the latest change of a user's claims, when there is a recent one. Its lists are not to be changed.
func (m *Memory) User(userID string) (Change, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	f, ok := m.known[userID]
	c := Change{At: f.time(), Version: f.version, UserID: userID, Epoch: int(f.epoch), Disabled: f.disabled}
	if f.rights != nil {
		c.Roles, c.Methods = f.rights.roles, f.rights.methods
	}
	return c, ok
}

func (f fact) time() time.Time { return time.Unix(0, f.at).UTC() }

// has tells whether this very version of a record is known.
func (m *Memory) has(key string, version int, at time.Time) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	f, ok := m.known[key]
	return ok && f.version == version && f.at == at.UnixNano()
}

// put stores a change that is newer than what is known of its record, and tells whether it was.
func (m *Memory) put(c Change) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, known := m.known[c.key()]
	if known && !c.newer(Change{At: old.time(), Version: old.version, Ended: old.ended}) {
		return false
	}
	f := fact{at: c.At.UnixNano(), version: c.Version, ended: c.Ended, epoch: int32(c.Epoch), aal: int8(c.AAL), disabled: c.Disabled}
	if known && old.ended != nil {
		f.ended = old.ended // an end is final, and the first one counts
	}
	if c.SessionID == "" {
		f.rights = m.rightsLocked(c.Roles, c.Methods)
	}
	m.known[c.key()] = f
	return true
}

func (m *Memory) rightsLocked(roles, methods []string) *rights {
	key := strings.Join(roles, " ") + "|" + strings.Join(methods, " ")
	if m.rights[key] == nil {
		m.rights[key] = &rights{roles, methods}
	}
	return m.rights[key]
}

// forget drops changes stamped before: no living access token can be older.
func (m *Memory) forget(before time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := len(m.known)
	for k, f := range m.known {
		if f.at < before.UnixNano() {
			delete(m.known, k)
		}
	}
	if len(m.known) < was/2 { // a map keeps the room of all that it ever held
		m.known = maps.Collect(maps.All(m.known))
	}
}

// Len is the number of records known.
func (m *Memory) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.known)
}
