package account_test

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

func TestImportKeepsWhatTheAccountWas(t *testing.T) {
	h := rulestest.Open(t)
	born := rulestest.Epoch.Add(-1000 * time.Hour)
	in := account.Imported{
		ID: id.New(id.User), Email: " Ada@Example.com", Name: "Ada", PasswordHash: foreignBcrypt(t, rulestest.Password),
		Roles: []string{account.RoleAdmin}, Verified: true, CreatedAt: born,
	}
	u, err := h.Accounts.Import(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if u.ID != in.ID || u.Email != "ada@example.com" || !u.CreatedAt.Equal(born) || u.EmailVerifiedAt.IsZero() || !u.Has(account.RoleUser) {
		t.Errorf("imported %+v", u)
	}
	if _, err := h.Accounts.Authenticate(t.Context(), "ada@example.com", rulestest.Password); err != nil {
		t.Errorf("with the password of before: %v", err)
	}
	if _, _, err := h.Accounts.SetRoles(t.Context(), u.ID, []string{account.RoleUser}); fault.CodeOf(err) != "last_admin" {
		t.Errorf("the only admin is not guarded: %v", err)
	}
}

func TestDisabledAccountStaysSoWhenImported(t *testing.T) {
	h := rulestest.Open(t)
	in := account.Imported{Email: "ada@example.com", PasswordHash: foreignBcrypt(t, rulestest.Password), Roles: []string{account.RoleAdmin}, Disabled: true}
	if _, err := h.Accounts.Import(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Accounts.Authenticate(t.Context(), in.Email, rulestest.Password); fault.CodeOf(err) != "invalid_credentials" {
		t.Errorf("signed in: %v", err)
	}
	if has, err := h.Accounts.HasAdmin(t.Context()); err != nil || has {
		t.Errorf("counts as an admin: %t, %v", has, err)
	}
}

func TestImportRefuses(t *testing.T) {
	h := rulestest.Open(t)
	ada := h.AddUser("ada@example.com")
	for name, tt := range map[string]struct {
		in   account.Imported
		want string
	}{
		"an address that is there":              {account.Imported{Email: "ADA@example.com"}, "email_taken"},
		"the same account again":                {account.Imported{ID: ada.ID, Email: ada.Email}, "email_taken"},
		"an id that is there, of another":       {account.Imported{ID: ada.ID, Email: "bob@example.com"}, "conflict"},
		"an address that is there, another id":  {account.Imported{ID: id.New(id.User), Email: ada.Email}, "email_taken"},
		"an id of another kind":                 {account.Imported{ID: id.New(id.Session), Email: "bob@example.com"}, "validation_failed"},
		"an id in lower case":                   {account.Imported{ID: "usr_01arz3ndektsv4rrffq69g5fav", Email: "bob@example.com"}, "validation_failed"},
		"a password in the place of its hash":   {account.Imported{Email: "bob@example.com", PasswordHash: rulestest.Password}, "validation_failed"},
		"a hash that would take all the memory": {account.Imported{Email: "bob@example.com", PasswordHash: "$argon2id$v=19$m=99999999,t=1,p=1$c2FsdA$c2l4dGVlbiBieXRlcyBvZg"}, "validation_failed"},
		"a role that there is not":              {account.Imported{Email: "bob@example.com", Roles: []string{"root"}}, "validation_failed"},
		"no address":                            {account.Imported{}, "validation_failed"},
	} {
		if _, err := h.Accounts.Import(t.Context(), tt.in); fault.CodeOf(err) != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	if _, err := h.Store.UserByEmail(t.Context(), "bob@example.com"); fault.CodeOf(err) != "not_found" {
		t.Errorf("something of it was stored: %v", err)
	}
}
