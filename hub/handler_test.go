package hub

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// echo answers with who asked and what.
func echo(_ context.Context, p Principal, data json.RawMessage) (any, error) {
	return map[string]any{"user": p.UserID, "aal": p.AAL, "data": data}, nil
}

func TestHandlerAnswersByAck(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.handlers["echo"] = Handler{Handle: echo}
		silent := 0
		l.handlers["silent"] = Handler{Handle: func(context.Context, Principal, json.RawMessage) (any, error) { silent++; return nil, nil }}
		c, other := l.connect(l.signIn("usr_1")), l.connect(l.signIn("usr_1"))
		for data, want := range map[string]string{
			`,"data":{"a": [1, "<&>"]}`: `{"aal":1,"data":{"a":[1,"<&>"]},"user":"usr_1"}`,
			`,"to":null`:                `{"aal":1,"data":null,"user":"usr_1"}`,
		} {
			if f := c.ask(`{"type":"message","name":"echo"` + data + `}`); f.Type != "ack" || string(f.Data) != want {
				t.Errorf("%s: %s", data, f.raw)
			}
		}
		if f := c.ask(`{"type":"message","name":"silent"}`); f.Type != "ack" || f.Data != nil {
			t.Error(f.raw)
		}
		c.send(`{"type":"message","name":"silent"}`) // without an id nothing comes
		if n := len(c.all("ack")); n != 3 || silent != 2 {
			t.Errorf("%d acks, %d calls: %s", n, silent, c.story())
		}
		other.none("message")
	})
}

// A handler takes nothing from messages that have a recipient, and makes no other name known.
func TestHandlerHasItsNameAlone(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		called := 0
		l.handlers["play"] = Handler{Handle: func(context.Context, Principal, json.RawMessage) (any, error) { called++; return nil, nil }}
		c, other := l.connect(l.signIn("usr_1")), l.connect(l.signIn("usr_1"))
		if f := c.ask(`{"type":"message","to":"devices","name":"play"}`); f.Type != "ack" {
			t.Error(f.raw)
		}
		other.one("message")
		for _, members := range []string{`"name":"Play"`, `"name":"stop"`, `"to":"","name":"play"`, `"to":{},"name":"play"`, `"name":7`, `"Name":"play"`} {
			if f := c.ask(`{"type":"message",` + members + `}`); f.Code != "invalid_request" {
				t.Errorf("%s: %s", members, f.raw)
			}
		}
		if f := c.ask(`{"type":"message","name":"play","data":"` + strings.Repeat("x", 4095) + `"}`); f.Code != "too_large" {
			t.Error(f.raw)
		}
		if called != 0 {
			t.Errorf("called %d times", called)
		}
	})
}

func TestHandlerAsksForARole(t *testing.T) {
	inTime(t, Limits{ForbiddenPerMinute: 3}, func(t *testing.T, l *lab) {
		l.handlers["close"] = Handler{Need: Need{Roles: []string{"admin", "moderator"}}, Handle: echo}
		p := l.signIn("usr_1")
		c := l.connect(p)
		const ask = `{"type":"message","name":"close"}`
		if f := c.ask(ask); f.Code != "forbidden" {
			t.Error(f.raw)
		}
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user", "moderator"}, Epoch: 2})
		if f := c.ask(ask); f.Type != "ack" {
			t.Error(f.raw)
		}
		l.hub.UserChanged(Claims{UserID: "usr_1", Roles: []string{"user"}, Epoch: 3})
		c.ask(ask)
		c.send(ask)
		c.closed(1008) // who keeps asking for what he may not have
	})
}

func TestHandlerAsksForASecondFactor(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		called := 0
		l.handlers["wipe"] = Handler{Need: Need{AAL2: true}, Handle: func(_ context.Context, p Principal, _ json.RawMessage) (any, error) {
			called++
			return p.AAL, nil
		}}
		const wipe = `{"type":"message","name":"wipe"}`
		without := l.connect(l.signIn("usr_2"))
		if f := without.ask(wipe); f.Code != "step_up_required" || len(f.Methods) != 0 {
			t.Errorf("without a factor: %s", f.raw)
		}
		p := l.signIn("usr_1")
		l.factors["usr_1"] = &factor{methods: totp, code: "123456"}
		c := l.connect(p)
		if f := c.ask(wipe); f.Code != "step_up_required" || !slices.Equal(f.Methods, totp) {
			t.Error(f.raw)
		}
		if called != 0 {
			t.Fatal("called")
		}
		if f := c.ask(pay); f.Type != "ack" {
			t.Fatal(f.raw)
		}
		if f := c.ask(wipe); f.Type != "ack" || string(f.Data) != "2" {
			t.Error(f.raw)
		}
	})
}

