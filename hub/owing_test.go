package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// factor is a user's second factor.
type factor struct {
	methods []string
	code    string // the right one
	refuses error  // what Pay answers instead
	version int    // of the user's record
	asked   int    // how often a code was checked
}

var totp = []string{"totp", "recovery_code"}

// enrols records a factor, then tells the hub, as the rules do.
func (w *world) enrols(user string, methods ...string) {
	w.mu.Lock()
	f := w.factors[user]
	if f == nil {
		f = &factor{code: "123456"}
		w.factors[user] = f
	}
	f.methods, f.version = methods, f.version+1
	claims := Claims{UserID: user, Roles: []string{"user"}, Epoch: 1, Version: f.version, Methods: methods}
	w.mu.Unlock()
	w.hub.UserChanged(claims)
}

func (w *world) Methods(_ context.Context, p Principal, aal int) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return nil, w.broken
	}
	var methods []string
	if aal < 2 {
		methods = append(methods, "password")
	}
	if f := w.factors[p.UserID]; f != nil {
		methods = append(methods, f.methods...)
	}
	return methods, nil
}

func (w *world) Pay(_ context.Context, p Principal, _ netip.Addr, code string) error {
	w.mu.Lock()
	f := w.factors[p.UserID]
	switch {
	case w.ended[p.SessionID] != nil:
		defer w.mu.Unlock()
		return w.ended[p.SessionID]
	case f == nil:
		w.mu.Unlock()
		return &Error{Code: "conflict"}
	}
	f.asked++
	refused, right := f.refuses, f.code == code
	w.mu.Unlock()
	if refused != nil {
		return refused
	}
	if !right {
		return &Error{Code: "invalid_code"}
	}
	w.raise(p)
	return nil
}

// raise brings the session to aal 2.
func (w *world) raise(p Principal) {
	now := time.Now()
	w.hub.SessionRenewed(Renewal{
		UserID: p.UserID, SessionID: p.SessionID, Issued: now, Expires: now.Add(15 * time.Minute), AAL: 2, AuthTime: now, Roles: p.Roles, Epoch: p.Epoch,
	})
}

// debtor is a session that owes its user's factor, as its token says.
func (l *lab) debtor(user string) Principal {
	p := l.signIn(user)
	l.enrols(user, totp...)
	p.Owes = "mfa"
	l.grant(p.SessionID, p)
	return p
}

const pay = `{"type":"mfa","code":"123456"}`

// free demands that the socket is open and gets what others get.
func (c *client) free(l *lab, p Principal) {
	c.t.Helper()
	c.works()
	before := len(c.all("message"))
	l.hub.Deliver(parcel(p.UserID, wire.Message{Name: "x"}))
	if n := len(c.all("message")) - before; n != 1 {
		c.t.Fatalf("%d messages came; story: %s", n, c.story())
	}
}

// Attack: a session that owes a second factor uses its socket. It can do nothing but pay.
func TestThreat16_SocketThatOwesAFactorDoesNothingElse(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		p, other := l.debtor("usr_1"), l.signIn("usr_1", "admin")
		other.AAL = 2
		l.grant(other.SessionID, other)
		neighbour := l.connect(other)
		called := false
		l.handlers["open"] = Handler{Handle: func(context.Context, Principal, json.RawMessage) (any, error) { called = true; return nil, nil }}
		c := l.connect(p)
		for _, text := range []string{
			`{"type":"subscribe","feed":"devices"}`, `{"type":"unsubscribe","feed":"devices"}`, `{"type":"subscribe","feed":"nothing"}`,
			`{"type":"message","to":"devices","name":"x"}`, `{"type":"message","to":{"user_id":"` + newUser() + `"},"name":"x"}`,
			`{"type":"message","name":"open"}`, `{"type":"surprise"}`, `{"type":"MFA","code":"123456"}`,
		} {
			if f := c.ask(text); f.Code != "step_up_required" || !slices.Equal(f.Methods, totp) {
				t.Errorf("%s: %s", text, f.raw)
			}
		}
		if n := l.hub.Deliver(parcel("usr_1", wire.Message{Name: "x"})); n != 1 {
			t.Errorf("a message to the user reached %d sockets", n)
		}
		l.edit(p.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		for _, kind := range []string{"message", "devices.snapshot", "devices.changed"} {
			c.none(kind)
		}
		if f := neighbour.one("message"); f.Name != "x" || called {
			t.Errorf("it got through: %s, called %t", f.raw, called)
		}
		for _, text := range []string{`{"type":"pong"}`, authFrame(p.SessionID)} {
			if f := c.ask(text); f.Code != "" {
				t.Errorf("%s: %s", text, f.raw)
			}
		}
		if f := c.ask(`{"type":"subscribe","feed":"devices"}`); f.Code != "step_up_required" {
			t.Errorf("free by a token that owes: %s", f.raw)
		}
	})
}

