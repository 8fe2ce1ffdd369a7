package storetest

import (
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/grant"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/servicekey"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/token"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

// Whole is n records of each kind that stores keep, in the order of their keys and no member left zero: those of which
// there can be one only are one. A kind that is missing here is one that nobody has seen moved.
func Whole(n int) map[string][]any {
	kinds := map[string][]any{"admins": {wholeAdmins()}, "keyset": {wholeKeyset()}}
	for i := range n {
		for kind, record := range map[string]any{
			"users": wholeUser(i), "sessions": wholeSession(i), "grants": wholeGrant(i), "audit": wholeEvent(i),
			"jobs": wholeJob(i), "webhooks": wholeWebhook(i), "service_keys": wholeServiceKey(i),
		} {
			kinds[kind] = append(kinds[kind], record)
		}
	}
	return kinds
}

func nth(prefix string, i int) string { return fmt.Sprintf("%s01J000000000000000%08d", prefix, i) }

func after(d time.Duration) time.Time { return epoch.Add(d) }

func wholeUser(i int) account.User {
	return account.User{
		ID: nth(id.User, i), Version: 7 + i, Email: fmt.Sprintf("whole-%d@example.com", i), Name: fmt.Sprintf("Whole %d", i), PasswordHash: "$argon2id$x",
		Roles: []string{account.RoleUser, account.RoleAdmin}, Disabled: true, EmailVerifiedAt: after(-time.Hour), Epoch: 3, AuthVersion: 4,
		TOTP: &account.TOTP{Secret: []byte{0, 1, 255}, ConfirmedAt: epoch, LastStep: 5},
		Passkeys: []account.Passkey{{
			ID: nth(id.Passkey, i), Name: "Key", Credential: []byte(`{"id":"AAE="}`), CreatedAt: epoch, LastUsedAt: after(time.Minute),
		}},
		RecoveryCodes: []string{"a", "b"}, RecoveryKey: []byte{0, 2, 255},
		Identities: []account.Identity{{Provider: "google", Subject: fmt.Sprint(i), Email: "g@example.com", LinkedAt: epoch}},
		CreatedAt:  after(-time.Hour), ChangedAt: after(time.Duration(i) * time.Second), WelcomedAt: epoch, ToldTakenAt: epoch,
		KnownDevices: []account.KnownDevice{{Hash: "c0ffee", SeenAt: epoch}}, PurgeAt: after(time.Hour),
	}
}

func wholeSession(i int) session.Session {
	s := end(newSession(nth(id.User, i)), epoch)
	s.ID, s.Version, s.ChangedAt, s.Device.Kind = nth(id.Session, i), 9+i, after(time.Duration(i)*time.Second), "phone"
	return s
}

func wholeGrant(i int) grant.Grant {
	return grant.Grant{
		Purpose: grant.MFA, Hash: fmt.Sprintf("%08d", i), UserID: nth(id.User, i), SessionID: nth(id.Session, i), AuthVersion: 4,
		TriesLeft: 5, Payload: []byte{0, 1, 255}, ExpiresAt: after(time.Hour),
	}
}

func wholeEvent(i int) audit.Event {
	return audit.Event{
		ID: nth(id.Audit, i), At: after(time.Duration(i) * time.Second), Action: audit.SignedIn, Actor: audit.Party{Kind: "user", ID: nth(id.User, i)},
		Target: audit.Party{Kind: "session", ID: nth(id.Session, i)}, UserID: nth(id.User, i), IP: "192.0.2.7", Outcome: audit.Success,
		Reason: "because", Details: map[string]string{"method": "pwd"},
	}
}

func wholeJob(i int) outbox.Job {
	j := newJob(outbox.Mail, epoch)
	j.ID, j.Version, j.State, j.Attempts = nth(id.Job, i), 4+i, outbox.Running, 3
	j.LeaseUntil, j.LastError, j.PurgeAt = after(time.Minute), "no answer", after(time.Hour)
	return j
}

func wholeWebhook(i int) webhook.Webhook {
	return webhook.Webhook{
		ID: nth(id.Webhook, i), URL: "https://example.com/?k=1", Events: []string{webhook.SessionEnded}, Secret: []byte{0, 1, 255}, CreatedAt: epoch,
	}
}

func wholeServiceKey(i int) servicekey.Key {
	return servicekey.Key{ID: nth(id.Key, i), Name: "Shop", Hash: fmt.Sprintf("%064d", i), CreatedAt: epoch, LastUsedAt: after(time.Minute)}
}

func wholeAdmins() account.Admins { return account.Admins{Version: 6, IDs: []string{nth(id.User, 0)}} }

func wholeKeyset() token.Record {
	return token.Record{Version: 8, Keys: []token.KeyRecord{{
		Kid: nth(id.Key, 0), State: token.Previous, Sealed: []byte{0, 1, 255}, Public: []byte{2, 3}, CreatedAt: epoch,
		ActivatedAt: after(time.Minute), RetiredAt: after(time.Hour), WithdrawAt: after(2 * time.Hour),
	}}}
}
