package account_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

func TestAccountsAreChecked(t *testing.T) {
	h := rulestest.Open(t)
	h.AddUser("ada@example.com")
	for name, tt := range map[string]struct {
		n    account.New
		want string
	}{
		"an address twice":        {account.New{Email: " ADA@example.com"}, "email_taken"},
		"no address":              {account.New{}, "validation_failed"},
		"a long name":             {account.New{Email: "b@example.com", Name: strings.Repeat("x", 101)}, "validation_failed"},
		"a short password":        {account.New{Email: "b@example.com", Password: "x"}, "validation_failed"},
		"a common password":       {account.New{Email: "b@example.com", Password: "password"}, "weak_password"},
		"a role that there isn't": {account.New{Email: "b@example.com", Roles: []string{"root"}}, "validation_failed"},
	} {
		if _, err := h.Accounts.Create(t.Context(), tt.n); fault.CodeOf(err) != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	u, err := h.Accounts.Create(t.Context(), account.New{Email: "B@Example.com", Name: " Bob ", Verified: true})
	if err != nil || u.Email != "b@example.com" || u.Name != "Bob" || len(u.Roles) != 1 || u.EmailVerifiedAt.IsZero() || u.PasswordHash != "" {
		t.Errorf("made %+v, %v", u, err)
	}
}

func TestImportedHashIsReplacedAtTheFirstGoodSignIn(t *testing.T) {
	for name, hash := range map[string]string{
		"bcrypt":           foreignBcrypt(t, rulestest.Password),
		"foreign argon2id": foreignArgon(rulestest.Password, 1024, 1, 2, 32),
	} {
		t.Run(name, func(t *testing.T) {
			h := rulestest.Open(t)
			u := h.AddStranger()
			u.PasswordHash = hash
			u, err := h.Store.ReplaceUser(t.Context(), u, false)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.Accounts.Authenticate(t.Context(), u.Email, "wermut"); !errors.Is(err, account.ErrInvalidCredentials) {
				t.Errorf("wrong password: %v", err)
			}
			if got := h.Account(u.ID); got.PasswordHash != hash {
				t.Error("a wrong password replaced the hash")
			}
			got, err := h.Accounts.Authenticate(t.Context(), u.Email, rulestest.Password)
			if err != nil || got.AuthVersion != u.AuthVersion {
				t.Fatalf("%+v, %v", got, err)
			}
			now := h.Account(u.ID)
			if !strings.HasPrefix(now.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$") {
				t.Errorf("the hash is %.30s", now.PasswordHash)
			}
			if now.AuthVersion != u.AuthVersion || now.Epoch != u.Epoch || !now.ChangedAt.Equal(u.ChangedAt) {
				t.Error("the new hash counts as a change of the user")
			}
			if _, err := h.Accounts.Authenticate(t.Context(), u.Email, rulestest.Password); err != nil {
				t.Errorf("with the new hash: %v", err)
			}
		})
	}
}

// between lets something happen when the user's record is read the second time.
type between struct {
	account.Store
	happen func()
	done   bool
}

func (b *between) User(ctx context.Context, id string) (account.User, error) {
	if !b.done {
		b.done = true
		b.happen()
	}
	return b.Store.User(ctx, id)
}

func TestPasswordChangeDuringARehashIsNotMistakenForTheOldUser(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddStranger()
	u.PasswordHash = foreignBcrypt(t, rulestest.Password)
	u, err := h.Store.ReplaceUser(t.Context(), u, false)
	if err != nil {
		t.Fatal(err)
	}
	slow := *h.Accounts
	slow.Store = &between{Store: h.Store, happen: func() {
		if _, err := h.Accounts.SetPassword(t.Context(), u, "ein ganz anderes"); err != nil {
			t.Error(err)
		}
	}}
	got, err := slow.Authenticate(t.Context(), u.Email, rulestest.Password)
	if err != nil || got.AuthVersion != u.AuthVersion {
		t.Errorf("authenticated at version %d, %v; began at %d", got.AuthVersion, err, u.AuthVersion)
	}
	if ok, _, err := h.Accounts.Hasher.Verify(t.Context(), h.Account(u.ID).PasswordHash, "ein ganz anderes"); !ok || err != nil {
		t.Error("the rehash undid the change")
	}
}

func TestOfTwoPasswordChangesAtOnceOneWins(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddUser("ada@example.com")
	passwords := []string{"der erste wermut", "der zweite wermut"}
	errs := rulestest.Race(2, func(i int) error {
		_, err := h.Accounts.SetPassword(t.Context(), u, passwords[i])
		return err
	})
	won := 0
	for i, err := range errs {
		if err != nil && !errors.Is(err, account.ErrInvalidCredentials) {
			t.Fatal(err)
		}
		if err != nil {
			continue
		}
		won++
		if _, err := h.Accounts.Authenticate(t.Context(), u.Email, passwords[i]); err != nil {
			t.Errorf("the winner's password: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d changes won", won)
	}
}

func TestNameIsAnnouncedWithoutMakingTokensStale(t *testing.T) {
	h := rulestest.Open(t)
	u := h.AddStranger()
	before := len(h.Announced())
	for range 2 {
		if _, err := h.Accounts.Rename(t.Context(), u.ID, " Grace "); err != nil {
			t.Fatal(err)
		}
	}
	got := h.Account(u.ID)
	if got.Name != "Grace" || got.Epoch != u.Epoch || len(h.Announced()) != before+1 {
		t.Errorf("name %q, epoch %d, announced %d times", got.Name, got.Epoch, len(h.Announced())-before)
	}
	if _, err := h.Accounts.Rename(t.Context(), u.ID, strings.Repeat("x", 101)); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("a long name: %v", err)
	}
}
