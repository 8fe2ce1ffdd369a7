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

// TestCallAllocatesLittle: what every call of the API costs beside what it is for, with its token checked and counted,
// and a small answer.
func TestCallAllocatesLittle(t *testing.T) {
	const most = 30 // four contexts and the copies of the request that hold them, headers, the token, and what JSON takes
	l := open(t, nil)
	root := l.enter("admin")
	r := httptest.NewRequest("GET", "/admin/stats", nil)
	root.bearer()(r)
	w := httptest.NewRecorder()
	call := func() {
		clear(w.Header())
		w.Body.Reset()
		l.api.ServeHTTP(w, r)
	}
	if call(); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if n := testing.AllocsPerRun(100, call); n > most {
		t.Errorf("a call allocates %v times, more than %d", n, most)
	}
}
