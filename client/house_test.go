package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

type object map[string]any

// house is a small server: it counts its tokens up by one per refresh, gives the same successor for the last one
// again, and hands its sockets to the test, which plays the hub. It is reached through pipes, in fake time.
type house struct {
	t       *testing.T
	pipes   chan net.Conn
	closed  chan struct{}
	sockets chan *peer
	config  client.Config
	last    string // the last call that no other answer was made for

	mu        sync.Mutex
	refresh   int                           // generation of the refresh token
	access    int                           // of the newest access token
	presented []string                      // refresh tokens that came
	stored    []string                      // what OnTokens heard
	before    []func(w http.ResponseWriter) // one each for the next refreshes; nil or one that writes nothing lets it pass
	after     []func()                      // one each for the next refreshes, once they have taken effect
	calls     map[string]http.HandlerFunc   // instead of the usual answer
}

// visit runs a test in fake time with a house and a client of it, and demands that nothing is left running.
func visit(t *testing.T, test func(t *testing.T, h *house, c *client.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, pipes: make(chan net.Conn), closed: make(chan struct{}), sockets: make(chan *peer, 16), calls: map[string]http.HandlerFunc{}}
		server := &http.Server{Handler: h}
		go server.Serve(h)
		transport := &http.Transport{DialContext: h.dial}
		h.config = client.Config{BaseURL: "http://house.test", HTTPClient: &http.Client{Transport: transport}, DeviceName: "Lamp", OnTokens: h.store}
		test(t, h, client.New(h.config))
		transport.CloseIdleConnections()
		server.Close()
	})
}

func (h *house) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case h.pipes <- theirs:
		return ours, nil
	case <-h.closed: // a dial may outlast the call that it was for
		return nil, net.ErrClosed
	}
}

func (h *house) Accept() (net.Conn, error) {
	select {
	case conn := <-h.pipes:
		return conn, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *house) Close() error   { close(h.closed); return nil }
func (h *house) Addr() net.Addr { return &net.UnixAddr{} }

func (h *house) store(token string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stored = append(h.stored, token)
}

func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	special, access := h.calls[r.URL.Path], fmt.Sprint("Bearer access-", h.access)
	h.mu.Unlock()
	switch {
	case special != nil:
		special(w, r)
	case r.URL.Path == "/auth/login" || r.URL.Path == "/auth/register":
		h.login(w, r)
	case r.URL.Path == "/auth/refresh":
		h.rotate(w, r)
	case r.URL.Path == "/ws":
		h.socket(w, r)
	case r.Header.Get("Authorization") == "":
		refuse(w, 401, object{"code": "unauthenticated"})
	case r.Header.Get("Authorization") != access:
		refuse(w, 401, object{"code": "token_expired"})
	case r.URL.Path == "/auth/me":
		answer(w, object{"id": "usr_1", "email": "ann@example.com"})
	default:
		h.last = r.Method + " " + r.URL.EscapedPath() + " " + read(r)
		w.WriteHeader(204)
	}
}

func read(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	return string(body)
}

func (h *house) login(w http.ResponseWriter, r *http.Request) {
	var in struct{ Email, Password, Transport string }
	if json.NewDecoder(r.Body).Decode(&in); in.Password != "right" || in.Transport != "body" {
		refuse(w, 401, object{"code": "invalid_credentials"})
		return
	}
	h.signIn(w)
}

func (h *house) signIn(w http.ResponseWriter) {
	h.mu.Lock()
	h.access++
	in := object{"status": "signed_in", "access_token": fmt.Sprint("access-", h.access), "expires_in": 900,
		"refresh_token": fmt.Sprint("refresh-", h.refresh), "user": object{"id": "usr_1"}, "session": object{"id": "ses_1"}}
	h.mu.Unlock()
	answer(w, in)
}

