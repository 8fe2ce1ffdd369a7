package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// viewer prints a watch, one line for each thing that happens. The first word of a line says what.
type viewer struct {
	out, err io.Writer
	raw      bool // the frames themselves
	session  string
	was      bool     // connected before
	roles    []string // as last heard
}

func (v *viewer) begin(s wire.Session, email string) {
	v.session = s.ID
	v.say("watching", "%s  %s, signed in as %s", s.ID, s.Name, email)
}

func (v *viewer) handlers() client.Handlers {
	if v.raw {
		return client.Handlers{
			Disconnected: func(err error, retry time.Duration) {
				fmt.Fprintln(v.err, "gatehouse: connection lost:", lost(err, retry))
			},
			Frame: func(_ string, frame json.RawMessage) { fmt.Fprintf(v.out, "%s\n", frame) },
		}
	}
	return client.Handlers{
		Connected:    v.connected,
		Disconnected: func(err error, retry time.Duration) { v.say("lost", "%s", lost(err, retry)) },
		Devices:      v.devices,
		Message:      func(m wire.Message) { v.say("message", "%s  %s %s", from(m.From), m.Name, m.Data) },
		Authority:    v.authority,
		Error:        func(err *client.Error) { v.say("refused", "%s", err) },
	}
}

func (v *viewer) connected(w wire.Welcome) {
	if v.was {
		v.say("back", "connected again")
	}
	v.was, v.roles = true, w.User.Roles
}

func (v *viewer) authority(roles []string) {
	if !slices.Equal(roles, v.roles) {
		v.roles = roles
		v.say("roles", "%s", strings.Join(roles, ", "))
	}
}

func (v *viewer) devices(list []wire.Session, change *wire.DevicesChanged) {
	if change != nil {
		v.say(change.Change, "%s", line(change.Device))
		return
	}
	v.say("devices", "%d", len(list))
	for _, s := range list {
		state := "  offline"
		if s.Online {
			state = "  online"
		}
		v.say(state, "%s", line(s))
	}
}

// line is one device: its session, its name and what is known of it.
func line(s wire.Session) string {
	known := []string{s.Name}
	if runs := strings.Join(filled(s.Device.Browser, s.Device.OS), " on "); runs != s.Name {
		known = append(known, filled(runs)...)
	}
	known = append(known, filled(s.IP)...)
	if s.Location != nil {
		known = append(known, filled(s.Location.City, s.Location.Country)...)
	}
	if s.Online && s.Connections != 1 {
		known = append(known, fmt.Sprint(s.Connections, " connections"))
	}
	if s.Current {
		known = append(known, "this device")
	}
	return s.ID + "  " + strings.Join(append(known, filled(s.EndReason)...), ", ")
}

// filled are the texts that are not empty.
func filled(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}

// from says who sent a message.
func from(f wire.From) string {
	if f.SessionID != "" {
		return f.SessionID
	}
	return f.UserID
}

// lost says why a connection is gone and when it is tried again.
func lost(err error, retry time.Duration) string {
	var said *client.Error
	var closed *client.CloseError
	switch {
	case errors.As(err, &closed):
		err = closed
	case errors.As(err, &said):
		err = said
	default:
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			err = cause // the innermost says what happened, the others only where
		}
	}
	return fmt.Sprintf("%v; again in %s", err, retry.Round(100*time.Millisecond))
}

// ended says how the session ended, and is the failure.
func (v *viewer) ended(err error) error {
	var end *client.EndedError
	if !errors.As(err, &end) || v.raw {
		return err
	}
	text := end.Reason
	if who := by(end.By); who != "" {
		text += " by " + who
	}
	if end.Message != "" {
		text += ": " + end.Message
	}
	v.say("ended", "%s  %s", v.session, text)
	return errSaid
}

func by(b wire.By) string {
	switch {
	case b.Kind == wire.BySelf:
		return "this device"
	case b.Kind == wire.ByUser && b.Name != "":
		return "your device " + b.Name
	case b.Kind == wire.ByUser:
		return "another of your devices"
	case b.Name != "":
		return b.Kind + " " + b.Name
	}
	return b.Kind
}

// say prints a line. What others wrote cannot control the terminal.
func (v *viewer) say(what, format string, args ...any) {
	if v.raw {
		return
	}
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, fmt.Sprintf(format, args...))
	fmt.Fprintf(v.out, "%-9s %s\n", what, text)
}
