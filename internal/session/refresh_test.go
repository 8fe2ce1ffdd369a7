package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

const grace = 30 * time.Second

func TestCurrentTokenTakesOneStep(t *testing.T) {
	c := newChain(t)
	c.Advance(time.Hour)
	second := c.refresh(c.first.RefreshToken)
	c.generation(2)
	if second.RefreshToken == c.first.RefreshToken || second.RefreshToken == "" {
		t.Error("the answer has no new refresh token")
	}
	s := c.stored()
	if !s.RefreshedAt.Equal(c.Time()) || !s.Refresh.RotatedAt.Equal(c.Time()) || !s.ExpiresAt.Equal(c.Time().Add(c.Config.RefreshTTL)) {
		t.Errorf("the session did not slide: %+v", s)
	}
	c.use(second)
	if r := c.Renewals(); len(r) != 1 || r[0].SessionID != s.ID || !r[0].Expires.Equal(second.AccessExpires) {
		t.Errorf("announced renewals %+v", r)
	}
}

func TestPreviousTokenWithinGraceGivesTheSameSuccessor(t *testing.T) {
	c := newChain(t)
	second := c.refresh(c.first.RefreshToken)
	c.use(second) // used or not does not matter within the grace
	c.Advance(grace)
	again := c.refresh(c.first.RefreshToken)
	if again.RefreshToken != second.RefreshToken {
		t.Error("another successor")
	}
	c.generation(2)
	if !again.AccessExpires.Equal(c.Time().Add(c.Config.AccessTTL).Truncate(time.Second)) {
		t.Errorf("access token ends %v: not a full life from %v", again.AccessExpires, c.Time())
	}
}

func TestPreviousTokenLateGivesTheSameSuccessorIfThatWasNeverUsed(t *testing.T) {
	c := newChain(t)
	second := c.refresh(c.first.RefreshToken)
	c.Advance(3 * 24 * time.Hour) // asleep for a weekend
	if again := c.refresh(c.first.RefreshToken); again.RefreshToken != second.RefreshToken {
		t.Error("another successor")
	}
	c.generation(2)
}

func TestPreviousTokenLateIsReuseIfTheSuccessorWasUsed(t *testing.T) {
	uses := map[string]func(*chain, session.Issued){
		"on HTTP, still in memory":  func(c *chain, x session.Issued) { c.use(x) },
		"on HTTP, written":          func(c *chain, x session.Issued) { c.use(x); c.Flush() },
		"expired, but well signed":  func(c *chain, x session.Issued) { c.Advance(time.Hour); _, _ = c.Guard.Token(x.AccessToken) },
		"in a handshake by cookie":  func(c *chain, x session.Issued) { c.Traces.Add(session.Trace{SessionID: x.Session.ID, Acked: 2}) },
		"by a socket, then renamed": func(c *chain, x session.Issued) { c.use(x); c.Flush(); rename(c) },
	}
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			c := newChain(t)
			second := c.refresh(c.first.RefreshToken)
			use(c, second)
			c.Advance(grace + time.Millisecond)
			c.refused(c.first.RefreshToken, "session_revoked")
			c.endedWith("token_reuse")
		})
	}
}

func rename(c *chain) {
	if _, err := c.Sessions.Rename(c.t.Context(), c.user.ID, c.first.Session.ID, "Laptop"); err != nil {
		c.t.Error(err)
	}
}

func TestUseOfAnOlderGenerationIsNoUseOfTheNewer(t *testing.T) {
	c := newChain(t)
	second := c.refresh(c.first.RefreshToken)
	c.use(c.first)
	c.Flush()
	c.Advance(time.Minute)
	if again := c.refresh(c.first.RefreshToken); again.RefreshToken != second.RefreshToken {
		t.Error("another successor")
	}
}

func TestTokenTwoStepsBehindIsReuseEvenWithinGrace(t *testing.T) {
	c := newChain(t)
	second := c.refresh(c.first.RefreshToken)
	third := c.refresh(second.RefreshToken)
	c.refused(c.first.RefreshToken, "session_revoked")
	c.endedWith("token_reuse")
	c.refused(third.RefreshToken, "session_revoked") // the chain is dead, whoever holds its end
}

func TestInvalidTokensChangeNothing(t *testing.T) {
	c := newChain(t)
	key := token.NewRefreshKey()
	sid := c.first.Session.ID
	other := c.Enter(c.user)
	foreign := "ghr_" + other.RefreshToken[4:30] + c.first.RefreshToken[30:]
	tokens := map[string]string{
		"empty":                 "",
		"not a token":           "ghr_x",
		"an access token":       c.first.AccessToken,
		"of another key":        token.MintRefresh(key, sid, 1),
		"of another key, later": token.MintRefresh(key, sid, 7),
		"of no session":         token.MintRefresh(key, id.New(id.Session), 1),
		"of two sessions":       foreign,
		"cut":                   c.first.RefreshToken[:len(c.first.RefreshToken)-1],
		"in upper case":         strings.ToUpper(c.first.RefreshToken),
	}
	before := c.stored()
	for name, text := range tokens {
		t.Run(name, func(t *testing.T) {
			_, err := c.Sessions.Refresh(t.Context(), text, session.Body, rulestest.Visit)
			if got := codeOf(err); got != "invalid_token" {
				t.Errorf("answer %v, want invalid_token", err)
			}
		})
	}
	if after := c.stored(); after.Version != before.Version || after.Refresh.Generation != before.Refresh.Generation {
		t.Error("the record was changed")
	}
}

func TestGenerationYetToComeIsInvalid(t *testing.T) {
	c := newChain(t)
	before := c.stored()
	second := c.refresh(c.first.RefreshToken)
	back := c.stored()
	back.Refresh = before.Refresh // as a store that was put back from a backup has it
	if _, err := c.Store.ReplaceSession(t.Context(), back, false); err != nil {
		t.Fatal(err)
	}
	c.refused(second.RefreshToken, "invalid_token")
	c.generation(1)
}

func TestTokenOfTheOtherTransportIsInvalid(t *testing.T) {
	c := newChain(t)
	_, err := c.Sessions.Refresh(t.Context(), c.first.RefreshToken, session.Cookie, rulestest.Visit)
	if codeOf(err) != "invalid_token" {
		t.Errorf("answer %v, want invalid_token", err)
	}
	c.generation(1)
	c.refresh(c.first.RefreshToken)
}

func TestRepeatedAnswerDoesNotMoveTheExpiry(t *testing.T) {
	c := newChain(t)
	second := c.refresh(c.first.RefreshToken)
	c.Advance(20 * time.Second)
	again := c.refresh(c.first.RefreshToken)
	if !again.RefreshExpires.Equal(second.RefreshExpires) || !c.stored().ExpiresAt.Equal(second.Session.ExpiresAt) {
		t.Errorf("expiry moved from %v to %v", second.RefreshExpires, again.RefreshExpires)
	}
	c.Advance(11 * time.Second) // the grace is that of the step, not of its repetition
	c.use(again)
	c.refused(c.first.RefreshToken, "session_revoked")
}
