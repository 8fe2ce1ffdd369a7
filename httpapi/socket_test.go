package httpapi_test

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/id"
)

// TestHandshakesAreAnsweredAsByTheRouter: they go past it, and nobody should notice. A HEAD goes through it.
func TestHandshakesAreAnsweredAsByTheRouter(t *testing.T) {
	l := open(t, nil, "--allowed-origins="+app)
	for _, origin := range []string{"", app, "https://evil.example"} {
		var headers []http.Header
		for _, method := range []string{"GET", "HEAD"} {
			a := l.do(method, "/ws", nil, with("Origin", origin), with("X-Request-Id", "mine")).is(http.StatusUpgradeRequired)
			if request := a.header.Get("X-Request-Id"); !id.Is(id.Request, request) {
				t.Errorf("%s from %q: the id is %q", method, origin, request)
			}
			h := maps.Clone(a.header)
			for _, own := range []string{"X-Request-Id", "Date", "Content-Length"} {
				h.Del(own)
			}
			headers = append(headers, h)
		}
		if !reflect.DeepEqual(headers[0], headers[1]) || headers[0].Get("Vary") != "Origin" || headers[0].Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("from %q: %v, by the router %v", origin, headers[0], headers[1])
		}
		if allowed := headers[0].Get("Access-Control-Allow-Origin"); (allowed == app) != (origin == app) {
			t.Errorf("from %q: allowed is %q", origin, allowed)
		}
	}
	if a := l.do("POST", "/ws", nil).is(http.StatusMethodNotAllowed); a.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("allowed are %q", a.header.Get("Allow"))
	}
	for _, path := range []string{"/ws/", "/%77s", "/WS", "//ws"} {
		l.do("GET", path, nil).is(http.StatusNotFound)
	}
}

// TestHandshakesHaveTheirLineAndTheirCount: also one whose handler panics.
func TestHandshakesHaveTheirLineAndTheirCount(t *testing.T) {
	var (
		log    lines
		mu     sync.Mutex
		served []int
	)
	l := open(t, func(l *lab) {
		logged(&log)(l)
		l.cfg.Socket = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.Header.Get("Panic") {
			case "yes":
				panic("fell")
			case "abort":
				panic(http.ErrAbortHandler)
			case "no, takes over":
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
				}
				_ = conn.Close()
				return
			}
			w.WriteHeader(http.StatusTeapot)
		})
		l.cfg.Served = func(method, route string, status int, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if served = append(served, status); method != "GET" || route != "/ws" || took <= 0 {
				t.Errorf("heard of %s %s in %v", method, route, took)
			}
		}
	})
	a := l.do("GET", "/ws", nil).is(http.StatusTeapot)
	if got := log.of(t, a.header.Get("X-Request-Id")); len(got) != 1 || got[0]["route"] != "/ws" || got[0]["status"] != float64(http.StatusTeapot) || got[0]["client"] != here {
		t.Errorf("%v", got)
	}
	a = l.do("GET", "/ws", nil, with("Panic", "yes"))
	a.problem(http.StatusInternalServerError, "internal")
	if got := log.of(t, a.header.Get("X-Request-Id")); got[0]["panic"] != "fell" || got[0]["route"] != "/ws" {
		t.Errorf("%v, %s", got, a.body)
	}
	if _, err := l.try("GET", "/ws", nil, with("Panic", "abort")); err == nil {
		t.Error("an answer that is to be cut comes")
	}
	if _, err := l.try("GET", "/ws", nil, with("Panic", "no, takes over")); err == nil {
		t.Error("a connection that was taken over answers")
	}
	l.http.CloseIdleConnections()
	mu.Lock()
	defer mu.Unlock()
	served = slices.Compact(served) // the client tries once more where a connection that it had was cut
	if !reflect.DeepEqual(served, []int{http.StatusTeapot, http.StatusInternalServerError, http.StatusOK, http.StatusSwitchingProtocols}) {
		t.Errorf("served %v", served)
	}
}
