package session

import "github.com/gatehouse-dev/gatehouse/internal/seal"

// Reseal seals the refresh key with the current secret of the box, and tells whether it was not.
func (s *Session) Reseal(box *seal.Box) (changed bool, err error) {
	key, changed, err := box.Reseal(refreshKeys, s.Refresh.Key, []byte(s.ID))
	if changed {
		s.Refresh.Key = key
	}
	return changed, err
}
