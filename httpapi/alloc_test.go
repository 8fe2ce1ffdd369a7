//go:build !race

package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestHandshakeAllocatesLittle: what surrounds the hub is there for every device that comes back after a restart.
func TestHandshakeAllocatesLittle(t *testing.T) {
	const most = 4 // the id, twice while it is made; its header; who writes
	l := open(t, func(l *lab) {
		l.cfg.Socket = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusSwitchingProtocols) })
	})
	r := httptest.NewRequest("GET", "/ws", nil)
	w := httptest.NewRecorder()
	n := testing.AllocsPerRun(100, func() {
		clear(w.Header())
		l.api.ServeHTTP(w, r)
	})
	if n > most {
		t.Errorf("a handshake allocates %v times, more than %d", n, most)
	}
}
