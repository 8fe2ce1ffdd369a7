package httpapi_test

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

func (l *lab) generation(d in, want int) {
	l.t.Helper()
	if s := l.Record(d.ID); s.Refresh.Generation != want || s.Ended() {
		l.t.Errorf("generation %d, ended %t; want a live %d", s.Refresh.Generation, s.Ended(), want)
	}
}

func TestRefreshByBody(t *testing.T) {
	l := open(t, nil)
	d := l.enter()
	l.Advance(time.Minute)
	a := l.do("POST", "/auth/refresh", doc{"refresh_token": d.Refresh}).is(200)
	next, _ := a.object()["refresh_token"].(string)
	if next == "" || next == d.Refresh || a.cookie() != nil {
		t.Errorf("%s with cookie %v", a, a.cookie())
	}
	for path, want := range map[string]any{
		"status": "signed_in", "token_type": "Bearer", "expires_in": 900.0, "refresh_expires_in": 604800.0,
		"user.id": d.User.ID, "session.id": d.ID, "session.current": true,
	} {
		if got := a.member(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	l.generation(d, 2)
	again := l.do("POST", "/auth/refresh", doc{"refresh_token": d.Refresh}).is(200)
	if again.object()["refresh_token"] != next {
		t.Error("the same token gave two successors")
	}
}

func TestOfBothTokensTheBodyCounts(t *testing.T) {
	l := open(t, nil)
	u := l.AddStranger()
	native, page := l.again(u), l.browse(u)
	a := l.do("POST", "/auth/refresh", doc{"refresh_token": native.Refresh}, cookie(page.Refresh), sameOrigin).is(200)
	if a.member("session.id") != native.ID || a.cookie() != nil {
		t.Errorf("%s with cookie %v", a, a.cookie())
	}
	l.generation(page, 1)
	l.do("POST", "/auth/refresh", doc{"refresh_token": "ghr_x"}, cookie(page.Refresh), sameOrigin).problem(401, "invalid_token")
	l.generation(page, 1)
	l.do("POST", "/auth/refresh", doc{"refresh_token": ""}, cookie(page.Refresh), sameOrigin).is(200)
	l.generation(page, 2)
}

func TestRefreshRefused(t *testing.T) {
	l := open(t, nil)
	u := l.AddStranger()
	native, page := l.again(u), l.browse(u)
	l.do("POST", "/auth/refresh", nil).problem(401, "unauthenticated")
	l.do("POST", "/auth/refresh", doc{}, sameOrigin).problem(401, "unauthenticated")
	l.do("POST", "/auth/refresh", doc{"refresh_token": page.Refresh}).problem(401, "invalid_token")
	l.do("POST", "/auth/refresh", nil, cookie(native.Refresh), sameOrigin).problem(401, "invalid_token")
	l.do("POST", "/auth/refresh", nil, cookie(page.Refresh)).problem(403, "origin_not_allowed")
	l.do("POST", "/auth/refresh", nil, with("Authorization", "Bearer "+native.Refresh)).problem(401, "unauthenticated")
	l.generation(native, 1)
	l.generation(page, 1)
}

func TestLogout(t *testing.T) {
	l := open(t, nil)
	u := l.AddStranger()
	late := func(d in) in { l.Advance(l.Config.AccessTTL); return d }
	for name, c := range map[string]struct {
		who   func() in
		leave func(d in) *answer
	}{
		"by access token":                 {func() in { return l.again(u) }, func(d in) *answer { return l.do("POST", "/auth/logout", nil, d.bearer()) }},
		"by access token, empty object":   {func() in { return l.again(u) }, func(d in) *answer { return l.do("POST", "/auth/logout", doc{}, d.bearer()) }},
		"by refresh token":                {func() in { return l.again(u) }, func(d in) *answer { return l.do("POST", "/auth/logout", doc{"refresh_token": d.Refresh}) }},
		"by refresh token, long after":    {func() in { return late(l.again(u)) }, func(d in) *answer { return l.do("POST", "/auth/logout", doc{"refresh_token": d.Refresh}, d.bearer()) }},
		"by cookie":                       {func() in { return l.browse(u) }, func(d in) *answer { return l.do("POST", "/auth/logout", nil, cookie(d.Refresh), sameOrigin) }},
		"by cookie, from a listed origin": {func() in { return l.browse(u) }, func(d in) *answer { return l.do("POST", "/auth/logout", nil, cookie(d.Refresh), with("Origin", home)) }},
		"by cookie, expired access token": {func() in { return late(l.browse(u)) }, func(d in) *answer {
			return l.do("POST", "/auth/logout", nil, d.bearer(), cookie(d.Refresh), sameOrigin)
		}},
		"of the body's, whatever the other": {func() in { return l.again(u) }, func(d in) *answer {
			return l.do("POST", "/auth/logout", doc{"refresh_token": d.Refresh}, l.again(u).bearer())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := c.who()
			if a := c.leave(d).is(204); len(a.body) > 0 {
				t.Errorf("%s", a)
			}
			if s := l.Record(d.ID); s.EndReason != "signed_out" || s.EndedBy.Kind != "self" {
				t.Errorf("ended with %q by %q", s.EndReason, s.EndedBy.Kind)
			}
			c.leave(d).is(204) // once more: signed out is signed out
		})
	}
}

func TestLogoutRefused(t *testing.T) {
	l := open(t, nil)
	u := l.AddStranger()
	native, page := l.again(u), l.browse(u)
	l.do("POST", "/auth/logout", nil).problem(401, "unauthenticated")
	l.do("POST", "/auth/logout", nil, badToken).problem(401, "invalid_token")
	l.do("POST", "/auth/logout", doc{"refresh_token": "ghr_x"}, native.bearer()).problem(401, "invalid_token")
	l.do("POST", "/auth/logout", doc{"refresh_token": page.Refresh}).problem(401, "invalid_token")
	l.do("POST", "/auth/logout", nil, cookie(page.Refresh)).problem(403, "origin_not_allowed")
	l.do("POST", "/auth/logout", nil, cookie(page.Refresh), foreign).problem(403, "origin_not_allowed")
	l.do("POST", "/auth/logout", nil, cookie(page.Refresh), badToken, foreign).problem(403, "origin_not_allowed")
	l.Advance(l.Config.AccessTTL)
	l.do("POST", "/auth/logout", nil, native.bearer()).problem(401, "token_expired")
	l.generation(native, 1)
	l.generation(page, 1)
}

func TestLogoutOfOthersAndOfAll(t *testing.T) {
	l := open(t, nil)
	u := l.AddStranger()
	d, first, second := l.again(u), l.again(u), l.browse(u)
	l.do("POST", "/auth/logout/others", nil, d.bearer()).is(204)
	for _, other := range []in{first, second} {
		if s := l.Record(other.ID); s.EndReason != "session_revoked" || s.EndedBy.Kind != "user" || s.EndedBy.Name != "Phone" {
			t.Errorf("another ended with %q by %+v", s.EndReason, s.EndedBy)
		}
	}
	l.generation(d, 1)
	third := l.again(u)
	l.Advance(l.Config.StepUpAge) // no step-up for all
	l.do("POST", "/auth/logout/all", nil, d.bearer()).is(204)
	if own, other := l.Record(d.ID), l.Record(third.ID); own.EndReason != "signed_out" || other.EndReason != "session_revoked" {
		t.Errorf("own ended with %q, the other with %q", own.EndReason, other.EndReason)
	}
	l.do("GET", "/auth/me", nil, d.bearer()).problem(401, "session_revoked")
}

func TestReauthenticationRenewsTheSameSession(t *testing.T) {
	l := open(t, nil)
	d := l.browse(l.AddUser("ada@example.com"))
	l.Advance(l.Config.StepUpAge)
	l.do("POST", "/auth/logout/others", nil, d.bearer()).problem(403, "step_up_required")
	l.do("POST", "/auth/reauthenticate", doc{"password": marker}, d.bearer()).problem(401, "invalid_credentials")
	a := l.do("POST", "/auth/reauthenticate", doc{"password": rulestest.Password}, d.bearer(), cookie(d.Refresh), sameOrigin).is(200)
	if a.cookie() != nil || a.object()["refresh_token"] != nil || a.member("session.id") != d.ID {
		t.Errorf("%s with cookie %v", a, a.cookie())
	}
	l.generation(d, 1)
	d.Access = a.member("access_token").(string)
	l.do("POST", "/auth/logout/others", nil, d.bearer()).is(204)
}
