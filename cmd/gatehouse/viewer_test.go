package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

func TestLineTellsWhatIsKnown(t *testing.T) {
	cli := wire.Device{Browser: "gatehouse CLI", OS: "Linux"}
	for want, s := range map[string]wire.Session{
		"ses_1  Lamp": {ID: "ses_1", Name: "Lamp"},
		"ses_1  gatehouse CLI on Linux, 192.0.2.1": {ID: "ses_1", Name: "gatehouse CLI on Linux", Device: cli, IP: "192.0.2.1"},
		"ses_1  Lamp, gatehouse CLI on Linux, Oslo, NO, 2 connections, this device": {ID: "ses_1", Name: "Lamp", Device: cli,
			Location: &wire.Location{City: "Oslo", Country: "NO"}, Online: true, Connections: 2, Current: true},
		"ses_1  Lamp, NO, kicked": {ID: "ses_1", Name: "Lamp", Location: &wire.Location{Country: "NO"}, EndReason: "kicked"},
	} {
		if got := line(s); got != want {
			t.Errorf("line = %q, want %q", got, want)
		}
	}
}

func TestEndTellsWho(t *testing.T) {
	for want, by := range map[string]wire.By{
		"ended     ses_1  kicked by this device: bye\n":             {Kind: wire.BySelf},
		"ended     ses_1  kicked by your device Lamp: bye\n":        {Kind: wire.ByUser, Name: "Lamp"},
		"ended     ses_1  kicked by another of your devices: bye\n": {Kind: wire.ByUser},
		"ended     ses_1  kicked by admin Bo: bye\n":                {Kind: wire.ByAdmin, Name: "Bo"},
		"ended     ses_1  kicked by system: bye\n":                  {Kind: wire.BySystem},
		"ended     ses_1  kicked: bye\n":                            {},
	} {
		var out bytes.Buffer
		v := &viewer{out: &out, session: "ses_1"}
		err := v.ended(&client.EndedError{Reason: "kicked", By: by, Message: "bye"})
		if out.String() != want || !errors.Is(err, errSaid) {
			t.Errorf("said %q and failed with %v, want %q", out.String(), err, want)
		}
	}
}

func TestLossTellsWhatHappened(t *testing.T) {
	for want, err := range map[string]error{
		"unavailable; again in 1.5s":           fmt.Errorf("connect: %w", &client.Error{Status: 503, Code: "unavailable"}),
		"closed (1012) restart; again in 1.5s": &client.CloseError{Code: 1012, Reason: "restart", Err: io.EOF},
		"EOF; again in 1.5s":                   fmt.Errorf("read: %w", fmt.Errorf("frame: %w", io.EOF)),
	} {
		if got := lost(err, 1512*time.Millisecond); got != want {
			t.Errorf("lost = %q, want %q", got, want)
		}
	}
}

// TestNobodyElseControlsTheTerminal: names and messages come from other devices.
func TestNobodyElseControlsTheTerminal(t *testing.T) {
	var out bytes.Buffer
	v := &viewer{out: &out}
	v.say("message", "%s", "a\x1b[2Jb\nc\u009bd")
	if out.String() != "message   a [2Jb c d\n" {
		t.Errorf("said %q", out.String())
	}
}

// TestWatchOfNoSessionFails: what ends it without an end of the session is told by the error.
func TestWatchOfNoSessionFails(t *testing.T) {
	var out bytes.Buffer
	v := &viewer{out: &out, err: &out}
	err := v.follow(context.Background(), client.New(client.Config{BaseURL: "http://127.0.0.1:1"}))
	if !errors.Is(err, client.ErrSignedOut) || out.Len() > 0 {
		t.Errorf("failed with %v and said %q", err, out.String())
	}
}
