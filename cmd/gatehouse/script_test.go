package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"gatehouse": main}) }

// TestScripts runs the command as people do, each script in an empty folder.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GATEHOUSE_LISTEN", "127.0.0.1:0")
			env.Setenv("GATEHOUSE_DRAIN_WINDOW", "1s")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each command takes a second more
			return nil
		},
		Condition: condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "await": await, "let": let, "within": within,
		},
	})
}

// condition knows [race]: the detector makes everything slower.
func condition(name string) (bool, error) {
	info, ok := debug.ReadBuildInfo()
	if name != "race" || !ok {
		return false, fmt.Errorf("unknown condition %s", name)
	}
	return slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}), nil
}

// status N COMMAND… runs a command that must end with exactly that status.
func status(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got, exit := 0, &exec.ExitError{}
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("status %d, want %d", got, want)
	}
}

// within DURATION COMMAND… runs a command that must succeed in that time.
func within(ts *testscript.TestScript, _ bool, args []string) {
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	began := time.Now()
	ts.Check(ts.Exec(args[1], args[2:]...))
	took := time.Since(began)
	ts.Logf("took %s", took)
	if took > limit {
		ts.Fatalf("took %s, want at most %s", took, limit)
	}
}

// await FILE PATTERN waits until another process has written what matches.
func await(ts *testscript.TestScript, _ bool, args []string) {
	pattern := compile(ts, args[1])
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if pattern.Match(text) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			ts.Fatalf("%s does not come to match %s: %v\n%s", args[0], args[1], err, text)
		}
	}
}

// let NAME FILE PATTERN sets a variable to what the pattern's group matches.
func let(ts *testscript.TestScript, _ bool, args []string) {
	found := compile(ts, args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if found == nil {
		ts.Fatalf("%s does not match %s", args[1], args[2])
	}
	ts.Setenv(args[0], found[1])
}

func compile(ts *testscript.TestScript, pattern string) *regexp.Regexp {
	re, err := regexp.Compile("(?m)" + pattern)
	ts.Check(err)
	return re
}
