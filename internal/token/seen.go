package token

import (
	"crypto/sha256"
	"sync"
)

// mostSeen is how many tokens each half of seen holds: both together are some 1.2 MiB when full.
const mostSeen = 8 << 10

// seen remembers which tokens were found to be signed by a key, so that whoever calls again and again costs a hash and
// not a signature. It says nothing about what a token claims, or whether it has expired: that is read each time. Only
// signatures that were good are remembered, so that nobody can fill it with his own. Safe for concurrent use.
type seen struct {
	mu            sync.RWMutex // guards the following
	recent, older map[mark]struct{}
}

// mark stands for a whole token, of which nothing can be told from it.
type mark [sha256.Size]byte

func (s *seen) has(m mark) bool {
	s.mu.RLock()
	_, is := s.recent[m]
	_, was := s.older[m]
	s.mu.RUnlock()
	if was && !is {
		s.add(m) // in use, so that it stays
	}
	return is || was
}

// add remembers a token. When there is no room, those that were not used since there was none before are forgotten.
func (s *seen) add(m mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.recent) >= mostSeen {
		s.older, s.recent = s.recent, nil
	}
	if s.recent == nil {
		s.recent = make(map[mark]struct{})
	}
	s.recent[m] = struct{}{}
}
