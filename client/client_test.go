package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

func TestSignInAndCall(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		user, session, err := c.Login(t.Context(), "ann@example.com", "right")
		if err != nil || user.ID != "usr_1" || session.ID != "ses_1" {
			t.Fatalf("Login = %v %v %v", user, session, err)
		}
		me, err := c.Me(t.Context())
		if err != nil || me.Email != "ann@example.com" {
			t.Errorf("Me = %v %v", me, err)
		}
		if h.refreshes() != "" || h.heard() != `["refresh-0"]` {
			t.Errorf("refreshes %q, heard %s", h.refreshes(), h.heard())
		}
	})
}

func TestSignInThatBringsNoSession(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   object
		is     func(error) bool
	}{
		"wrong password": {401, object{"code": "invalid_credentials"}, code("invalid_credentials")},
		"limited": {429, object{"code": "rate_limited", "retry_after": 7}, func(err error) bool {
			var e *client.Error
			return errors.As(err, &e) && e.RetryAfter == 7*time.Second && e.Status == 429
		}},
		"bad members": {422, object{"code": "validation_failed", "fields": object{"password": "is too short"}}, func(err error) bool {
			var e *client.Error
			return errors.As(err, &e) && e.Fields["password"] == "is too short"
		}},
		"verification": {202, object{"status": "verification_sent"}, func(err error) bool { return errors.Is(err, client.ErrVerificationSent) }},
		"second factor": {200, object{"status": "mfa_required", "mfa_token": "m", "methods": []string{"totp"}, "expires_in": 300}, func(err error) bool {
			var e *client.MFARequiredError
			return errors.As(err, &e) && e.Token == "m" && e.ExpiresIn == 5*time.Minute
		}},
		"no Gatehouse": {200, object{"hello": "world"}, func(err error) bool { return err != nil }},
	} {
		t.Run(name, func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				h.calls["/auth/register"] = func(w http.ResponseWriter, r *http.Request) { refuse(w, test.status, test.body) }
				if _, _, err := c.Register(t.Context(), "ann@example.com", "right"); !test.is(err) {
					t.Errorf("Register: %v", err)
				}
				if _, err := c.AccessToken(t.Context()); !errors.Is(err, client.ErrSignedOut) || h.heard() != "[]" {
					t.Errorf("afterwards: %v, heard %s", err, h.heard())
				}
			})
		})
	}
}

// code makes a check for an API code.
func code(want string) func(error) bool {
	return func(err error) bool {
		var e *client.Error
		return errors.As(err, &e) && e.Code == want
	}
}

func TestOldTokenIsRenewedAndTheCallRepeated(t *testing.T) {
	for _, refused := range []string{"token_expired", "token_stale", "invalid_token"} {
		t.Run(refused, func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				login(t, c)
				var tokens []string
				h.calls["/auth/me"] = func(w http.ResponseWriter, r *http.Request) {
					if tokens = append(tokens, r.Header.Get("Authorization")); len(tokens) == 1 {
						refuse(w, 401, object{"code": refused})
					}
				}
				if _, err := c.Me(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(tokens, ","); got != "Bearer access-1,Bearer access-2" || h.refreshes() != "refresh-0" {
					t.Errorf("called with %s, refreshed with %s", got, h.refreshes())
				}
			})
		})
	}
}

func TestRefusedTwiceIsRefused(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		login(t, c)
		h.calls["/auth/me"] = func(w http.ResponseWriter, r *http.Request) { refuse(w, 401, object{"code": "token_stale"}) }
		if _, err := c.Me(t.Context()); !code("token_stale")(err) || h.refreshes() != "refresh-0" {
			t.Errorf("Me: %v after refreshes %q", err, h.refreshes())
		}
	})
}

func TestOtherRefusalsNeitherRefreshNorEnd(t *testing.T) {
	for refused, status := range map[string]int{"invalid_credentials": 401, "invalid_code": 401, "step_up_required": 403, "forbidden": 403, "unavailable": 503} {
		t.Run(refused, func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				login(t, c)
				h.calls["/auth/logout/others"] = func(w http.ResponseWriter, r *http.Request) { refuse(w, status, object{"code": refused}) }
				if err := c.EndOthers(t.Context()); !code(refused)(err) {
					t.Errorf("EndOthers: %v", err)
				}
				if _, err := c.Me(t.Context()); err != nil || h.refreshes() != "" {
					t.Errorf("afterwards %v, refreshes %q", err, h.refreshes())
				}
			})
		})
	}
}

func TestTokenIsNotPresentedPastItsLife(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		login(t, c)
		time.Sleep(15 * time.Minute)
		h.calls["/auth/me"] = func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Authorization"); got != "Bearer access-2" {
				t.Errorf("presented %s", got)
			}
		}
		if _, err := c.Me(t.Context()); err != nil || h.refreshes() != "refresh-0" {
			t.Errorf("Me: %v, refreshes %q", err, h.refreshes())
		}
	})
}

