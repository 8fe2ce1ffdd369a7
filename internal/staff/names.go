package staff

import (
	"sync"
	"time"
)

const (
	nameLives = time.Second
	mostNames = 1000
)

// names is how actors are called. Who ends many sessions, one call after the other, is read once a second for it: to
// read him each time would double what a kick waits for.
type names struct {
	mu    sync.Mutex // guards the following
	known map[string]name
}

type name struct {
	text string
	read time.Time
}

// of is the actor's name as it was within the last second, or as read gives it; "" where that fails.
func (n *names) of(userID string, now time.Time, read func() (string, error)) string {
	n.mu.Lock()
	known, ok := n.known[userID]
	n.mu.Unlock()
	if age := now.Sub(known.read); ok && age >= 0 && age < nameLives {
		return known.text
	}
	text, err := read()
	if err != nil {
		return ""
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil || len(n.known) >= mostNames {
		n.known = make(map[string]name)
	}
	n.known[userID] = name{text, now}
	return text
}