func TestSocketThatOwesIsToldAndPays(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.debtor("usr_1")
		c := l.connect(p)
		f := c.one("mfa.required")
		if !slices.Equal(f.Methods, totp) || f.ExpiresIn != 300 || c.last().raw != f.raw {
			t.Error(c.story())
		}
		if f := c.ask(pay); f.Type != "ack" {
			t.Error(f.raw)
		}
		if f := c.one("auth.ok"); f.AAL != 2 || f.Re != "" || f.ExpiresIn != 900 {
			t.Error(f.raw)
		}
		time.Sleep(6 * time.Minute)
		c.free(l, p)
	})
}

// What is not a string is no guess.
func TestMalformedMFA(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		c := l.connect(l.debtor("usr_1"))
		for _, text := range []string{`{"type":"mfa"}`, `{"type":"mfa","code":123456}`, `{"type":"mfa","code":null}`, `{"type":"mfa","Code":"123456"}`} {
			if f := c.ask(text); f.Code != "invalid_request" {
				t.Errorf("%s: %s", text, f.raw)
			}
		}
		if f := c.ask(pay); f.Type != "ack" {
			t.Error(f.raw)
		}
		l.with(func() {
			if n := l.factors["usr_1"].asked; n != 1 {
				t.Errorf("%d codes were checked", n)
			}
		})
	})
}

func TestThirdWrongCodeEndsTheSocketAndLeavesTheSession(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.debtor("usr_1")
		c, tab := l.connect(p), l.connect(p)
		for range 2 {
			if f := c.ask(`{"type":"mfa","code":"000000"}`); f.Code != "invalid_code" {
				t.Error(f.raw)
			}
		}
		if f := c.ask(`{"type":"mfa","code":"nonsense"}`); f.Code != "mfa_failed" {
			t.Error(f.raw)
		}
		c.closed(wire.CloseMFAFailed)
		c.none("session.ended")
		if f := tab.ask(pay); f.Type != "ack" { // wrong codes count per socket
			t.Error(f.raw)
		}
		tab.free(l, p)
	})
}

// A right code clears the count: it is not one of a life.
func TestWrongCodesAreForgottenByARightOne(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.debtor("usr_1")
		c := l.connect(p)
		for range 3 {
			c.ask(`{"type":"mfa","code":"000000"}`)
			c.ask(`{"type":"mfa","code":"000000"}`)
			if f := c.ask(pay); f.Type != "ack" {
				t.Fatal(f.raw)
			}
		}
		c.free(l, p)
	})
}

// Only a wrong code counts as one.
func TestRefusedPaymentsAreNoWrongCodes(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		p := l.debtor("usr_1")
		c := l.connect(p)
		for code, refusal := range map[string]error{
			"rate_limited": &Error{Code: "rate_limited", RetryAfter: 90 * time.Second},
			"unavailable":  errors.New("store at 10.0.0.7 is down"),
			"conflict":     &Error{Code: "conflict"},
		} {
			l.with(func() { l.factors["usr_1"].refuses = refusal })
			for range 4 {
				if f := c.ask(pay); f.Code != code || code == "rate_limited" && f.RetryAfter != 90 || strings.Contains(f.raw, "10.0.0.7") {
					t.Errorf("%s: %s", code, f.raw)
				}
			}
		}
		l.with(func() { l.factors["usr_1"].refuses = nil })
		if f := c.ask(pay); f.Type != "ack" {
			t.Error(f.raw)
		}
		c.free(l, p)
	})
}

func TestMFAWithoutAFactor(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.connect(p)
		for range 4 {
			if f := c.ask(pay); f.Code != "conflict" {
				t.Error(f.raw)
			}
		}
		c.free(l, p)
	})
}

// A session that ended meanwhile says how.
func TestPaymentOfAnEndedSession(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.debtor("usr_1")
		c := l.connect(p)
		l.record(p, "kicked")
		c.send(pay)
		c.closed(wire.CloseKicked)
		c.one("session.ended")
	})
}

