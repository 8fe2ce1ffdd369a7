package config

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Load reads the settings: flags, which go before the environment, and environ in the form of os.Environ. An empty
// variable counts as unset. warn, which may be nil, is told about GATEHOUSE_ variables that nobody knows.
// An error is one line that names the variable and repeats no value; flag.ErrHelp means that --help was asked.
func Load(args, environ []string, warn func(string)) (Config, error) {
	fs := flag.NewFlagSet("gatehouse", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	finish := Flags(fs)
	if err := fs.Parse(args); err != nil {
		return Config{}, err
	}
	if fs.NArg() > 0 {
		return Config{}, fmt.Errorf("there are %d arguments too many", fs.NArg())
	}
	return finish(environ, warn)
}

// Flags gives fs a flag for every variable, for commands that have flags of their own. What it returns reads the
// settings once fs is parsed, as Load does.
func Flags(fs *flag.FlagSet) (finish func(environ []string, warn func(string)) (Config, error)) {
	flags := make(map[string]string)
	for _, v := range table {
		fs.Func(v.flag(), v.help, func(value string) error {
			flags[v.name] = value
			return nil
		})
	}
	return func(environ []string, warn func(string)) (Config, error) {
		return given{flags, environment(environ, warn)}.config()
	}
}

// Usage writes the table for --help.
func Usage(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "Variable\tFlag\tDefault\tMeaning")
	for _, v := range table {
		shown := v.value
		if v.shown != "" {
			shown = v.shown
		}
		fmt.Fprintf(tw, "%s\t--%s\t%s\t%s\n", v.env(), v.flag(), shown, v.help)
	}
	return tw.Flush()
}

// given is what was said, by variable name without prefix.
type given struct {
	flags, env map[string]string
}

// environment picks the variables that the table knows.
func environment(environ []string, warn func(string)) map[string]string {
	known := make(map[string]bool, len(table))
	for _, v := range table {
		known[v.name] = true
	}
	env := make(map[string]string)
	for _, entry := range environ {
		key, value, _ := strings.Cut(entry, "=")
		name, ours := strings.CutPrefix(key, prefix)
		switch {
		case !ours, strings.HasPrefix(name, "TEST_"):
		case known[name]:
			env[name] = value
		case warn != nil:
			warn("unknown variable " + key)
		}
	}
	return env
}

// value is what was given for a variable, else its default.
func (g given) value(v variable) string {
	value, byFlag := g.flags[v.name]
	if !byFlag {
		value = g.env[v.name]
	}
	if value == "" {
		return v.value
	}
	return value
}

// name is what an error calls a variable: as its author wrote it.
func (g given) name(name string) string {
	v := variable{name: name}
	if _, byFlag := g.flags[name]; byFlag {
		return fmt.Sprintf("--%s (%s)", v.flag(), v.env())
	}
	return v.env()
}

// config reads each variable by itself, then fills in and checks what depends on several.
func (g given) config() (Config, error) {
	var c Config
	for _, v := range table {
		value := g.value(v)
		if value == "" {
			continue
		}
		if err := v.set(&c, value); err != nil {
			return Config{}, fmt.Errorf("%s %w", g.name(v.name), err)
		}
	}
	g.follow(&c)
	if err := g.check(c); err != nil {
		return Config{}, err
	}
	return c, nil
}