func (h *house) rotate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Token string `json:"refresh_token"`
	}
	json.NewDecoder(r.Body).Decode(&in)
	h.mu.Lock()
	h.presented = append(h.presented, in.Token)
	before, after := next(&h.before), next(&h.after)
	h.mu.Unlock()
	watched := &watched{ResponseWriter: w}
	if before != nil {
		if before(watched); watched.written {
			return
		}
	}
	h.mu.Lock()
	switch in.Token {
	case fmt.Sprint("refresh-", h.refresh):
		h.refresh++
	case fmt.Sprint("refresh-", h.refresh-1):
	default:
		h.mu.Unlock()
		refuse(w, 401, object{"code": "invalid_token"})
		return
	}
	h.mu.Unlock()
	if after != nil {
		after()
	}
	h.signIn(w)
}

func next[F any](queue *[]F) (f F) {
	if len(*queue) > 0 {
		f, *queue = (*queue)[0], (*queue)[1:]
	}
	return f
}

type watched struct {
	http.ResponseWriter
	written bool
}

func (w *watched) WriteHeader(status int) {
	w.written = true
	w.ResponseWriter.WriteHeader(status)
}

func refuse(w http.ResponseWriter, status int, problem object) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(problem)
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}

// refreshes are the refresh tokens presented so far.
func (h *house) refreshes() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.presented, " ")
}

func (h *house) heard() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Sprintf("%q", h.stored)
}

// login signs the client in, which must work.
func login(t *testing.T, c *client.Client) {
	t.Helper()
	if _, _, err := c.Login(t.Context(), "ann@example.com", "right"); err != nil {
		t.Fatal(err)
	}
}

// peer is the server's end of a socket.
type peer struct {
	t     *testing.T
	conn  *websocket.Conn
	token string
	since time.Time

	socket *client.Socket // the other end, where a test gives it
}

func (h *house) socket(w http.ResponseWriter, r *http.Request) {
	offered := strings.ReplaceAll(r.Header.Get("Sec-WebSocket-Protocol"), " ", "")
	_, token, _ := strings.Cut(offered, ",bearer.")
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{wire.Protocol}})
	if err != nil {
		h.t.Error(err)
		return
	}
	h.sockets <- &peer{t: h.t, conn: conn, token: token, since: time.Now()}
}

// accept is the next socket that comes, not greeted yet.
func (h *house) accept() *peer {
	h.t.Helper()
	select {
	case p := <-h.sockets:
		return p
	case <-time.After(2 * time.Minute):
		h.t.Fatal("no socket came")
		return nil
	}
}

// greet is the next socket, with its welcome.
func (h *house) greet() *peer {
	h.t.Helper()
	p := h.accept()
	p.send(object{"type": "welcome", "connection_id": "con_1", "session_id": "ses_1", "ping_interval": 25, "user": object{"id": "usr_1"}})
	return p
}

func (p *peer) send(frame object) {
	p.t.Helper()
	b, _ := json.Marshal(frame)
	if err := p.conn.Write(p.t.Context(), websocket.MessageText, b); err != nil {
		p.t.Errorf("send %s: %v", frame["type"], err)
	}
}

// expect is the next frame, which must be of the type.
func (p *peer) expect(frameType string) wire.Request {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	_, b, err := p.conn.Read(ctx)
	if err != nil {
		p.t.Fatalf("expect %s: %v", frameType, err)
	}
	var frame wire.Request
	if err := json.Unmarshal(b, &frame); err != nil || frame.Type != frameType {
		p.t.Fatalf("frame %s, want type %s", b, frameType)
	}
	return frame
}

// ack answers the next frame, which must be of the type.
func (p *peer) ack(frameType string) wire.Request {
	p.t.Helper()
	frame := p.expect(frameType)
	p.send(object{"type": "ack", "re": frame.ID})
	return frame
}

func (p *peer) close(code wire.CloseCode) { p.conn.Close(websocket.StatusCode(code), code.Name()) }
