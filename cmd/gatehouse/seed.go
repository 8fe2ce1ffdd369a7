package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// seedBatch is how many sessions are stored at once.
const seedBatch = 1000

// seedLine is a line of the file that seed writes.
type seedLine struct {
	UserID       string `json:"user_id"`
	SessionID    string `json:"session_id"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

func (sh *shell) seed(ctx context.Context, args []string) error {
	fs := sh.flags("seed")
	users := fs.Int("users", 100, "how many users to make")
	per := fs.Int("sessions-per-user", 1, "how many sessions each has")
	out := fs.String("out", "", "`file` for the tokens; it is made for its owner only")
	_, settle, err := sh.read(fs, args, 0, 0)
	if err != nil {
		return err
	}
	if *users < 1 || *per < 1 || *out == "" {
		return sh.wrong(fs.Name(), "it needs --users and --sessions-per-user of at least 1, and --out")
	}
	return sh.with(ctx, settle, func(r *rules.Rules) error {
		f, err := os.OpenFile(*out, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if err := f.Chmod(0o600); err != nil { // it may have been there
			return errors.Join(err, f.Close())
		}
		w := bufio.NewWriter(f)
		err = seedInto(ctx, r, w, *users, *per)
		if err == nil {
			err = w.Flush()
		}
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err == nil {
			fmt.Fprintf(sh.out, "%d users, %d sessions: %s\n", *users, *users**per, *out)
		}
		return err
	})
}

func seedInto(ctx context.Context, r *rules.Rules, w io.Writer, users, per int) error {
	enc := json.NewEncoder(w)
	var batchUsers []account.User
	var batch []session.Session
	var lines []seedLine
	flush := func() error {
		if err := r.Store.InsertBulk(ctx, batchUsers, batch); err != nil {
			return fmt.Errorf("store seed: %w", err)
		}
		for _, l := range lines {
			if err := enc.Encode(l); err != nil {
				return err
			}
		}
		batchUsers, batch, lines = batchUsers[:0], batch[:0], lines[:0]
		return nil
	}
	for range users {
		u := account.User{ID: id.New(id.User), Roles: []string{account.RoleUser}, CreatedAt: r.Now(), EmailVerifiedAt: r.Now()}
		u.Email = "seed-" + u.ID[len(id.User):] + "@example.invalid"
		u.Email, _ = account.NormalEmail(u.Email)
		batchUsers = append(batchUsers, u)
		for range per {
			x, err := r.Sessions.Make(session.Start{User: u, Transport: session.Body, Name: "Seed", AMR: []string{"pwd"}, AAL: 1})
			if err != nil {
				return err
			}
			batch = append(batch, x.Session)
			lines = append(lines, seedLine{UserID: u.ID, SessionID: x.Session.ID, AccessToken: x.AccessToken, RefreshToken: x.RefreshToken})
		}
		if len(batch) >= seedBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
