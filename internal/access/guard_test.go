package access_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

var kick = session.Ending{Reason: "kicked", By: wire.By{Kind: wire.ByAdmin}, Actor: audit.Party{Kind: "shell"}}

func kicked(t *testing.T, h *rulestest.House, x session.Issued) {
	t.Helper()
	if _, _, err := h.Sessions.End(t.Context(), x.Session.ID, kick); err != nil {
		t.Fatal(err)
	}
}

func promote(t *testing.T, h *rulestest.House, x session.Issued) {
	t.Helper()
	if _, _, err := h.Accounts.SetRoles(t.Context(), x.User.ID, []string{account.RoleModerator}); err != nil {
		t.Fatal(err)
	}
}

func TestGoodTokenIsItsPrincipal(t *testing.T) {
	h := rulestest.Open(t)
	x := h.Enter(h.AddStranger(account.RoleModerator))
	p, err := h.Guard.Token(x.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if p.UserID != x.User.ID || p.SessionID != x.Session.ID || p.Generation != 1 || p.AAL != 1 || !p.Staff() || p.Has(account.RoleAdmin) ||
		!p.Expires.Equal(x.AccessExpires) || !p.AuthTime.Equal(h.Time().Truncate(time.Second)) {
		t.Errorf("principal %+v", p)
	}
	if err := h.Guard.Standing(p); err != nil {
		t.Errorf("standing: %v", err)
	}
}

// TestOfSeveralTroublesTheFirstAnswers adds one trouble after the other to a token, the least telling first.
func TestOfSeveralTroublesTheFirstAnswers(t *testing.T) {
	h := rulestest.Open(t)
	x := h.Enter(h.AddStranger())
	raw := x.AccessToken
	answer := func(want string, known bool) {
		t.Helper()
		p, err := h.Guard.Token(raw)
		if fault.CodeOf(err) != want || (p.SessionID == x.Session.ID) != known {
			t.Errorf("answer %v of %q, want %q", err, p.SessionID, want)
		}
	}
	answer("", true)
	promote(t, h, x)
	answer("token_stale", true)
	h.Advance(h.Config.AccessTTL)
	answer("token_expired", true)
	kicked(t, h, x)
	answer("session_revoked", true)
	raw = raw[:len(raw)-8] + "AAAAAAAA"
	answer("invalid_token", false)
	h.Guard.Fresh = func() time.Duration { return h.Guard.Fence + 1 }
	answer("unavailable", false)
}

func TestRevokedTokenTellsTheEnd(t *testing.T) {
	h := rulestest.Open(t)
	x := h.Enter(h.AddStranger())
	p, err := h.Guard.Token(x.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	kicked(t, h, x)
	_, err = h.Guard.Token(x.AccessToken)
	for _, err := range []error{err, h.Guard.Standing(p)} {
		if frame, ok := session.EndOf(err); !ok || frame.Reason != "kicked" || frame.By.Kind != wire.ByAdmin {
			t.Errorf("%v carries %+v", err, frame)
		}
	}
}

func TestStalenessIsOfClaimsNotOfNamesAndGoesWithTheNextToken(t *testing.T) {
	h := rulestest.Open(t)
	x := h.Enter(h.AddStranger())
	p, _ := h.Guard.Token(x.AccessToken)
	if _, err := h.Accounts.Rename(t.Context(), x.User.ID, "Grace"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Guard.Token(x.AccessToken); err != nil {
		t.Errorf("after a new name: %v", err)
	}
	promote(t, h, x)
	if err := h.Guard.Standing(p); !errors.Is(err, fault.ErrTokenStale) {
		t.Errorf("standing after a new role: %v", err)
	}
	y, err := h.Sessions.Refresh(t.Context(), x.RefreshToken, session.Body, rulestest.Visit)
	if err != nil {
		t.Fatalf("refresh with stale claims: %v", err)
	}
	if p, err := h.Guard.Token(y.AccessToken); err != nil || !p.Has(account.RoleModerator) {
		t.Errorf("the next token: %+v, %v", p, err)
	}
}

func TestTokenThatLivesLongerThanTheTTLAllowsIsExpired(t *testing.T) {
	path := t.TempDir() + "/gatehouse.db"
	before := rulestest.OpenFile(t, path, "--access-ttl=1h")
	x := before.Enter(before.AddStranger())
	after := rulestest.OpenFile(t, path, "--access-ttl=10m")
	p, err := after.Guard.Token(x.AccessToken)
	if !errors.Is(err, fault.ErrTokenExpired) || p.SessionID != x.Session.ID {
		t.Errorf("after the TTL was lowered: %+v, %v", p, err)
	}
	y, err := after.Sessions.Refresh(t.Context(), x.RefreshToken, session.Body, rulestest.Visit)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := after.Guard.Token(y.AccessToken); err != nil {
		t.Errorf("the next token: %v", err)
	}
}

func TestFenceAdmitsNobodyWhoseEndMayBeUnknown(t *testing.T) {
	h := rulestest.Open(t)
	x := h.Enter(h.AddStranger())
	var age time.Duration
	h.Guard.Fresh = func() time.Duration { return age }
	for _, tt := range []struct {
		fence, age time.Duration
		want       string
	}{
		{15 * time.Second, 15 * time.Second, ""},
		{15 * time.Second, 15*time.Second + 1, "unavailable"},
		{0, 1000 * time.Hour, ""},
	} {
		h.Guard.Fence, age = tt.fence, tt.age
		_, err := h.Guard.Token(x.AccessToken)
		if fault.CodeOf(err) != tt.want || fault.CodeOf(h.Guard.Admit()) != tt.want {
			t.Errorf("fence %v, knowledge %v old: %v, want %q", tt.fence, tt.age, err, tt.want)
		}
		if err != nil && fault.As(err).RetryAfter <= 0 {
			t.Error("does not say when to come back")
		}
	}
}

func TestUseIsNotedOfEveryWellSignedTokenOfALiveSession(t *testing.T) {
	h := rulestest.Open(t)
	x := h.Enter(h.AddStranger())
	var used int
	h.Guard.Used = func(sessionID string, generation int) {
		if sessionID != x.Session.ID || generation != 1 {
			t.Errorf("used %s, %d", sessionID, generation)
		}
		used++
	}
	count := func(when string, raw string, want int) {
		t.Helper()
		used = 0
		_, _ = h.Guard.Token(raw)
		if used != want {
			t.Errorf("%s: noted %d uses, want %d", when, used, want)
		}
	}
	count("good", x.AccessToken, 1)
	count("forged", x.AccessToken[:len(x.AccessToken)-8]+"AAAAAAAA", 0)
	promote(t, h, x)
	count("stale", x.AccessToken, 1)
	h.Advance(time.Hour)
	count("expired", x.AccessToken, 1)
	kicked(t, h, x)
	count("ended", x.AccessToken, 0)
}
