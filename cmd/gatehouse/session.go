package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/staff"
)

func (sh *shell) sessionList(ctx context.Context, args []string) error {
	fs := sh.flags("session list")
	who := fs.String("user", "", "only of this user, an address or `id`")
	asJSON := fs.Bool("json", false, "one JSON object a line")
	return sh.on(ctx, fs, args, 0, 1, func(r *rules.Rules, args []string) error {
		query := session.Query{Limit: 200}
		if len(args) == 1 {
			*who = args[0]
		}
		if *who != "" {
			u, err := findUser(ctx, r, *who)
			if err != nil {
				return err
			}
			query.UserID = u.ID
		}
		w := tabwriter.NewWriter(sh.out, 0, 0, 2, ' ', 0)
		if !*asJSON {
			fmt.Fprintln(w, "ID\tUSER\tNAME\tONLINE\tIP\tLAST SEEN\tEXPIRES")
		}
		for {
			page, err := r.Store.ListSessions(ctx, query)
			if err != nil {
				return err
			}
			for _, s := range page.Sessions {
				if *asJSON {
					x := s.Wire()
					x.Online = s.Online
					if err := json.NewEncoder(sh.out).Encode(x); err != nil {
						return err
					}
					continue
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%t\t%s\t%s\t%s\n", s.ID, s.UserID, s.Name, s.Online, s.IP,
					when(s.LastSeenAt), when(s.End()))
			}
			if page.Next == "" {
				return w.Flush()
			}
			query.Cursor = page.Next
		}
	})
}

// whyFlags gives the command of an act of staff the flags that tell why.
func whyFlags(fs *flag.FlagSet) *staff.Why {
	why := &staff.Why{}
	bounded := func(to *string, most int) func(string) error {
		return func(text string) error {
			if utf8.RuneCountInString(text) > most {
				return fmt.Errorf("it has more than %d characters", most)
			}
			*to = text
			return nil
		}
	}
	fs.Func("reason", "`text` for the audit", bounded(&why.Reason, staff.MaxReason))
	fs.Func("message", "`text` shown to the person", bounded(&why.Message, staff.MaxMessage))
	return why
}

func (sh *shell) sessionEnd(ctx context.Context, args []string) error {
	fs := sh.flags("session end")
	why := whyFlags(fs)
	return sh.on(ctx, fs, args, 1, 1, func(r *rules.Rules, args []string) error {
		err := r.Staff.EndSession(ctx, staff.Shell, args[0], *why)
		if errors.Is(err, fault.ErrNotFound) {
			return fmt.Errorf("there is no session %s", args[0])
		}
		if err == nil {
			fmt.Fprintln(sh.out, "ended", args[0])
		}
		return err
	})
}
