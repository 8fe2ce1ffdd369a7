package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"runtime"
	"time"

	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// farewellTimeout is how long an interrupted watch tries to sign out.
const farewellTimeout = 5 * time.Second

// watchFlags are what watch can be told.
type watchFlags struct {
	url, email, name string
	fromStdin, json  bool
}

func (f *watchFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.url, "url", "http://localhost:8080", "where the Gatehouse is")
	fs.StringVar(&f.email, "email", "", "e-mail `address` to sign in with")
	fs.StringVar(&f.name, "name", "", "what this device is called; the server makes a `name` by itself")
	fs.BoolVar(&f.fromStdin, "password-stdin", false, "read the password from standard input")
	fs.BoolVar(&f.json, "json", false, "print the frames of the server, one JSON object a line")
}

// watch signs in as one more device of the user and prints the devices feed, until the session ends (status 1) or the
// process is told to end; then it signs out.
func (sh *shell) watch(ctx context.Context, args []string) error {
	fs := sh.flags("watch")
	var f watchFlags
	f.define(fs)
	if _, err := sh.parse(fs, args, 0, 0); err != nil {
		return err
	}
	if at, err := url.Parse(f.url); err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return sh.wrong(fs.Name(), "--url must begin with http:// or https://")
	}
	if f.email == "" {
		return sh.wrong(fs.Name(), "--email is missing")
	}
	c := client.New(client.Config{BaseURL: f.url, UserAgent: userAgent(), DeviceName: f.name})
	session, err := sh.signIn(ctx, c, f)
	if err != nil {
		return err
	}
	v := &viewer{out: sh.out, err: sh.err, raw: f.json}
	v.begin(session, f.email)
	return v.follow(ctx, c)
}

// signIn asks for what the sign-in needs.
func (sh *shell) signIn(ctx context.Context, c *client.Client, f watchFlags) (wire.Session, error) {
	password, err := sh.password(ctx, f.fromStdin)
	if err != nil {
		return wire.Session{}, err
	}
	_, session, err := c.Login(ctx, f.email, password)
	var waiting *client.MFARequiredError
	if errors.As(err, &waiting) && sh.terminal() {
		code, asked := sh.ask(ctx, "Code: ")
		if asked != nil {
			return wire.Session{}, asked
		}
		_, session, err = c.LoginCode(ctx, waiting, code)
	}
	if err != nil {
		return wire.Session{}, fmt.Errorf("sign in: %w", err)
	}
	return session, nil
}

// follow prints what the socket hears. Its context is not ctx: an interrupted watch signs out over the open socket.
func (v *viewer) follow(ctx context.Context, c *client.Client) error {
	s := c.Connect(context.WithoutCancel(ctx), v.handlers())
	defer s.Close()
	err := s.Subscribe(ctx, wire.FeedDevices)
	if err == nil {
		select {
		case <-ctx.Done():
		case <-s.Done():
		}
	}
	switch {
	case ctx.Err() != nil:
		return v.leave(c, s)
	case s.Err() == nil:
		return errors.Join(err, v.leave(c, s))
	}
	<-s.Done()
	return v.ended(s.Err())
}

// leave signs out.
func (v *viewer) leave(c *client.Client, s *client.Socket) error {
	ctx, cancel := context.WithTimeout(context.Background(), farewellTimeout)
	defer cancel()
	err := c.Logout(ctx)
	s.Close()
	if err == nil {
		v.say("ended", "%s  signed out", v.session)
	}
	return err
}

// userAgent tells the server what this is and on what it runs.
func userAgent() string {
	system := map[string]string{"linux": "Linux", "darwin": "Macintosh", "windows": "Windows NT"}[runtime.GOOS]
	return fmt.Sprintf("gatehouse/%s (%s)", version(), system)
}
