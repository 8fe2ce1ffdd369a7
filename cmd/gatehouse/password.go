package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"
)

// Passwords are read from standard input or asked for, and are no arguments: those are for all to see.

// password is one that somebody has.
func (sh *shell) password(ctx context.Context, fromStdin bool) (string, error) {
	switch {
	case fromStdin:
		return sh.readLine()
	case sh.terminal():
		return sh.ask(ctx, "Password: ")
	}
	return "", errors.New("there is no terminal to ask for the password: use --password-stdin")
}

// newPassword is asked for twice. Without a terminal it is generated.
func (sh *shell) newPassword(ctx context.Context, fromStdin bool) (password string, generated bool, err error) {
	if !fromStdin && !sh.terminal() {
		return rand.Text(), true, nil
	}
	password, err = sh.password(ctx, fromStdin)
	if err != nil || fromStdin {
		return password, false, err
	}
	again, err := sh.ask(ctx, "Again: ")
	if err == nil && again != password {
		err = errors.New("the two are not the same")
	}
	return password, false, err
}

func (sh *shell) terminal() bool { return term.IsTerminal(int(sh.in.Fd())) }

// ask reads a line from the terminal without showing it. An interrupted process leaves the terminal as it was.
func (sh *shell) ask(ctx context.Context, prompt string) (string, error) {
	fd := int(sh.in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("ask at the terminal: %w", err)
	}
	fmt.Fprint(sh.err, prompt)
	defer fmt.Fprintln(sh.err)
	type answer struct {
		text []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() { // ends with the line or with the process
		text, err := term.ReadPassword(fd)
		typed <- answer{text, err}
	}()
	select {
	case a := <-typed:
		return string(a.text), a.err
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}

func (sh *shell) readLine() (string, error) {
	line, err := bufio.NewReader(sh.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return "", errors.New("standard input has no password")
	}
	return line, nil
}
