package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
)

func (sh *shell) userCreate(ctx context.Context, args []string) error {
	fs := sh.flags("user create")
	email := fs.String("email", "", "e-mail `address`")
	name := fs.String("name", "", "display `name`")
	fromStdin := fs.Bool("password-stdin", false, "read the password from standard input")
	var roles []string
	fs.Func("role", "`role`: user, moderator or admin; may be given again", func(v string) error {
		roles = append(roles, splitRoles(v)...)
		return nil
	})
	_, settle, err := sh.read(fs, args, 0, 0)
	if err != nil {
		return err
	}
	if *email == "" {
		return sh.wrong(fs.Name(), "--email is missing")
	}
	return sh.with(ctx, settle, func(r *rules.Rules) error {
		n := account.New{Email: *email, Name: *name, Roles: roles, Verified: true}
		if err := n.Check(); err != nil {
			return err
		}
		password, generated, err := sh.newPassword(ctx, *fromStdin)
		if err != nil {
			return err
		}
		n.Password = password
		u, err := r.Accounts.Create(ctx, n)
		if errors.Is(err, account.ErrEmailTaken) {
			return errors.New("there is an account with this address")
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(sh.out, "%s %s %s\n", u.ID, u.Email, strings.Join(u.Roles, ","))
		if generated {
			fmt.Fprintf(sh.out, "password: %s\n", password)
		}
		return nil
	})
}

func splitRoles(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}

func (sh *shell) userList(ctx context.Context, args []string) error {
	fs := sh.flags("user list")
	q := fs.String("q", "", "beginning of a word of address or name, or an `id`")
	role := fs.String("role", "", "only users with the `role`")
	asJSON := fs.Bool("json", false, "one JSON object a line")
	return sh.on(ctx, fs, args, 0, 0, func(r *rules.Rules, _ []string) error {
		w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
		if !*asJSON {
			fmt.Fprintln(w, "ID\tADDRESS\tNAME\tROLES\tDISABLED\tCREATED")
		}
		query := account.Query{Q: *q, Role: *role, Limit: 200}
		for {
			page, err := r.Store.ListUsers(ctx, query)
			if err != nil {
				return err
			}
			for _, u := range page.Users {
				if *asJSON {
					u.PasswordHash = ""
					if err := json.NewEncoder(sh.out).Encode(u); err != nil {
						return err
					}
					continue
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%t\t%s\n", u.ID, u.Email, u.Name, strings.Join(u.Roles, ","), u.Disabled, when(u.CreatedAt))
			}
			if page.Next == "" {
				return w.Flush()
			}
			query.Cursor = page.Next
		}
	})
}

// userRoles replaces the roles of a user, or tells them when none are given.
func (sh *shell) userRoles(ctx context.Context, args []string) error {
	fs := sh.flags("user roles")
	return sh.on(ctx, fs, args, 1, -1, func(r *rules.Rules, args []string) error {
		u, err := findUser(ctx, r, args[0])
		if roles := splitRoles(strings.Join(args[1:], ",")); err == nil && len(roles) > 0 {
			u, err = r.Staff.SetRoles(ctx, staff.Shell, u.ID, roles, staff.Why{})
		}
		if err == nil {
			fmt.Fprintf(sh.out, "%s %s %s\n", u.ID, u.Email, strings.Join(u.Roles, ","))
		}
		return err
	})
}

func (sh *shell) userDisable(ctx context.Context, args []string) error {
	return sh.standing(ctx, "user disable", args, (*staff.Service).Disable)
}

func (sh *shell) userEnable(ctx context.Context, args []string) error {
	return sh.standing(ctx, "user enable", args, (*staff.Service).Enable)
}

func (sh *shell) standing(ctx context.Context, name string, args []string,
	act func(*staff.Service, context.Context, staff.Actor, string, staff.Why) (account.User, error)) error {
	fs := sh.flags(name)
	why := whyFlags(fs)
	return sh.on(ctx, fs, args, 1, 1, func(r *rules.Rules, args []string) error {
		u, err := findUser(ctx, r, args[0])
		if err != nil {
			return err
		}
		u, err = act(r.Staff, ctx, staff.Shell, u.ID, *why)
		if err == nil {
			fmt.Fprintf(sh.out, "%s %s disabled=%t\n", u.ID, u.Email, u.Disabled)
		}
		return err
	})
}