func TestSixteenCallersShareOneRefresh(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		c.Resume("refresh-0")
		h.before = []func(http.ResponseWriter){func(http.ResponseWriter) { time.Sleep(time.Second) }}
		var callers sync.WaitGroup
		for range 16 {
			callers.Go(func() {
				if _, err := c.Me(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if h.refreshes() != "refresh-0" || h.heard() != `["refresh-1"]` {
			t.Errorf("refreshes %q, heard %s", h.refreshes(), h.heard())
		}
	})
}

// TestLostAnswer: the server rotated, the answer never arrived. The same token gets the same successor.
func TestLostAnswer(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		c.Resume("refresh-0")
		h.after = []func(){func() { panic(http.ErrAbortHandler) }}
		if err := c.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if h.refreshes() != "refresh-0 refresh-0" || h.heard() != `["refresh-1"]` {
			t.Errorf("refreshes %q, heard %s", h.refreshes(), h.heard())
		}
	})
}

func TestCallerGivesUpDuringRefresh(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		c.Resume("refresh-0")
		h.after = []func(){func() { time.Sleep(time.Minute) }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Refresh: %v", err)
		}
		if err := c.Refresh(t.Context()); err != nil || h.refreshes() != "refresh-0 refresh-0" {
			t.Errorf("Refresh again: %v, refreshes %q", err, h.refreshes())
		}
		time.Sleep(time.Minute) // the server finishes the first
	})
}

func TestRefusedRefresh(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	kicked := object{"code": "session_revoked", "reason": "kicked", "by": object{"kind": "admin", "name": "Bo"}, "message": "bye", "at": at}
	for name, test := range map[string]struct {
		status int
		body   object
		code   wire.CloseCode // 0: no end
	}{
		"kicked":           {401, kicked, wire.CloseKicked},
		"revoked, no more": {401, object{"code": "session_revoked"}, wire.CloseSessionRevoked},
		"forgotten":        {401, object{"code": "invalid_token"}, wire.CloseUnauthenticated},
		"store down":       {503, object{"code": "unavailable", "retry_after": 2}, 0},
		"limited":          {429, object{"code": "rate_limited"}, 0},
		"a proxy":          {401, object{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				c.Resume("refresh-0")
				h.before = []func(http.ResponseWriter){func(w http.ResponseWriter) { refuse(w, test.status, test.body) }}
				err := c.Refresh(t.Context())
				var end *client.EndedError
				switch {
				case test.code == 0:
					if errors.As(err, &end) || c.Refresh(t.Context()) != nil || h.heard() != `["refresh-1"]` {
						t.Errorf("%v ended the session, heard %s", err, h.heard())
					}
					return
				case !errors.As(err, &end) || end.Code != test.code || end.Reason != test.code.Name():
					t.Fatalf("Refresh: %v, want an end with %d", err, test.code)
				case test.code == wire.CloseKicked && (end.By.Name != "Bo" || end.Message != "bye" || !end.At.Equal(at)):
					t.Errorf("end %+v", end)
				}
				if _, err := c.Me(t.Context()); !errors.As(err, &end) || end.Code != test.code || h.heard() != `[""]` {
					t.Errorf("afterwards %v, heard %s", err, h.heard())
				}
				login(t, c)
				if _, err := c.Me(t.Context()); err != nil {
					t.Errorf("signed in anew: %v", err)
				}
			})
		})
	}
}

// TestRevokedAccessTokenTellsWhy: a call says only that the session is revoked; the refresh says why.
func TestRevokedAccessTokenTellsWhy(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		login(t, c)
		h.calls["/auth/me"] = func(w http.ResponseWriter, r *http.Request) { refuse(w, 401, object{"code": "session_revoked"}) }
		h.before = []func(http.ResponseWriter){func(w http.ResponseWriter) {
			refuse(w, 401, object{"code": "session_revoked", "reason": "account_disabled", "by": object{"kind": "admin"}, "at": time.Now()})
		}}
		var end *client.EndedError
		if _, err := c.Me(t.Context()); !errors.As(err, &end) || end.Code != wire.CloseAccountDisabled {
			t.Errorf("Me: %v", err)
		}
	})
}

// TestTokenIsStoredBeforeItIsUsed: what is on disk is never older than what the server saw used.
func TestTokenIsStoredBeforeItIsUsed(t *testing.T) {
	visit(t, func(t *testing.T, h *house, _ *client.Client) {
		hang, used := make(chan struct{}), false
		h.config.OnTokens = func(string) { <-hang }
		h.calls["/auth/me"] = func(w http.ResponseWriter, r *http.Request) { used = true }
		c := client.New(h.config)
		c.Resume("refresh-0")
		called := make(chan error, 1)
		go func() { _, err := c.Me(t.Context()); called <- err }()
		synctest.Wait()
		if used {
			t.Error("the new token was used while it was being stored")
		}
		close(hang)
		if err := <-called; err != nil || !used {
			t.Errorf("Me: %v, used %v", err, used)
		}
	})
}

