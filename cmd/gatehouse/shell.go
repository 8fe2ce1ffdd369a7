package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/cluster/redis"
	"github.com/gatehouse-dev/gatehouse/internal/config"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/hints"
	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/rules"
)

// flags makes the flag set of a command. Its help is about the flags that it has when it is asked for.
func (sh *shell) flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet("gatehouse "+name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // parse says what is wrong, without the help
	return fs
}

// help prints the flags that fs has now, and what may stand beside them.
func (sh *shell) help(fs *flag.FlagSet, beside string) func() {
	own := flag.NewFlagSet(fs.Name(), flag.ContinueOnError)
	own.SetOutput(sh.out)
	fs.VisitAll(func(f *flag.Flag) { own.Var(f.Value, f.Name, f.Usage) })
	return func() {
		fmt.Fprintf(sh.out, "%s\n", fs.Name())
		own.PrintDefaults()
		fmt.Fprint(sh.out, beside)
	}
}

// parse reads flags wherever they stand, and returns the other arguments: between least and most of them (-1: any).
func (sh *shell) parse(fs *flag.FlagSet, args []string, least, most int) ([]string, error) {
	help := fs.Usage
	if help == nil {
		help = sh.help(fs, "")
	}
	fs.Usage = func() {}
	var rest []string
	for {
		err := fs.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			help()
			return nil, err
		}
		if err != nil {
			return nil, sh.wrong(fs.Name(), err.Error())
		}
		if fs.NArg() == 0 {
			break
		}
		rest = append(rest, fs.Arg(0))
		args = fs.Args()[1:]
	}
	switch {
	case len(rest) < least:
		return nil, sh.wrong(fs.Name(), "an argument is missing")
	case most >= 0 && len(rest) > most:
		return nil, sh.wrong(fs.Name(), "there are arguments too many")
	}
	return rest, nil
}

// settler makes the settings of a parsed command line and the environment.
type settler func(environ []string, warn func(string)) (config.Config, error)

// read parses the command line of a command that takes all settings beside its own flags.
func (sh *shell) read(fs *flag.FlagSet, args []string, least, most int) ([]string, settler, error) {
	return sh.readWith(fs, "", args, least, most)
}

// readWith is read for a command whose help says more than its flags.
func (sh *shell) readWith(fs *flag.FlagSet, help string, args []string, least, most int) ([]string, settler, error) {
	fs.Usage = sh.help(fs, help+"and all settings of gatehouse serve, as flags or variables (gatehouse serve --help)\n")
	settle := config.Flags(fs)
	rest, err := sh.parse(fs, args, least, most)
	return rest, settle, err
}

// with runs f on the opened rules.
func (sh *shell) with(ctx context.Context, settle settler, f func(*rules.Rules) error) error {
	cfg, err := settle(sh.environ, sh.warn)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(sh.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	r, err := rules.Open(ctx, cfg, time.Now, log)
	if err != nil {
		return err
	}
	bus, err := speak(cfg, r, log)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	err = f(r)
	for _, close := range []func() error{bus, r.Close} {
		if closeErr := close(); err == nil {
			err = closeErr
		}
	}
	return err
}

// speak has the nodes told of what f changes, where they are met in Redis; else they see it in the store.
func speak(cfg config.Config, r *rules.Rules, log *slog.Logger) (end func() error, err error) {
	if cfg.RedisURL == "" {
		return func() error { return nil }, nil
	}
	bus, err := redis.Open(redis.Config{URL: cfg.RedisURL, Prefix: cfg.RedisPrefix, Speaker: true, Log: log})
	if err != nil {
		return nil, fmt.Errorf("GATEHOUSE_REDIS_URL: %w", err)
	}
	r.Announce(hints.Announcer(bus, log))
	return bus.Close, nil
}

// on is read and with, for commands whose arguments need no further look.
func (sh *shell) on(ctx context.Context, fs *flag.FlagSet, args []string, least, most int, f func(r *rules.Rules, args []string) error) error {
	rest, settle, err := sh.read(fs, args, least, most)
	if err != nil {
		return err
	}
	return sh.with(ctx, settle, func(r *rules.Rules) error { return f(r, rest) })
}

func (sh *shell) warn(what string) { fmt.Fprintln(sh.err, "gatehouse: warning:", what) }

// findUser is the user with the id or address.
func findUser(ctx context.Context, r *rules.Rules, who string) (account.User, error) {
	var u account.User
	var err error
	if id.Is(id.User, who) {
		u, err = r.Store.User(ctx, who)
	} else {
		var email string
		if email, err = account.NormalEmail(who); err == nil {
			u, err = r.Store.UserByEmail(ctx, email)
		}
	}
	if fault.CodeOf(err) == "not_found" {
		return u, fmt.Errorf("there is no user %s", who)
	}
	return u, err
}

// oneLine is an error as a person reads it.
func oneLine(err error) string {
	if f := fault.As(err); f.Kind != fault.Internal && f.Detail != "" && f.Err == nil {
		return f.Detail
	}
	return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
}
