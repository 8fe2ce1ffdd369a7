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
	known  map[string]Fact
	rights map[string]*rights // one of each kind: all users together have few
}

// Fact is the latest change of a record, the zero Fact when there is no recent one. After a busy quarter of an hour
// there are two for everybody who signed in, so it is small: what most do not have, or share with others, is behind
// pointers.
type Fact struct {
	at       int64 // in nanoseconds since 1970
	Version  int
	Ended    *wire.SessionEnded // of a session; nil: it lives
	rights   *rights            // of a user
	Epoch    int32
	AAL      int8
	disabled bool
}

// rights are shared, and not changed.
type rights struct {
	roles, methods []string
}

// Known tells whether there is a recent change.
func (f Fact) Known() bool { return f.at != 0 }

// Roles of a user. They are not to be changed.
func (f Fact) Roles() []string { return f.rights.roles }

// Methods are the second factors that a user can show. They are not to be changed.
func (f Fact) Methods() []string { return f.rights.methods }

func (f Fact) time() time.Time { return time.Unix(0, f.at).UTC() }

// NewMemory is empty.
func NewMemory() *Memory { return &Memory{known: map[string]Fact{}, rights: map[string]*rights{}} }

// Of is what is known of a session, and of a user's claims.
func (m *Memory) Of(sessionID, userID string) (session, user Fact) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.known[sessionID], m.known[userID]
}

// Ended is the end of a session, when it is known to have ended.
func (m *Memory) Ended(sessionID string) (wire.SessionEnded, bool) {
	if f, _ := m.Of(sessionID, ""); f.Ended != nil {
		return *f.Ended, true
	}
	return wire.SessionEnded{}, false
}

// has tells whether this very version of a record is known.
func (m *Memory) has(key string, version int, at time.Time) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	f, ok := m.known[key]
	return ok && f.Version == version && f.at == at.UnixNano()
}

// put stores a change that is newer than what is known of its record, and tells whether it was.
func (m *Memory) put(c Change) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, known := m.known[c.key()]
	if known && !c.newer(Change{At: old.time(), Version: old.Version, Ended: old.Ended}) {
		return false
	}
	f := Fact{at: c.At.UnixNano(), Version: c.Version, Ended: c.Ended, Epoch: int32(c.Epoch), AAL: int8(c.AAL), disabled: c.Disabled}
	if known && old.Ended != nil {
		f.Ended = old.Ended // an end is final, and the first one counts
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
