package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

func codeOf(err error) string { return fault.CodeOf(err) }

func TestIdleSessionExpires(t *testing.T) {
	c := newChain(t, "--refresh-ttl=1h")
	c.Advance(time.Hour - time.Millisecond)
	second := c.refresh(c.first.RefreshToken)
	c.Advance(time.Hour)
	err := c.refused(second.RefreshToken, "session_revoked")
	if frame, ok := session.EndOf(err); !ok || frame.Reason != "session_expired" || frame.By.Kind != "system" {
		t.Errorf("refused with %+v", frame)
	}
	c.endedWith("session_expired")
}

func TestSessionExpiresAbsolutelyHoweverOftenItIsRefreshed(t *testing.T) {
	c := newChain(t, "--refresh-ttl=1h", "--session-ttl=150m")
	x := c.first
	for range 3 {
		c.Advance(45 * time.Minute)
		x = c.refresh(x.RefreshToken)
	}
	end := c.first.Session.AbsoluteExpiresAt
	if !x.RefreshExpires.Equal(end) {
		t.Errorf("refresh token until %v, the session ends %v", x.RefreshExpires, end)
	}
	c.Advance(end.Sub(c.Time()))
	c.refused(x.RefreshToken, "session_revoked")
	c.endedWith("session_expired")
}

func TestAccessTokenNeverOutlivesTheSession(t *testing.T) {
	c := newChain(t, "--refresh-ttl=1h", "--session-ttl=1h", "--access-ttl=15m")
	c.Advance(50 * time.Minute)
	x := c.refresh(c.first.RefreshToken)
	if end := c.first.Session.AbsoluteExpiresAt; x.AccessExpires.After(end) || end.Sub(x.AccessExpires) >= time.Second {
		t.Errorf("access token until %v, the session ends %v", x.AccessExpires, end)
	}
	c.Advance(10*time.Minute - 500*time.Millisecond)
	last := c.refresh(x.RefreshToken) // half a second before the end
	if last.AccessExpires.After(c.first.Session.AbsoluteExpiresAt) {
		t.Errorf("access token until %v", last.AccessExpires)
	}
	c.Advance(500 * time.Millisecond)
	if _, err := c.Guard.Token(last.AccessToken); codeOf(err) != "token_expired" {
		t.Errorf("access token at the session's end: %v", err)
	}
	p, err := c.Guard.Token(x.AccessToken)
	if codeOf(err) != "token_expired" || p.SessionID != c.first.Session.ID {
		t.Errorf("earlier access token at the session's end: %+v, %v", p, err)
	}
}

func TestSweepEndsWhatHasRunOut(t *testing.T) {
	c := newChain(t, "--refresh-ttl=1h")
	c.Advance(30 * time.Minute)
	young := c.Enter(c.user)
	c.Advance(30*time.Minute - time.Millisecond)
	if n, err := c.Sessions.Sweep(t.Context()); n != 0 || err != nil {
		t.Fatalf("swept %d before their end, %v", n, err)
	}
	c.Advance(time.Millisecond)
	if n, err := c.Sessions.Sweep(t.Context()); n != 1 || err != nil {
		t.Fatalf("swept %d, %v; want one", n, err)
	}
	c.endedWith("session_expired")
	if c.Record(young.Session.ID).Ended() {
		t.Error("a session in the middle of its life was swept")
	}
	if frame, ok := c.Memory.Ended(c.first.Session.ID); !ok || frame.Reason != "session_expired" {
		t.Error("the end was not announced")
	}
	rows := c.Events(audit.Query{Action: audit.SessionEnded})
	if len(rows) != 1 || rows[0].Actor.Kind != "system" || rows[0].Details["end_reason"] != "session_expired" {
		t.Errorf("audit rows %+v", rows)
	}
	if n, err := c.Sessions.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("swept %d a second time, %v", n, err)
	}
}

// asked counts how often the store is asked what is due.
type asked struct {
	session.Store
	times int
}

func (a *asked) DueSessions(ctx context.Context, now time.Time, limit int) ([]session.Session, error) {
	a.times++
	return a.Store.DueSessions(ctx, now, limit)
}

func TestSweeperAsksSeldomAndIsNotLate(t *testing.T) {
	c := newChain(t, "--refresh-ttl=1h")
	store := &asked{Store: c.Store}
	rules := *c.Sessions
	rules.Store = store
	sweeper := &session.Sweeper{Service: &rules}
	sweep := func(want int) {
		t.Helper()
		if n, err := sweeper.Sweep(t.Context()); n != want || err != nil {
			t.Fatalf("swept %d, %v; want %d", n, err, want)
		}
	}
	for range 60 {
		sweep(0)
		c.Advance(time.Second)
	}
	if store.times > 12 {
		t.Errorf("asked %d times in a minute in which nothing was due", store.times)
	}
	c.Advance(59*time.Minute - 3*time.Second)
	second := c.Enter(c.user)
	for range 3 {
		sweep(0)
		c.Advance(time.Second)
	}
	sweep(1) // in the second in which it ends
	c.endedWith("session_expired")
	c.Advance(time.Hour - 3*time.Second)
	sweep(1)
	if !c.Record(second.Session.ID).Ended() {
		t.Error("a session that began later was left")
	}
}

// Lives may be shorter than what a sweeper would look ahead.
func TestSweeperOfShortLives(t *testing.T) {
	c := newChain(t, "--refresh-ttl=2s", "--refresh-grace=1s", "--access-ttl=1s")
	sweeper := &session.Sweeper{Service: c.Sessions}
	swept := 0
	for i := range 20 {
		c.Enter(c.user)
		c.Advance(time.Second)
		n, err := sweeper.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if swept += n; i > 2 && n != 1 {
			t.Errorf("swept %d in second %d", n, i)
		}
	}
}

// late lets a refresh come between the sweep's look and its step.
type late struct {
	session.Store
	between func()
}

func (l *late) DueSessions(ctx context.Context, now time.Time, limit int) ([]session.Session, error) {
	due, err := l.Store.DueSessions(ctx, now, limit)
	l.between()
	return due, err
}

func TestRefreshThatComesBetweenASweepWins(t *testing.T) {
	c := newChain(t, "--refresh-ttl=1h")
	c.Advance(time.Hour)
	sweeper := *c.Sessions
	sweeper.Store = &late{c.Store, func() {
		s := c.stored() // as a refresh on a node whose clock is a second behind writes it
		s.ExpiresAt = s.ExpiresAt.Add(time.Hour)
		if _, err := c.Store.ReplaceSession(t.Context(), s, false); err != nil {
			t.Error(err)
		}
	}}
	if n, err := sweeper.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if c.stored().Ended() {
		t.Error("a session was ended that had just been refreshed")
	}
}

func TestListLeavesOutWhatHasRunOut(t *testing.T) {
	c := newChain(t, "--refresh-ttl=1h")
	c.Advance(30 * time.Minute)
	young := c.Enter(c.user)
	c.Advance(30 * time.Minute)
	list, err := c.Sessions.List(t.Context(), c.user.ID)
	if err != nil || len(list) != 1 || list[0].ID != young.Session.ID {
		t.Errorf("list %+v, %v; want the younger one", list, err)
	}
}
