package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
	"github.com/gatehouse-dev/gatehouse/internal/transfer"
)

// userLine is a line of what import reads and export writes.
type userLine struct {
	ID            string    `json:"id,omitempty"`
	Email         string    `json:"email"`
	Name          string    `json:"name,omitempty"`
	PasswordHash  string    `json:"password_hash,omitempty"`
	Roles         []string  `json:"roles,omitempty"`
	EmailVerified bool      `json:"email_verified,omitempty"`
	Disabled      bool      `json:"disabled,omitempty"`
	CreatedAt     time.Time `json:"created_at,omitzero"`
}

// maxLine is the length of a line in bytes. Every record that is good is far shorter.
const maxLine = 64 << 10

const importHelp = `
FILE, or - for standard input, has one JSON object a line:
  {"email": …, "id"?, "name"?, "password_hash"? (argon2id or bcrypt), "roles"?, "email_verified"?, "disabled"?, "created_at"?}
A line that is wrong is named and left out (status 1). An address that has an account is skipped, so that an import can
be repeated. Second factors and sessions are not part of it: gatehouse store copy moves everything.

`

func (sh *shell) userImport(ctx context.Context, args []string) error {
	fs := sh.flags("user import")
	rest, settle, err := sh.readWith(fs, importHelp, args, 1, 1)
	if err != nil {
		return err
	}
	in := io.ReadCloser(sh.in)
	if rest[0] != "-" {
		if in, err = os.Open(rest[0]); err != nil {
			return err
		}
		defer in.Close()
	}
	return sh.with(ctx, settle, func(r *rules.Rules) error {
		return sh.importFrom(ctx, r, in)
	})
}

func (sh *shell) importFrom(ctx context.Context, r *rules.Rules, in io.Reader) error {
	imported, skipped, bad := 0, 0, 0
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		err := importLine(ctx, r, lines.Bytes())
		switch {
		case err == nil:
			imported++
		case errors.Is(err, account.ErrEmailTaken):
			skipped++
		case fault.As(err).Kind == fault.Unavailable || ctx.Err() != nil:
			return fmt.Errorf("line %d: %w", n, err) // the rest would fail too
		default:
			bad++
			fmt.Fprintf(sh.err, "line %d: %s\n", n, oneLine(err))
		}
	}
	fmt.Fprintf(sh.out, "%d imported, %d skipped, %d wrong\n", imported, skipped, bad)
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read lines: %w", err)
	}
	if bad > 0 {
		return errSaid
	}
	return nil
}

// importLine repeats nothing of the line in its errors.
func importLine(ctx context.Context, r *rules.Rules, line []byte) error {
	var l userLine
	if err := json.Unmarshal(line, &l); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) && kind.Field != "" {
			return fmt.Errorf("%s is no %s", kind.Field, kind.Type)
		}
		return errors.New("it is no JSON object with a user in it")
	}
	_, err := r.Accounts.Import(ctx, account.Imported{
		ID: l.ID, Email: l.Email, Name: l.Name, PasswordHash: l.PasswordHash, Roles: l.Roles, Verified: l.EmailVerified,
		Disabled: l.Disabled, CreatedAt: l.CreatedAt,
	})
	if errors.Is(err, fault.ErrConflict) {
		return errors.New("another account has this id")
	}
	return err
}

const exportHelp = `
Writes all users to standard output as user import reads them, password hashes too: keep the file to yourself. Second
factors and sessions are not part of it.

`

func (sh *shell) userExport(ctx context.Context, args []string) error {
	fs := sh.flags("user export")
	_, settle, err := sh.readWith(fs, exportHelp, args, 0, 0)
	if err != nil {
		return err
	}
	return sh.with(ctx, settle, func(r *rules.Rules) error {
		out := bufio.NewWriter(sh.out)
		enc := json.NewEncoder(out)
		err := transfer.Each(ctx, r.Store, "users", func(records []any) error {
			for _, record := range records {
				if u, ok := record.(account.User); ok && u.Email != "" {
					if err := enc.Encode(exported(u)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		return errors.Join(err, out.Flush())
	})
}

func exported(u account.User) userLine {
	return userLine{
		ID: u.ID, Email: u.Email, Name: u.Name, PasswordHash: u.PasswordHash, Roles: u.Roles, EmailVerified: !u.EmailVerifiedAt.IsZero(),
		Disabled: u.Disabled, CreatedAt: u.CreatedAt.UTC(),
	}
}
