package token

import (
	"fmt"
	"slices"

	"github.com/gatehouse-dev/gatehouse/internal/seal"
)

// Reseal seals the private keys with the current secret of the box. It reports whether any were not; without, rec comes
// back as it is.
func Reseal(rec Record, box *seal.Box) (out Record, changed bool, err error) {
	keys := slices.Clone(rec.Keys)
	for i, k := range keys {
		again, moved, err := box.Reseal(sealPurpose, k.Sealed, []byte(k.Kid))
		if err != nil {
			return rec, false, fmt.Errorf("open signing key %s: %w", k.Kid, err)
		}
		keys[i].Sealed, changed = again, changed || moved
	}
	if !changed {
		return rec, false, nil
	}
	return Record{Version: rec.Version + 1, Keys: keys}, true, nil
}