func TestUnpaidDebtEndsTheSocket(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.debtor("usr_1")
		began := time.Now()
		c := l.connect(p)
		time.Sleep(200 * time.Second)
		l.later(p, "again") // more authority is no more time to pay
		c.ask(authFrame("again"))
		if f := c.all("mfa.required"); len(f) != 2 || f[1].ExpiresIn != 100 || f[1].raw != c.last().raw {
			t.Error(c.story())
		}
		time.Sleep(99 * time.Second)
		if !c.isOpen() {
			t.Fatal("closed before its time")
		}
		time.Sleep(2 * time.Second)
		c.closed(wire.CloseMFAFailed)
		if f := c.last(); f.Code != "mfa_failed" || c.closedAfter(began) != 300*time.Second {
			t.Errorf("%s after %v", f.raw, c.closedAfter(began))
		}
		l.connect(p).one("mfa.required") // the session lives on
	})
}

// Its user enrols on another device: the socket is limited at once, and its feeds come back with snapshots.
func TestDebtThatBeginsOnAnOpenSocket(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p, enroller, bystander := l.signIn("usr_1"), l.signIn("usr_1"), l.signIn("usr_2")
		enroller.AAL = 2
		l.grant(enroller.SessionID, enroller)
		c, proven, stranger := l.watch(p), l.watch(enroller), l.watch(bystander)
		l.enrols("usr_1", totp...)
		if f := c.one("mfa.required"); !slices.Equal(f.Methods, totp) || f.ExpiresIn != 300 {
			t.Error(f.raw)
		}
		proven.none("mfa.required")
		stranger.none("mfa.required")
		before := len(c.all("devices.changed"))
		l.edit(enroller.SessionID, func(s *wire.Session) { s.Name = "Sofa" })
		if n := len(c.all("devices.changed")); n != before || len(proven.all("devices.changed")) == 0 {
			t.Errorf("told of changes while it owes: %s", c.story())
		}
		if f := c.ask(pay); f.Type != "ack" {
			t.Fatal(f.raw)
		}
		c.one("auth.ok")
		if got := c.all("devices.snapshot"); len(got) != 2 || c.replay()[enroller.SessionID].Name != "Sofa" {
			t.Error(c.story())
		}
		l.edit(enroller.SessionID, func(s *wire.Session) { s.Name = "Desk" })
		if c.replay()[enroller.SessionID].Name != "Desk" {
			t.Error(c.story())
		}
		stranger.free(l, bystander)
	})
}

// Feeds start with snapshots also when nothing changed meanwhile.
func TestReleasedFeedsStartWithSnapshots(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.watch(p)
		l.enrols("usr_1", totp...)
		l.raise(p)
		if n := len(c.all("devices.snapshot")); n != 2 {
			t.Errorf("%d snapshots", n)
		}
	})
}

// However a session is raised, all its sockets are released, and only its own.
func TestRaiseReleasesEverySocketOfTheSession(t *testing.T) {
	for name, raise := range map[string]func(*lab, Principal){
		"by a renewal": func(l *lab, p Principal) { l.raise(p) },
		"by its record alone": func(l *lab, p Principal) {
			for range 3 { // heard again it is no news
				l.hub.SessionRenewed(Renewal{UserID: p.UserID, SessionID: p.SessionID, AAL: 2})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, Limits{}, func(t *testing.T, l *lab) {
				p, other := l.debtor("usr_1"), l.debtor("usr_1")
				tabs := []*client{l.connect(p), l.connect(p)}
				stranger := l.connect(other)
				raise(l, p)
				for _, c := range tabs {
					if f := c.one("auth.ok"); f.AAL != 2 || fmt.Sprint(f.Roles) != "[user]" || f.ExpiresIn != 900 {
						t.Error(f.raw)
					}
					c.works()
				}
				stranger.none("auth.ok")
				if f := stranger.ask(`{"type":"subscribe","feed":"devices"}`); f.Code != "step_up_required" {
					t.Error(f.raw)
				}
			})
		})
	}
}

// A raise takes nothing from a socket, whatever epoch it has.
func TestRaiseLeavesRolesAndAuthority(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1", "admin")
		p.Epoch = 0
		l.grant(p.SessionID, p)
		c := l.connect(p)
		l.hub.SessionRenewed(Renewal{UserID: p.UserID, SessionID: p.SessionID, AAL: 1})
		c.none("auth.ok")
		l.hub.SessionRenewed(Renewal{UserID: p.UserID, SessionID: p.SessionID, AAL: 2})
		if f := c.one("auth.ok"); f.AAL != 2 || fmt.Sprint(f.Roles) != "[user admin]" || f.ExpiresIn != 900 {
			t.Error(f.raw)
		}
	})
}

