package hub

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

const home = "https://app.example.com"

// world is what a hub's interfaces show in tests: users, sessions and credentials, with ends that are recorded.
type world struct {
	hub *Hub

	mu       sync.Mutex
	creds    map[string]Principal // by token, ticket or cookie
	refusals map[string]*Error
	tickets  map[string]bool
	sessions map[string]wire.Session // ended ones too
	ended    map[string]*Error       // by session
	counts   map[string]int
	seqs     map[string]int64 // by user
	reads    int              // of the registry
	fenced   *Error
	broken   error // of the directory
	down     error // of the registry
	lost     error // of the courier
	hangs    bool  // the directory answers nobody
	loads    int
	given    []Credential
	linger   map[string]bool    // online without a connection
	authWait chan struct{}      // when set, Authenticate waits for it
	onReport func(n int)        // when set, hears every count
	standing func()             // when set, happens while Standing is asked
	assure   func(*Principal)   // when set, is what Standing knows of a principal
	factors  map[string]*factor // by user
	handlers map[string]Handler
}

func newWorld() *world {
	return &world{
		creds: map[string]Principal{}, refusals: map[string]*Error{}, tickets: map[string]bool{},
		sessions: map[string]wire.Session{}, ended: map[string]*Error{}, counts: map[string]int{}, seqs: map[string]int64{}, linger: map[string]bool{},
		factors: map[string]*factor{}, handlers: map[string]Handler{},
	}
}

func newUser() string { return id.New(id.User) }

// signIn makes a session of the user and a token that is its id.
func (w *world) signIn(user string, roles ...string) Principal {
	now := time.Now()
	p := Principal{
		UserID: user, SessionID: id.New(id.Session), Roles: append([]string{"user"}, roles...), AAL: 1, Epoch: 1,
		Issued: now, Expires: now.Add(15 * time.Minute),
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.creds[p.SessionID] = p
	w.sessions[p.SessionID] = wire.Session{
		ID: p.SessionID, UserID: user, Name: "Firefox", AMR: []string{"pwd"}, AAL: 1,
		CreatedAt: wire.At(now), LastSeenAt: wire.At(now), ExpiresAt: wire.At(now.Add(time.Hour)),
	}
	return p
}

// grant makes a credential for p.
func (w *world) grant(name string, p Principal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.creds[name] = p
}

func (w *world) refuse(name string, e *Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refusals[name] = e
}

// end records the end, then tells the hub, as the rules do.
func (w *world) end(p Principal, reason string) {
	w.hub.SessionEnded(w.record(p, reason))
}

// record makes the end known to Standing, and to nobody else yet.
func (w *world) record(p Principal, reason string) End {
	at := wire.At(time.Now())
	frame := wire.SessionEnded{Reason: reason, By: wire.By{Kind: wire.BySystem}, At: at}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sessions[p.SessionID]
	s.EndedAt, s.EndReason = &at, reason
	w.sessions[p.SessionID] = s
	w.ended[p.SessionID] = &Error{Code: "session_revoked", Ended: &frame}
	return End{UserID: p.UserID, SessionID: p.SessionID, Frame: frame}
}

// loaded is how often the directory was asked.
func (w *world) loaded() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.loads
}

// with changes the world under its lock.
func (w *world) with(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) edit(session string, change func(*wire.Session)) {
	w.mu.Lock()
	s := w.sessions[session]
	change(&s)
	w.sessions[session] = s
	w.mu.Unlock()
	w.hub.SessionsChanged(s.UserID, session)
}

func (w *world) Admit(*http.Request) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fenced != nil {
		return w.fenced
	}
	return nil
}

func (w *world) HasCookie(r *http.Request) bool {
	_, err := r.Cookie("session")
	return err == nil
}

func (w *world) Authenticate(ctx context.Context, c Credential) (Principal, error) {
	if w.authWait != nil {
		select {
		case <-w.authWait:
		case <-ctx.Done():
			return Principal{}, ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	name := c.Value
	if c.Kind == Cookie {
		k, _ := c.Request.Cookie("session")
		name = k.Value
	}
	c.Request = nil
	w.given = append(w.given, c)
	if e := w.refusals[name]; e != nil {
		return Principal{}, e
	}
	p, ok := w.creds[name]
	if !ok {
		return Principal{}, &Error{Code: "invalid_token"}
	}
	if c.Kind == Ticket {
		if !w.tickets[name] {
			return Principal{}, &Error{Code: "grant_expired"}
		}
		w.tickets[name] = false
	}
	if e := w.ended[p.SessionID]; e != nil {
		return Principal{}, e
	}
	if !time.Now().Before(p.Expires) {
		return Principal{}, &Error{Code: "token_expired"}
	}
	return p, nil
}

func (w *world) Standing(p Principal) (Principal, error) {
	if w.standing != nil {
		w.standing()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fenced != nil {
		return p, w.fenced
	}
	if e := w.ended[p.SessionID]; e != nil {
		return p, e
	}
	if w.assure != nil {
		w.assure(&p)
	}
	return p, nil
}

func (w *world) Sessions(ctx context.Context, user string, known []string) ([]wire.Session, error) {
	w.mu.Lock()
	hangs := w.hangs
	w.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loads++
	if w.broken != nil {
		return nil, w.broken
	}
	var out []wire.Session
	for _, s := range w.sessions {
		if s.UserID == user && (s.EndedAt == nil || slices.Contains(known, s.ID)) {
			out = append(out, s)
		}
	}
	return out, nil
}

func (w *world) Report(user, session string, n int) {
	w.mu.Lock()
	w.counts[session] = n
	w.seqs[user]++
	now := w.presenceLocked(user, session)
	heard := w.onReport
	w.mu.Unlock()
	if heard != nil {
		heard(n)
	}
	w.hub.SessionPresence(user, session, now)
}

func (w *world) presenceLocked(user, session string) Presence {
	n := w.counts[session]
	return Presence{Online: n > 0 || w.linger[session], Connections: n, Seq: w.seqs[user]}
}

func (w *world) Presence(_ context.Context, user string) (map[string]Presence, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil {
		return nil, w.down
	}
	w.reads++
	out := map[string]Presence{}
	for s := range w.counts {
		if p := w.presenceLocked(user, s); w.sessions[s].UserID == user && p.Online {
			out[s] = p
		}
	}
	return out, nil
}

func (w *world) Send(_ context.Context, d Delivery) error {
	w.mu.Lock()
	lost := w.lost
	w.mu.Unlock()
	if lost != nil {
		return lost
	}
	w.hub.Deliver(d)
	return nil
}
