//go:build !linux

package hub

const noSlot = -1

// newEvents knows none on this system.
func newEvents() events { return nil }
