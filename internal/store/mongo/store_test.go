package mongo

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, _ func() time.Time) storetest.Store {
		return unswept(t, open(t, newDatabase(t)))
	})
}

// TestStoreThatJoins is the same where one id is too many for a filter.
func TestStoreThatJoins(t *testing.T) {
	storetest.Run(t, func(t *testing.T, _ func() time.Time) storetest.Store {
		s := unswept(t, open(t, newDatabase(t)))
		s.few = 0
		return s
	})
}