// A refresh that raises nothing gives authority and leaves the debt.
func TestRenewalLeavesTheDebt(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.debtor("usr_1")
		c := l.connect(p)
		now := time.Now()
		l.hub.SessionRenewed(Renewal{UserID: p.UserID, SessionID: p.SessionID, Issued: now, Expires: now.Add(time.Hour), AAL: 1, Roles: p.Roles, Epoch: 1})
		c.one("auth.ok")
		if got := c.all("mfa.required"); len(got) != 2 || c.last().Type != "mfa.required" {
			t.Error(c.story())
		}
		if f := c.ask(`{"type":"subscribe","feed":"devices"}`); f.Code != "step_up_required" {
			t.Error(f.raw)
		}
	})
}

// The last factor goes: nothing is owed any more.
func TestDebtIsLiftedWithItsFactor(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.watch(p)
		l.enrols("usr_1", totp...)
		l.enrols("usr_1", "totp")
		if got := c.all("mfa.required"); len(got) != 2 || len(got[1].Methods) != 1 {
			t.Error(c.story())
		}
		l.enrols("usr_1")
		if f := c.one("auth.ok"); f.AAL != 1 {
			t.Error(f.raw)
		}
		time.Sleep(6 * time.Minute)
		c.free(l, p)
	})
}

// Claims may come late, twice or out of order.
func TestFactorsOutOfOrder(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.connect(p)
		tell := func(version int, methods ...string) {
			l.hub.UserChanged(Claims{UserID: "usr_1", Roles: p.Roles, Epoch: 1, Version: version, Methods: methods})
		}
		tell(7, totp...)
		tell(6)          // before he enrolled
		tell(7, totp...) // again
		c.one("mfa.required")
		if f := c.ask(`{"type":"subscribe","feed":"devices"}`); f.Code != "step_up_required" {
			t.Error(f.raw)
		}
		l.raise(p)
		tell(8, totp...)
		c.one("mfa.required")
		c.free(l, p)
	})
}

func TestDutyToSetUpAFactorEndsTheSocket(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.watch(p)
		other := l.connect(l.signIn("usr_2"))
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user", "moderator"}, Epoch: 2, Version: 2, MustHave: true})
		c.one("auth.changed")
		if f := c.last(); f.Code != "mfa_setup_required" {
			t.Error(f.raw)
		}
		c.closed(wire.CloseUnauthenticated)
		other.works()

		p.Owes, p.Epoch = "setup", 2
		l.grant("owes", p)
		c = l.dial(byToken("owes"))
		if f := c.one("error"); f.Code != "mfa_setup_required" {
			t.Error(f.raw)
		}
		c.none("welcome")
		c.closed(wire.CloseUnauthenticated)
	})
}

// Who has the factor that his new role asks for stays; who has not shown it owes it.
func TestDutyOfSomebodyWhoHasAFactor(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c := l.connect(p)
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user", "moderator"}, Epoch: 2, Version: 2, Methods: totp, MustHave: true})
		c.one("auth.changed")
		c.one("mfa.required")
		l.raise(p)
		c.works()
	})
}

// Factors and raises that come while a socket is being opened.
func TestDebtDuringTheHandshake(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*lab, Principal) // while Standing is asked
		known  func(*Principal)      // what Standing answers
		owes   string                // what the token said
		want   int                   // frames mfa.required
	}{
		"enrolled, the hub is told":         {change: func(l *lab, _ Principal) { l.enrols("usr_1", totp...) }, want: 1},
		"enrolled before it was registered": {known: func(p *Principal) { p.Owes, p.Version = "mfa", 9 }, want: 1},
		"raised, the hub is told":           {change: func(l *lab, p Principal) { l.raise(p) }, owes: "mfa"},
		"raised before it was registered":   {known: func(p *Principal) { p.AAL, p.Owes, p.Version = 2, "", 9 }, owes: "mfa"},
		"no news":                           {owes: "mfa", want: 1},
		"enrolled and raised at once": {
			change: func(l *lab, _ Principal) { l.enrols("usr_1", totp...) }, known: func(p *Principal) { p.AAL = 2 },
		},
		"enrolled while an older memory answers": {
			change: func(l *lab, _ Principal) {
				l.hub.UserChanged(Claims{UserID: "usr_1", Version: 8, Methods: totp, Epoch: 1})
			},
			known: func(p *Principal) { p.Version = 7 }, want: 1,
		},
		"disenrolled while an older memory answers": {
			change: func(l *lab, _ Principal) { l.hub.UserChanged(Claims{UserID: "usr_1", Version: 8, Epoch: 1}) },
			known:  func(p *Principal) { p.Owes, p.Version = "mfa", 7 }, owes: "mfa",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, Limits{}, func(t *testing.T, l *lab) {
				p := l.signIn("usr_1")
				l.factors["usr_1"] = &factor{methods: totp, code: "123456", version: 1}
				p.Owes = test.owes
				l.grant(p.SessionID, p)
				l.assure = test.known
				if test.change != nil {
					l.standing = func() { test.change(l, p) }
				}
				c := l.dial(byToken(p.SessionID))
				synctest.Wait()
				l.standing = nil
				if n := len(c.all("mfa.required")); n != test.want || len(c.all("welcome")) != 1 {
					t.Fatal(c.story())
				}
				if f := c.ask(`{"type":"unsubscribe","feed":"presence"}`); (f.Code == "step_up_required") != (test.want == 1) {
					t.Error(f.raw)
				}
			})
		})
	}
}

