package httpapi

import (
	"bufio"
	"cmp"
	"net"
	"net/http"
	"time"
)

const socketPath = "/ws"

// isHandshake tells of a request that asks for a socket and comes from outside. What is not quite one, such as a HEAD or
// a POST of the path, is the router's to answer.
func isHandshake(r *http.Request) bool {
	return r.URL.Path == socketPath && r.URL.RawPath == "" && r.Method == http.MethodGet && !traced(r.Context())
}

// socket serves a handshake. It does what the middleware of the router does, on one level and without a context: when
// thousands come back at once, each on a goroutine whose stack has yet to grow, the levels between cost more than the
// work in them.
func (a *API) socket(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	t := trail{id: a.requestID(r), header: w.Header()}
	t.header[requestID] = []string{t.id}
	a.protect(t.header)
	a.share(t.header, r)
	seen := &statusWriter{ResponseWriter: w}
	defer func() { a.answered(r, &t, socketPath, cmp.Or(seen.status, http.StatusOK), time.Since(began)) }()
	defer func() { a.panicked(seen, r, t.id, socketPath, recover()) }()
	a.cfg.Socket.ServeHTTP(seen, r)
}

// statusWriter remembers how a handshake was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = cmp.Or(s.status, status)
	s.ResponseWriter.WriteHeader(status)
}

// Hijack lets the hub take the connection over, and answer on it that protocols are switched.
func (s *statusWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(s.ResponseWriter).Hijack()
	if err == nil {
		s.status = cmp.Or(s.status, http.StatusSwitchingProtocols)
	}
	return conn, rw, err
}

// Unwrap lets it set deadlines.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
