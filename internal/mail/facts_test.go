package mail

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// TestLetterWhoseFactDidNotComeIsNotSent: it is queued before, and who queued it may have died or been refused.
func TestLetterWhoseFactDidNotComeIsNotSent(t *testing.T) {
	l := open(t, nil)
	u, disabled := l.user(nil), l.user(func(u *account.User) { u.Disabled = true })
	stripped := l.user(func(u *account.User) { u.Email = "" })
	unready := l.user(func(u *account.User) { u.WelcomedAt = time.Time{} })
	linked := l.user(func(u *account.User) { u.Identities = []account.Identity{{Provider: "github", Subject: "1"}} })
	moved := l.user(func(u *account.User) { u.Email = "new@example.com" })
	still := l.user(func(u *account.User) { u.Email = "ada@example.com" })
	live := l.session(nil)
	reused := l.session(func(s *session.Session) { s.EndedAt, s.EndReason = epoch, "token_reuse" })
	spent := l.give("verify_email")
	if _, err := l.grants.Take(t.Context(), "verify_email", spent); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		Letter
		sent bool
	}{
		{"to a user", Letter{Kind: Welcome, UserID: u.ID}, true},
		{"to a user who never came", Letter{Kind: Welcome, UserID: "usr_none"}, false},
		{"to a user who is gone", Letter{Kind: Welcome, UserID: stripped.ID}, false},
		{"to a user who cannot use the account yet", Letter{Kind: Welcome, UserID: unready.ID}, false},
		{"linked", Letter{Kind: Identity, UserID: linked.ID, Provider: "GitHub", Added: true}, true},
		{"not linked", Letter{Kind: Identity, UserID: u.ID, Provider: "GitHub", Added: true}, false},
		{"unlinked", Letter{Kind: Identity, UserID: u.ID, Provider: "GitHub"}, true},
		{"not unlinked", Letter{Kind: Identity, UserID: linked.ID, Provider: "GitHub"}, false},
		{"address changed", Letter{Kind: EmailChanged, UserID: moved.ID}, true},
		{"address not changed", Letter{Kind: EmailChanged, UserID: still.ID}, false},
		{"password changed", Letter{Kind: PasswordChange, UserID: u.ID, AuthVersion: 4}, true},
		{"password not changed", Letter{Kind: PasswordChange, UserID: u.ID, AuthVersion: 5}, false},
		{"disabled", Letter{Kind: Disabled, UserID: disabled.ID, AuthVersion: 4}, true},
		{"enabled", Letter{Kind: Disabled, UserID: u.ID, AuthVersion: 4}, false},
		{"device", Letter{Kind: NewDevice, UserID: u.ID, SessionID: live.ID, Purpose: "not_me", Token: l.give("not_me")}, true},
		{"device that never came", Letter{Kind: NewDevice, UserID: u.ID, SessionID: "ses_none", Purpose: "not_me", Token: l.give("not_me")}, false},
		{"reuse", Letter{Kind: TokenReuse, UserID: u.ID, SessionID: reused.ID}, true},
		{"no reuse", Letter{Kind: TokenReuse, UserID: u.ID, SessionID: live.ID}, false},
		{"link", Letter{Kind: VerifyEmail, Purpose: "verify_email", Token: l.give("verify_email")}, true},
		{"link that is spent", Letter{Kind: VerifyEmail, Purpose: "verify_email", Token: spent}, false},
		{"link of another purpose", Letter{Kind: VerifyEmail, Purpose: "verify_email", Token: l.give("reset_password")}, false},
		{"nothing to look up", Letter{Kind: EmailTaken}, true},
	} {
		tt.To = "ada@example.com"
		task := l.post(tt.Letter)
		if err := l.Run(t.Context(), task); errors.Is(err, outbox.ErrNoFact) == tt.sent {
			t.Errorf("%s: %v", tt.name, err)
		}
		if _, sent := l.eml()[task.ID+"-"+tt.Kind+".eml"]; sent != tt.sent {
			t.Errorf("%s: sent is %v", tt.name, sent)
		}
	}
}

func TestStoreThatIsAwayFailsTheTry(t *testing.T) {
	l := open(t, nil)
	tasks := []outbox.Task{
		l.post(Letter{Kind: Welcome, To: "a@example.com", UserID: "usr_a"}), l.post(Letter{Kind: NewDevice, To: "a@example.com", SessionID: "ses_a"}),
		l.post(Letter{Kind: VerifyEmail, To: "a@example.com", Purpose: "verify_email", Token: l.give("verify_email")}),
	}
	_ = l.store.Close()
	for i, task := range tasks {
		if err := l.Run(t.Context(), task); err == nil {
			t.Errorf("%d: went", i)
		}
	}
	if files := l.eml(); len(files) != 0 {
		t.Errorf("sent %v", files)
	}
}

func TestWhatStaysOfALetterIsNothingPersonal(t *testing.T) {
	l := open(t, nil)
	x := full(NewDevice)
	x.UserID = "usr_a"
	task := l.post(x)
	note := string(task.Note)
	for _, personal := range []string{"ada@", "Ada", "gho_", "Firefox", "Graz", "192.0.2.7"} {
		if strings.Contains(note, personal) {
			t.Errorf("%q stays in %s", personal, note)
		}
	}
	if !strings.Contains(note, "new_device") || !strings.Contains(note, "usr_a") {
		t.Errorf("note is %s", note)
	}
}

func TestDeadLetterIsWrittenAgainFromTheRecords(t *testing.T) {
	l := open(t, nil)
	u := l.user(nil)
	for kind, k := range kinds {
		task := l.post(Letter{Kind: kind, To: "old@example.com", Name: "Old", UserID: u.ID, Token: "", At: epoch})
		task.Payload = nil
		if kind == TokenReuse || kind == Disabled {
			continue // their facts are tested above
		}
		err := l.Run(t.Context(), task)
		raw, sent := l.eml()[task.ID+"-"+kind+".eml"]
		if sent != k.again || (err == nil) != k.again {
			t.Errorf("%s: sent is %v, %v", kind, sent, err)
		}
		if sent && read(t, raw).header.Get("To") != "<"+u.Email+">" {
			t.Errorf("%s goes to %s", kind, read(t, raw).header.Get("To"))
		}
	}
	gone := l.post(Letter{Kind: Welcome, To: "old@example.com", UserID: "usr_none"})
	gone.Payload = nil
	if err := l.Run(t.Context(), gone); !errors.Is(err, outbox.ErrNoFact) {
		t.Errorf("to nobody: %v", err)
	}
}

func TestQueuedLetterWaitsForItsFact(t *testing.T) {
	l := open(t, nil)
	jobID, err := l.Post(t.Context(), Letter{Kind: Welcome, To: "ada@example.com"}, outbox.Fallback)
	l.must(err)
	if j, err := l.store.Job(t.Context(), jobID); err != nil || j.Kind != outbox.Mail || j.RunAt.Sub(epoch) < outbox.Fallback-time.Millisecond {
		t.Errorf("queued %+v, %v", j, err)
	}
}
