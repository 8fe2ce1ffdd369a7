package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/httpapi"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/clientaddr"
	"github.com/gatehouse-dev/gatehouse/internal/cluster/local"
	"github.com/gatehouse-dev/gatehouse/internal/events"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/revocation"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/web"
)

// home is the origin of the default public URL, which is the only one allowed.
const home = "http://localhost:8080"

// marker stands for what is sent and must not come back.
const marker = "zq7marker7qz"

// lab is the API over TCP: rules on a SQLite file, the local cluster, limits on, and a clock that the test moves.
type lab struct {
	events events.Broker
	*rulestest.House
	t       testing.TB
	cfg     httpapi.Config
	api     *httpapi.API
	cluster *local.Cluster
	limits  *ratelimit.Memory
	http    *http.Client
	url     string
	pushed  []wire.Message
	sockets int // that a message reaches
}

// open makes a lab. prepare, if not nil, may change its parts before the API is made of them.
func open(t testing.TB, prepare func(*lab), flags ...string) *lab {
	t.Helper()
	l := &lab{House: rulestest.Open(t, flags...), t: t, sockets: 3}
	l.cluster = local.New(local.Config{Grace: l.Config.PresenceGrace, Now: l.Time})
	t.Cleanup(func() { _ = l.cluster.Close() })
	l.limits = &ratelimit.Memory{Now: l.Time}
	l.cfg = httpapi.Config{
		Accounts: l.Accounts, Sessions: l.Sessions, SignIn: l.SignIn, Address: l.Address, Factors: l.Factors, Staff: l.Staff, Audit: l.Store,
		Queue: l.Queue, Hooks: l.Hooks, Keys: l.Keys, Events: &l.events,
		History: events.History{Source: l.Store, Kept: 24 * time.Hour, Recent: l.Config.AccessTTL + time.Minute, Overlap: revocation.Overlap},
		Guard:   l.Guard, Presence: l.cluster, Limiter: l.limits, RateLimits: true, Send: l.push, Nodes: l.nodes, SignupOpen: l.Config.SignupOpen,
		Locate: func(netip.Addr) *wire.Location { return nil }, PublicURL: l.Config.PublicURL, Origins: l.Config.AllowedOrigins,
		StepUpAge: l.Config.StepUpAge, JWKS: func() []byte { return l.Keyset.Keys().JWKS() }, Ready: l.Store.Ping,
		Socket: reply(http.StatusUpgradeRequired, ""), App: web.Front(), Metrics: reply(http.StatusOK, "metrics"),
		Version: "test", Now: l.Time, Log: l.Log,
	}
	if prepare != nil {
		prepare(l)
	}
	l.api = httpapi.New(l.cfg)
	server := httptest.NewServer(l.api)
	t.Cleanup(server.Close)
	l.url, l.http = server.URL, server.Client()
	l.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return l
}

func reply(status int, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	})
}

func (l *lab) push(_ context.Context, _ string, m wire.Message) (int, error) {
	l.pushed = append(l.pushed, m)
	return l.sockets, nil
}

func (l *lab) nodes(context.Context) ([]httpapi.Node, error) {
	return []httpapi.Node{{ID: "nod_1", StartedAt: wire.At(rulestest.Epoch)}}, nil
}

// proxied trusts the test itself to say where its requests come from.
func proxied(l *lab) {
	l.cfg.Addresses = clientaddr.Resolver{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}

func unlimited(l *lab) { l.cfg.RateLimits = false }

// in is a signed-in device.
type in struct {
	User    account.User
	ID      string // of the session
	Access  string
	Refresh string
}

// enter signs a new user of the roles in.
func (l *lab) enter(roles ...string) in { return l.again(l.AddStranger(roles...)) }

// again signs the user in on one more device of body transport.
func (l *lab) again(u account.User) in {
	out := l.Enter(u)
	return in{u, out.Session.ID, out.AccessToken, out.RefreshToken}
}

// browse signs the user in on one more device of cookie transport.
func (l *lab) browse(u account.User) in {
	l.t.Helper()
	out, err := l.Sessions.Start(l.t.Context(), session.Start{
		User: u, Transport: session.Cookie, Name: "Browser", AMR: []string{"pwd"}, AAL: 1, Visit: rulestest.Visit,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return in{u, out.Session.ID, out.AccessToken, out.RefreshToken}
}

// part changes a request before it is sent.
type part func(*http.Request)

func with(name, value string) part { return func(r *http.Request) { r.Header.Add(name, value) } }
func (d in) bearer() part          { return with("Authorization", "Bearer "+d.Access) }
func from(addr string) part        { return with("X-Forwarded-For", addr) }
func cookie(value string) part     { return with("Cookie", "gatehouse_refresh="+value) }

var (
	sameOrigin = with("Sec-Fetch-Site", "same-origin")
	chunked    = part(func(r *http.Request) { r.ContentLength = -1 })
)

// do sends a request. A body that is no string is sent as JSON. No refusal may repeat the marker, and every good
// answer must be as the description of the API has it.
func (l *lab) do(method, path string, body any, parts ...part) *answer {
	l.t.Helper()
	a, err := l.try(method, path, body, parts...)
	if err != nil {
		l.t.Fatalf("%s %s: %v", method, path, err)
	}
	if a.status >= 400 && (strings.Contains(string(a.body), marker) || strings.Contains(headerText(a.header), marker)) {
		l.t.Errorf("%s repeats what was sent: %s", a.call, a.body)
	}
	if method != http.MethodHead && a.status >= 200 && a.status < 300 {
		l.conforms(a)
	}
	return a
}

func (l *lab) try(method, path string, body any, parts ...part) (*answer, error) {
	var content io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(l.t.Context(), method, l.url+path, content)
	if err != nil {
		return nil, err
	}
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, p := range parts {
		p(r)
	}
	resp, err := l.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return &answer{l.t, method + " " + path, resp.StatusCode, resp.Header, data}, err
}

func headerText(h http.Header) string {
	var b strings.Builder
	_ = h.Write(&b)
	return b.String()
}

// doc is a JSON object.
type doc = map[string]any

// login is the body of a sign-in with the given members beside.
func login(email, password string, more ...string) doc {
	d := doc{"email": email, "password": password}
	for i := 0; i+1 < len(more); i += 2 {
		d[more[i]] = more[i+1]
	}
	return d
}

var errBroken = errors.New("broken " + marker)
