package hub

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// requestID is the header of the answer in which whoever serves the hub may have given the request an id for logs.
const requestID = "X-Request-Id"

// ServeHTTP is the handshake. It returns once the socket is open; the socket lives on without the request.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.enter() {
		h.refuse(w, r, &refusal{http.StatusServiceUnavailable, &Error{Code: "unavailable", RetryAfter: time.Second}})
		return
	}
	defer h.work.Done()
	cred, no := h.screen(r)
	if no != nil {
		h.refuse(w, r, no)
		return
	}
	c := newConn(h, cred)
	p, err := h.authenticate(r.Context(), cred)
	if no := h.refusesBeforeUpgrade(c, cred, err); no != nil {
		h.refuse(w, r, no)
		return
	}
	if err := upgrade(c, w, r); err != nil {
		h.release(c)
		h.stats.handshake("upgrade_failed")
		h.log.Debug("upgrade failed", "request", w.Header().Get(requestID), "err", err)
		return
	}
	if h.log.Enabled(r.Context(), slog.LevelDebug) {
		h.log.Debug("socket", "connection", c.id, "request", w.Header().Get(requestID))
	}
	h.work.Add(1)
	c.start(cred, p, err)
}

// screen checks what needs no verification, in the order of the error codes.
func (h *Hub) screen(r *http.Request) (Credential, *refusal) {
	if err := h.cfg.Auth.Admit(r); err != nil {
		return Credential{}, admission(err)
	}
	if no := checkUpgrade(r); no != nil {
		return Credential{}, no
	}
	cred := h.credential(r)
	if no := h.checkOrigin(r, cred.Kind); no != nil {
		return cred, no
	}
	return cred, checkProtocol(r)
}

func admission(err error) *refusal {
	e := errorOf(err)
	if e.Code == wire.CloseRateLimited.Name() {
		return &refusal{http.StatusTooManyRequests, e}
	}
	return &refusal{http.StatusServiceUnavailable, e}
}

func (h *Hub) authenticate(ctx context.Context, cred Credential) (Principal, error) {
	if cred.Kind == 0 {
		return Principal{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	return h.cfg.Auth.Authenticate(ctx, cred)
}

// refusesBeforeUpgrade answers too many attempts over HTTP, and too many sockets that wait for a first frame.
func (h *Hub) refusesBeforeUpgrade(c *conn, cred Credential, err error) *refusal {
	if err != nil && errorOf(err).Code == wire.CloseRateLimited.Name() {
		return &refusal{http.StatusTooManyRequests, errorOf(err)}
	}
	waits := cred.Kind == 0 || cred.Kind == Cookie && err != nil
	if waits && !h.reserve(c) {
		return &refusal{http.StatusTooManyRequests, &Error{Code: wire.CloseRateLimited.Name(), RetryAfter: h.limits.AuthTimeout}}
	}
	return nil
}

func (h *Hub) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	h.stats.handshake(no.err.Code)
	if no.err.Err != nil {
		h.log.Warn("handshake refused", "request", w.Header().Get(requestID), "code", no.err.Code, "err", no.err.Err)
	}
	switch no.status {
	case http.StatusUpgradeRequired:
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "GET, HEAD")
	}
	h.cfg.Refuse(w, r, no.status, no.err)
}

// upgrade makes the request c's socket. The subprotocol entries that carry credentials go no further.
func upgrade(c *conn, w http.ResponseWriter, r *http.Request) error {
	r.Header.Set("Sec-WebSocket-Protocol", wire.Protocol)
	ws, err := websocket.Accept(&hijacker{w, c}, r, &websocket.AcceptOptions{
		Subprotocols:       []string{wire.Protocol},
		InsecureSkipVerify: true, // checkOrigin is stricter
		CompressionMode:    websocket.CompressionDisabled,
		OnPingReceived:     c.protocolPing,
		OnPongReceived:     c.protocolPong,
	})
	c.ws = ws
	if err == nil {
		c.net.library.Reset(&c.net) // the library has put a reader in between, for what hijacking left: the stream has that
	}
	return err
}

// hijacker slips the stream under the WebSocket library. The answer to the handshake waits in the stream for the first
// frame, so that one packet takes both.
type hijacker struct {
	http.ResponseWriter
	c *conn
}

// WriteHeader leaves to Hijack what Accept says in the good case.
func (j *hijacker) WriteHeader(status int) {
	if status != http.StatusSwitchingProtocols {
		j.ResponseWriter.WriteHeader(status)
	}
}

// libraryBuffer is the size of the WebSocket library's two buffers, the least that bufio has. The stream has better
// ones, while there is something to read or write.
const libraryBuffer = 16

// kernelBuffer bounds what the kernel keeps for a client that does not read. Left alone it grows to megabytes.
const kernelBuffer = 128 << 10

func (j *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := http.NewResponseController(j.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if tcp, ok := nc.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = tcp.SetWriteBuffer(kernelBuffer) // a socket without it is only a costlier one
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	s := &j.c.net
	s.open(nc, early)
	s.gather()
	_, _ = io.WriteString(s, "HTTP/1.1 101 Switching Protocols\r\n") // to memory
	_ = j.Header().Write(s)
	_, _ = io.WriteString(s, "\r\n")
	s.library = bufio.NewReaderSize(s, libraryBuffer)
	return s, bufio.NewReadWriter(s.library, bufio.NewWriterSize(s, libraryBuffer)), nil
}

// errorOf finds the *Error in err. What is none is trouble of ours.
func errorOf(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: "unavailable", RetryAfter: time.Second, Err: err}
}

func peerAddr(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// writeProblem is the default of Config.Refuse (RFC 9457).
func writeProblem(w http.ResponseWriter, _ *http.Request, status int, e *Error) {
	body := map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "code": e.Code}
	if e.Detail != "" {
		body["detail"] = e.Detail
	}
	if s := seconds(e.RetryAfter); s > 0 {
		body["retry_after"] = s
		w.Header().Set("Retry-After", strconv.Itoa(s))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// seconds rounds up, for retry_after.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
