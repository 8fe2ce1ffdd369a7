package hub

import (
	"testing"
	"unsafe"
)

// An idle socket costs its conn, what the WebSocket library keeps, and the kernel's part. Go allocates in classes: one
// more field may cost 64 bytes.
func TestConnFitsItsSizeClass(t *testing.T) {
	const class = 512
	if size := unsafe.Sizeof(conn{}); size > class {
		t.Errorf("a conn has %d bytes, of a class of %d", size, class)
	}
}
