package session_test

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// chain is one session whose refresh tokens a test presents.
type chain struct {
	*rulestest.House
	t     *testing.T
	user  account.User
	first session.Issued
}

func newChain(t *testing.T, flags ...string) *chain {
	t.Helper()
	h := rulestest.Open(t, flags...)
	u := h.AddStranger()
	return &chain{House: h, t: t, user: u, first: h.Enter(u)}
}

// refresh presents a token that must be good.
func (c *chain) refresh(token string) session.Issued {
	c.t.Helper()
	out, err := c.Sessions.Refresh(c.t.Context(), token, session.Body, rulestest.Visit)
	if err != nil {
		c.t.Fatalf("refresh: %v", err)
	}
	return out
}

// refused presents a token that must be answered by code, and returns the error.
func (c *chain) refused(token, code string) error {
	c.t.Helper()
	_, err := c.Sessions.Refresh(c.t.Context(), token, session.Body, rulestest.Visit)
	if fault.CodeOf(err) != code {
		c.t.Fatalf("refresh: %v, want %s", err, code)
	}
	return err
}

// use shows the access token, as a request does.
func (c *chain) use(x session.Issued) {
	c.t.Helper()
	if _, err := c.Guard.Token(x.AccessToken); err != nil {
		c.t.Fatalf("access token: %v", err)
	}
}

// stored is the session's record.
func (c *chain) stored() session.Session {
	c.t.Helper()
	return c.Record(c.first.Session.ID)
}

// generation checks where the chain stands, and that the session has not ended.
func (c *chain) generation(want int) {
	c.t.Helper()
	s := c.stored()
	if s.Refresh.Generation != want || s.Ended() {
		c.t.Errorf("generation %d, ended %t (%s); want a live %d", s.Refresh.Generation, s.Ended(), s.EndReason, want)
	}
}

// endedWith checks the session's end.
func (c *chain) endedWith(reason string) {
	c.t.Helper()
	if s := c.stored(); s.EndReason != reason || !s.Ended() {
		c.t.Errorf("ended %t with %q, want %q", s.Ended(), s.EndReason, reason)
	}
}