// The duty to set one up comes while a socket is being opened.
func TestDutyDuringTheHandshake(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		l.assure = func(p *Principal) { p.Owes = "setup" }
		c := l.dial(byToken(p.SessionID))
		if f := c.one("error"); f.Code != "mfa_setup_required" {
			t.Error(f.raw)
		}
		c.closed(wire.CloseUnauthenticated)
		c.none("welcome")
	})
}

// How the debt can be paid is not known: nobody is let in by that.
func TestDebtWhileTheStoreIsDown(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.debtor("usr_1")
		open := l.signIn("usr_1")
		open.AAL = 2
		l.grant(open.SessionID, open)
		c := l.connect(open)
		l.with(func() { l.broken = errors.New("store is down") })
		refused := l.dial(byToken(p.SessionID))
		refused.closed(wire.CloseOverloaded)
		refused.none("welcome")
		open.AAL, open.Owes = 1, "mfa"
		l.grant("owes", open)
		if f := c.ask(authFrame("owes")); f.Code != "unavailable" {
			t.Error(f.raw)
		}
		c.none("auth.ok")
		c.works()
	})
}

// An auth frame whose token owes limits the socket, unless the session has paid.
func TestAuthByATokenThatOwes(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.signIn("usr_1")
		c, first := l.watch(p), l.dial(bare())
		l.factors["usr_1"] = &factor{methods: totp, code: "123456"}
		p.Owes = "mfa"
		l.grant("owes", p)
		if f := c.ask(authFrame("owes")); f.Type != "auth.ok" || f.AAL != 1 {
			t.Error(f.raw)
		}
		if f := c.one("mfa.required"); f.raw != c.last().raw || !slices.Equal(f.Methods, totp) {
			t.Error(c.story())
		}
		if f := first.ask(authFrame("owes")); f.Type != "auth.ok" {
			t.Error(f.raw)
		}
		if f := first.one("mfa.required"); f.raw != first.last().raw {
			t.Error(first.story())
		}
		l.raise(p)
		c.ask(authFrame("owes"))
		c.one("mfa.required")
		c.free(l, p)
		raised := p
		raised.AAL, raised.Owes = 2, ""
		l.grant("raised", raised)
		l.grant(p.SessionID, p)
		second := l.connect(p)
		second.one("mfa.required")
		if f := second.ask(authFrame("raised")); f.AAL != 2 {
			t.Error(f.raw)
		}
		second.free(l, p)
	})
}

// Authority ends while a factor is owed: first the one, then the other.
func TestDebtAndAuthorityEndApart(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		p := l.debtor("usr_1")
		p.Expires = p.Issued.Add(time.Minute)
		l.grant(p.SessionID, p)
		c, lapsed := l.connect(p), l.connect(p)
		time.Sleep(time.Minute)
		if f := c.ask(pay); f.Code != "token_expired" {
			t.Error(f.raw)
		}
		l.enrols("usr_1", "totp") // news of the debt can wait
		if got := c.all("mfa.required"); len(got) != 1 {
			t.Error(c.story())
		}
		l.later(p, "fresh")
		if f := c.ask(authFrame("fresh")); f.Type != "auth.ok" {
			t.Error(f.raw)
		}
		if got := c.all("mfa.required"); len(got) != 2 || got[1].ExpiresIn != 240 || len(got[1].Methods) != 1 {
			t.Error(c.story())
		}
		time.Sleep(26 * time.Second)
		lapsed.closed(wire.CloseTokenExpired)
		if f := c.ask(pay); f.Type != "ack" {
			t.Error(f.raw)
		}
		c.free(l, p)
	})
}

// Without Factors nobody has any, and nobody owes.
func TestHubWithoutFactors(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.hub.cfg.Factors = nil
		c := l.connect(l.signIn("usr_1"))
		if f := c.ask(pay); f.Code != "conflict" {
			t.Error(f.raw)
		}
		c.works()
	})
}
