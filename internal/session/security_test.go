package session_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

func TestThreat06_TheSameTokenFiftyTimesAtOnceOnTwoNodes(t *testing.T) {
	path := t.TempDir() + "/gatehouse.db"
	a, b := rulestest.OpenFile(t, path), rulestest.OpenFile(t, path)
	first := a.Enter(a.AddStranger())
	tokens := make([]string, 50)
	for _, err := range rulestest.Race(len(tokens), func(i int) error {
		node := []*rulestest.House{a, b}[i%2]
		x, err := node.Sessions.Refresh(t.Context(), first.RefreshToken, session.Body, rulestest.Visit)
		tokens[i] = x.RefreshToken
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range tokens {
		if text != tokens[0] {
			t.Fatal("two successors")
		}
	}
	if s := b.Record(first.Session.ID); s.Ended() || s.Refresh.Generation != 2 {
		t.Errorf("generation %d, ended %t", s.Refresh.Generation, s.Ended())
	}
}

func TestThreat07_StolenRefreshTokenIsFoundOut(t *testing.T) {
	thieves := map[string]func(c *chain, stolen string) (victim string){
		"the thief comes second": func(c *chain, stolen string) string {
			second := c.refresh(stolen)
			c.use(second)
			third := c.refresh(second.RefreshToken)
			c.Advance(time.Hour)
			c.refused(stolen, "session_revoked")
			return third.RefreshToken
		},
		"the thief comes first, and the victim much later": func(c *chain, stolen string) string {
			c.use(c.refresh(stolen))
			c.Flush()
			c.Advance(time.Hour)
			c.refused(stolen, "session_revoked")
			return stolen
		},
	}
	for name, steal := range thieves {
		t.Run(name, func(t *testing.T) {
			c := newChain(t)
			remaining := steal(c, c.first.RefreshToken)
			c.endedWith("token_reuse")
			c.refused(remaining, "session_revoked")
			c.refused(c.first.RefreshToken, "session_revoked")
			if frame, ok := c.Memory.Ended(c.first.Session.ID); !ok || frame.Reason != "token_reuse" {
				t.Error("access tokens and sockets were not told")
			}
			rows := c.Events(audit.Query{Action: audit.SessionEnded})
			if len(rows) != 1 || rows[0].Details["end_reason"] != "token_reuse" || rows[0].IP != rulestest.Visit.IP {
				t.Errorf("audit rows %+v, want one with the address of the reuse", rows)
			}
		})
	}
}

func TestThreat08_RefreshAfterTheUserWasDisabledOrRemoved(t *testing.T) {
	c := newChain(t)
	u := c.Account(c.user.ID)
	u.Disabled = true // and the process died before it ended his sessions
	if _, err := c.Store.ReplaceUser(t.Context(), u, true); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Sessions.Authority(t.Context(), c.first.Session.ID); codeOf(err) != "session_revoked" {
		t.Errorf("a ticket's authority: %v", err)
	}
	c.refused(c.first.RefreshToken, "session_revoked")
	c.endedWith("account_disabled")
}

func TestThreat08_RefreshAfterRevocation(t *testing.T) {
	c := newChain(t)
	second := c.refresh(c.first.RefreshToken)
	if _, _, err := c.Sessions.End(t.Context(), c.first.Session.ID, kick); err != nil {
		t.Fatal(err)
	}
	c.refused(second.RefreshToken, "session_revoked")
	c.refused(c.first.RefreshToken, "session_revoked")
	c.endedWith("kicked") // the first end counts, not the reuse that the second refresh would prove
}

func TestThreat09_AccessTokenAfterSignOut(t *testing.T) {
	path := t.TempDir() + "/gatehouse.db"
	a, b := rulestest.OpenFile(t, path), rulestest.OpenFile(t, path)
	x := a.Enter(a.AddStranger())
	if err := b.Follower.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Guard.Token(x.AccessToken); err != nil {
		t.Fatalf("before: %v", err)
	}
	if _, _, err := a.Sessions.End(t.Context(), x.Session.ID, kick); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Guard.Token(x.AccessToken); codeOf(err) != "session_revoked" {
		t.Errorf("at once on its own node: %v", err)
	}
	if err := b.Follower.Read(t.Context()); err != nil { // no bus: the store alone
		t.Fatal(err)
	}
	if _, err := b.Guard.Token(x.AccessToken); codeOf(err) != "session_revoked" {
		t.Errorf("on another node after one read of the store: %v", err)
	}
}

func TestThreat11_OtherPeoplesSessionsAreNotFound(t *testing.T) {
	c := newChain(t)
	stranger := c.AddStranger()
	if _, err := c.Sessions.Get(t.Context(), stranger.ID, c.first.Session.ID); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("reading: %v", err)
	}
	if _, err := c.Sessions.Rename(t.Context(), stranger.ID, c.first.Session.ID, "Mine"); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("renaming: %v", err)
	}
	if s := c.stored(); s.Name != c.first.Session.Name || s.Version != c.first.Session.Version {
		t.Error("the record was changed")
	}
}

// TestThreat13_KickBeatsRefresh ends sessions while they are being refreshed. Whatever the order, the session is dead
// afterwards, and no token of it is good.
func TestThreat13_KickBeatsRefresh(t *testing.T) {
	const rounds, lanes = 1000, 8
	h := rulestest.Open(t, "--max-sessions=1000000")
	var refreshed, refused int
	var mu sync.Mutex
	round := func(u account.User) error {
		first := h.Enter(u)
		var out session.Issued
		errs := rulestest.Race(2, func(i int) (err error) {
			if i == 0 {
				_, _, err = h.Sessions.End(t.Context(), first.Session.ID, kick)
				return err
			}
			out, err = h.Sessions.Refresh(t.Context(), first.RefreshToken, session.Body, rulestest.Visit)
			return err
		})
		if errs[0] != nil {
			return errs[0]
		}
		mu.Lock()
		defer mu.Unlock()
		switch codeOf(errs[1]) {
		case "":
			refreshed++
		case "session_revoked":
			refused++
			out = first
		default:
			return errs[1]
		}
		if s := h.Record(first.Session.ID); s.EndReason != "kicked" {
			return fmt.Errorf("ended %t with %q", s.Ended(), s.EndReason)
		}
		if _, err := h.Guard.Token(out.AccessToken); codeOf(err) != "session_revoked" {
			return fmt.Errorf("access token: %w", err)
		}
		if _, err := h.Sessions.Refresh(t.Context(), out.RefreshToken, session.Body, rulestest.Visit); codeOf(err) != "session_revoked" {
			return fmt.Errorf("refresh token: %w", err)
		}
		return nil
	}
	users := make([]account.User, lanes)
	for i := range users {
		users[i] = h.AddStranger()
	}
	for _, err := range rulestest.Race(lanes, func(i int) error {
		for range rounds / lanes {
			if err := round(users[i]); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d refreshes came before the kick, %d after", refreshed, refused)
}