func TestHandlerAsksForAFreshSignIn(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.handlers["rename"] = Handler{Need: Need{Fresh: 10 * time.Minute}, Handle: echo}
		l.handlers["wipe"] = Handler{Need: Need{AAL2: true, Fresh: 10 * time.Minute}, Handle: echo}
		const rename, wipe = `{"type":"message","name":"rename"}`, `{"type":"message","name":"wipe"}`
		p := l.signIn("usr_1")
		p.AuthTime = time.Now()
		l.grant(p.SessionID, p)
		l.factors["usr_1"] = &factor{methods: totp, code: "123456"}
		c := l.connect(p)
		expect := func(when, frame, code string, methods ...string) {
			t.Helper()
			if f := c.ask(frame); f.Code != code || !slices.Equal(f.Methods, methods) {
				t.Errorf("%s: %s", when, f.raw)
			}
		}
		expect("fresh", rename, "")
		expect("fresh, without a factor shown", wipe, "step_up_required", totp...)
		time.Sleep(10 * time.Minute)
		expect("stale", rename, "step_up_required", "password", "totp", "recovery_code")
		c.ask(pay)
		expect("a code was shown", rename, "")
		expect("a code was shown", wipe, "")
		time.Sleep(10 * time.Minute)
		expect("stale again, with two factors shown", wipe, "step_up_required", "password", "totp", "recovery_code")
		again := l.later(p, "again")
		again.AuthTime = time.Now()
		l.grant("again", again)
		c.ask(authFrame("again"))
		expect("a fresh token was shown", wipe, "")
		c.ask(authFrame(p.SessionID)) // authority never shrinks
		expect("an old token was shown", wipe, "")
	})
}

func TestHandlerThatFails(t *testing.T) {
	inTime(t, Limits{FrameBurst: 100}, func(t *testing.T, l *lab) {
		fails := func(err error) Handler {
			return Handler{Handle: func(context.Context, Principal, json.RawMessage) (any, error) { return 1, err }}
		}
		l.handlers["known"] = fails(&Error{Code: "conflict", Detail: "somebody was faster", RetryAfter: time.Second})
		l.handlers["unknown"] = fails(errors.New("disk at /secret is full"))
		l.handlers["panics"] = Handler{Handle: func(context.Context, Principal, json.RawMessage) (any, error) { panic("at the /secret disk") }}
		l.handlers["unspeakable"] = Handler{Handle: func(context.Context, Principal, json.RawMessage) (any, error) { return func() {}, nil }}
		l.handlers["slow"] = Handler{Handle: func(ctx context.Context, _ Principal, _ json.RawMessage) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		c := l.connect(l.signIn("usr_1"))
		if f := c.ask(`{"type":"message","name":"known"}`); f.Code != "conflict" || f.RetryAfter != 1 || !strings.Contains(f.raw, "somebody was faster") {
			t.Error(f.raw)
		}
		for _, name := range []string{"unknown", "panics", "unspeakable"} {
			if f := c.ask(`{"type":"message","name":"` + name + `"}`); f.Code != "internal" || strings.Contains(f.raw, "secret") {
				t.Errorf("%s: %s", name, f.raw)
			}
		}
		if log := l.log.String(); !strings.Contains(log, "disk at /secret is full") || !strings.Contains(log, "handler_test.go") {
			t.Errorf("not in the log: %s", log)
		}
		c.send(`{"type":"message","name":"slow","id":"slow"}`)
		time.Sleep(5 * time.Second)
		if f := c.answer("slow"); f.Code != "internal" {
			t.Error(f.raw)
		}
		c.works()
	})
}

// How a need could be met is not known.
func TestHandlerWhileTheStoreIsDown(t *testing.T) {
	inTime(t, Limits{}, func(t *testing.T, l *lab) {
		l.handlers["wipe"] = Handler{Need: Need{AAL2: true}, Handle: echo}
		c := l.connect(l.signIn("usr_1"))
		l.with(func() { l.broken = errors.New("store is down") })
		if f := c.ask(`{"type":"message","name":"wipe"}`); f.Code != "unavailable" {
			t.Error(f.raw)
		}
		c.works()
	})
}
