//go:build !linux

package hub

import "syscall"

// events is not there on this system.
type events struct{}

func newEvents() *events                         { return nil }
func (e *events) watch(*conn, syscall.Conn) bool { return false }
func (e *events) forget(*conn)                   {}
func (e *events) close()                         {}

const noSlot = -1