func TestLogout(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		code   string
		out    bool
	}{
		"signed out":    {204, "", true},
		"ended already": {401, "session_revoked", true},
		"store down":    {503, "unavailable", false},
	} {
		t.Run(name, func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				login(t, c)
				h.calls["/auth/logout"] = func(w http.ResponseWriter, r *http.Request) {
					if w.WriteHeader(test.status); test.status != 204 {
						answer(w, object{"code": test.code})
					}
				}
				if err := c.Logout(t.Context()); (err == nil) != test.out {
					t.Errorf("Logout: %v", err)
				}
				if _, err := c.AccessToken(t.Context()); errors.Is(err, client.ErrSignedOut) != test.out {
					t.Errorf("afterwards: %v, heard %s", err, h.heard())
				}
			})
		})
	}
}

func TestReauthenticateKeepsTheRefreshToken(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		login(t, c)
		h.calls["/auth/reauthenticate"] = func(w http.ResponseWriter, r *http.Request) {
			answer(w, object{"status": "signed_in", "access_token": "fresh", "expires_in": 900, "session": object{"id": "ses_1"}})
		}
		if err := c.Reauthenticate(t.Context(), "right"); err != nil {
			t.Fatal(err)
		}
		if token, _ := c.AccessToken(t.Context()); token != "fresh" || h.heard() != `["refresh-0"]` {
			t.Errorf("token %q, heard %s", token, h.heard())
		}
		if err := c.Refresh(t.Context()); err != nil || h.refreshes() != "refresh-0" {
			t.Errorf("Refresh: %v with %q", err, h.refreshes())
		}
	})
}

// TestPasswordDoesNotFollowRedirects: a 307 repeats the body wherever it points.
func TestPasswordDoesNotFollowRedirects(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		h.calls["/auth/login"] = func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.test/take", http.StatusTemporaryRedirect)
		}
		h.calls["/take"] = func(http.ResponseWriter, *http.Request) { t.Error("followed") }
		var e *client.Error
		if _, _, err := c.Login(t.Context(), "ann@example.com", "right"); !errors.As(err, &e) || e.Status != 307 {
			t.Errorf("Login: %v", err)
		}
	})
}

func TestSecondFactor(t *testing.T) {
	for code, path := range map[string]string{"123456": "/auth/mfa/totp", "abcde-fghij": "/auth/mfa/recovery-code"} {
		t.Run(path, func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				h.calls["/auth/login"] = func(w http.ResponseWriter, r *http.Request) {
					answer(w, object{"status": "mfa_required", "mfa_token": "m", "methods": []string{"totp"}, "expires_in": 300})
				}
				h.calls[path] = func(w http.ResponseWriter, r *http.Request) {
					if body := read(r); body != `{"code":"`+code+`","mfa_token":"m"}` {
						t.Errorf("sent %s", body)
					}
					h.signIn(w)
				}
				_, _, err := c.Login(t.Context(), "ann@example.com", "right")
				var waiting *client.MFARequiredError
				if !errors.As(err, &waiting) {
					t.Fatal(err)
				}
				if _, session, err := c.LoginCode(t.Context(), waiting, code); err != nil || session.ID != "ses_1" {
					t.Errorf("LoginCode = %v, %v", session, err)
				}
			})
		})
	}
}

// TestReauthenticationOfAnotherSignIn: its answer comes after somebody signed in anew, and must not mix the two.
func TestReauthenticationOfAnotherSignIn(t *testing.T) {
	visit(t, func(t *testing.T, h *house, c *client.Client) {
		login(t, c)
		h.calls["/auth/reauthenticate"] = func(w http.ResponseWriter, r *http.Request) {
			answer(w, object{"status": "signed_in", "access_token": "old", "expires_in": 900, "session": object{"id": "ses_0"}})
		}
		if err := c.Reauthenticate(t.Context(), "right"); !errors.Is(err, client.ErrSignedOut) {
			t.Errorf("Reauthenticate: %v", err)
		}
		if token, err := c.AccessToken(t.Context()); token != "access-1" || err != nil {
			t.Errorf("token %q, %v", token, err)
		}
	})
}

func TestSessionCalls(t *testing.T) {
	for want, call := range map[string]func(context.Context, *client.Client) error{
		"DELETE /auth/sessions/ses_2 ":   func(ctx context.Context, c *client.Client) error { return c.EndSession(ctx, "ses_2") },
		"DELETE /auth/sessions/..%2Fme ": func(ctx context.Context, c *client.Client) error { return c.EndSession(ctx, "../me") },
		"POST /auth/logout/others ":      func(ctx context.Context, c *client.Client) error { return c.EndOthers(ctx) },
		"GET /auth/session ":             func(ctx context.Context, c *client.Client) error { _, err := c.Session(ctx); return err },
		"GET /auth/sessions ":            func(ctx context.Context, c *client.Client) error { _, err := c.Sessions(ctx); return err },
		`PATCH /auth/sessions/ses_2 {"name":"x"}`: func(ctx context.Context, c *client.Client) error {
			_, err := c.RenameSession(ctx, "ses_2", "x")
			return err
		},
	} {
		t.Run(want, func(t *testing.T) {
			visit(t, func(t *testing.T, h *house, c *client.Client) {
				login(t, c)
				if err := call(t.Context(), c); err != nil || h.last != want {
					t.Errorf("sent %s: %v", h.last, err)
				}
			})
		})
	}
}
