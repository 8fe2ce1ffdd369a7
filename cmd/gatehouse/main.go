// Command gatehouse serves, and works on a Gatehouse's store from the shell.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `gatehouse signs people in, shows which of their devices are here, and signs them out at once.

  gatehouse serve                     serve the API, the sockets and the pages (serve --help lists all settings)
  gatehouse user create --email ADDRESS [--name NAME] [--role ROLE] [--password-stdin]
  gatehouse user list [--q TEXT] [--role ROLE] [--json]
  gatehouse user disable|enable ADDRESS-OR-ID [--reason TEXT] [--message TEXT]
  gatehouse user roles ADDRESS-OR-ID [ROLE…]
  gatehouse user import FILE|-        users as JSON lines; user export writes them
  gatehouse user export
  gatehouse session list [--user ADDRESS-OR-ID] [--json]
  gatehouse session end ID [--reason TEXT] [--message TEXT]
  gatehouse keys list|rotate          the keys that sign access tokens
  gatehouse keys reseal               seal everything anew, so that the previous secret can go
  gatehouse store copy --from URL --to URL
                                      move everything into another store, SQLite or MongoDB
  gatehouse store backup FILE         copy a SQLite store while it is served
  gatehouse doctor [--json]           say what is wrong with the settings and what they name, and what to do
  gatehouse watch --email ADDRESS [--url URL] [--name DEVICE] [--password-stdin] [--json]
                                      sign in as one more device and watch all of them live
  gatehouse seed --users N --sessions-per-user M --out FILE
                                      make users with tokens, for load tests
  gatehouse version

Commands other than serve and watch work on the store itself, by the same settings as serve: variables or flags.
COMMAND --help tells the flags of a command.
`

// interrupted is the exit status of what a signal cut short, as shells have it.
const interrupted = 130

// shell is what a command works with.
type shell struct {
	environ     []string
	in          *os.File
	out, err    io.Writer
	interrupted <-chan os.Signal
}

// errUsage ends with status 2, errSaid with 1; what is wrong has been said.
var (
	errUsage = errors.New("usage")
	errSaid  = errors.New("failed")
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	sh := &shell{environ: os.Environ(), in: os.Stdin, out: os.Stdout, err: os.Stderr, interrupted: signals}
	os.Exit(sh.run(os.Args[1:]))
}

// run is the exit status: 1 for a failure, 2 for wrong usage.
func (sh *shell) run(args []string) int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		<-sh.interrupted
		stop()
		<-sh.interrupted
		os.Exit(interrupted) // a second signal does not wait
	}()
	err := sh.command(ctx, args)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errSaid):
		return 1
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return interrupted
	}
	fmt.Fprintln(sh.err, "gatehouse:", oneLine(err))
	return 1
}

func (sh *shell) command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return sh.misused("a command is missing")
	}
	name, rest := args[0], args[1:]
	switch name {
	case "serve":
		return sh.serve(ctx, rest)
	case "user":
		return sh.sub(ctx, name, rest, map[string]func(context.Context, []string) error{
			"create": sh.userCreate, "list": sh.userList, "roles": sh.userRoles, "disable": sh.userDisable, "enable": sh.userEnable,
			"import": sh.userImport, "export": sh.userExport,
		})
	case "session":
		return sh.sub(ctx, name, rest, map[string]func(context.Context, []string) error{"list": sh.sessionList, "end": sh.sessionEnd})
	case "keys":
		return sh.sub(ctx, name, rest, map[string]func(context.Context, []string) error{
			"list": sh.keysList, "rotate": sh.keysRotate, "reseal": sh.keysReseal,
		})
	case "store":
		return sh.sub(ctx, name, rest, map[string]func(context.Context, []string) error{"copy": sh.storeCopy, "backup": sh.storeBackup})
	case "doctor":
		return sh.doctor(ctx, rest)
	case "watch":
		return sh.watch(ctx, rest)
	case "seed":
		return sh.seed(ctx, rest)
	case "version", "--version":
		fmt.Fprintln(sh.out, "gatehouse", version())
		return nil
	case "help", "--help", "-h":
		fmt.Fprint(sh.out, usage)
		return nil
	}
	return sh.misused(fmt.Sprintf("there is no command %q", name))
}

func (sh *shell) sub(ctx context.Context, group string, args []string, commands map[string]func(context.Context, []string) error) error {
	if len(args) > 0 {
		if run, ok := commands[args[0]]; ok {
			return run(ctx, args[1:])
		}
	}
	return sh.misused(group + " needs one of its commands")
}

func (sh *shell) misused(what string) error {
	fmt.Fprintf(sh.err, "gatehouse: %s\n\n%s", what, usage)
	return errUsage
}

// wrong is misused for a command that is known.
func (sh *shell) wrong(command, what string) error {
	fmt.Fprintf(sh.err, "%s: %s; see %s --help\n", command, what, command)
	return errUsage
}
