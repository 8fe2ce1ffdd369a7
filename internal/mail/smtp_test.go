package mail

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	gomail "github.com/wneessen/go-mail"

	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// to opens mail that goes to the server of the URL.
func to(t *testing.T, s *sink, scheme, userinfo string) *lab {
	t.Helper()
	return toAddr(t, s, scheme+"://"+userinfo+s.addr)
}

func toAddr(t *testing.T, s *sink, server string) *lab {
	t.Helper()
	l := open(t, func(c *Config) { c.SMTP = link(t, server) })
	if s != nil && s.roots != nil {
		l.carrier.(*smtpServer).roots = s.roots
	}
	return l
}

func (l *lab) letter() outbox.Task {
	l.t.Helper()
	return l.post(Letter{Kind: Invitation, To: "zoe@example.com", Name: "Zoë", Purpose: "invite", Token: l.give("invite")})
}

func TestLetterGoesOverSMTP(t *testing.T) {
	for _, tt := range []struct {
		name, scheme, userinfo string
		security               int
		tls                    bool
	}{
		{"plain", "smtp", "", noTLS, false},
		{"STARTTLS when offered", "smtp", "", startTLS, true},
		{"TLS from the start", "smtps", "", directTLS, true},
		{"password in the clear, to this machine", "smtp", "gate:hunter2@", noTLS, false},
		{"password by STARTTLS", "smtp", "gate:hunter2@", startTLS, true},
		{"password by TLS", "smtps", "gate:hunter2@", directTLS, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSink(t, tt.security)
			s.set(nil, "hunter2")
			l := to(t, s, tt.scheme, tt.userinfo)
			task := l.letter()
			for range 2 { // the answer to the first got lost
				if err := l.Run(t.Context(), task); err != nil {
					t.Fatal(err)
				}
			}
			got := s.letters()
			if len(got) != 2 {
				t.Fatalf("%d letters", len(got))
			}
			user, _, _ := strings.Cut(tt.userinfo, ":")
			first := got[0]
			if first.from != "no-reply@gate.example.com" || first.to != "zoe@example.com" || first.tls != tt.tls || first.user != user || first.helo != "gate.example.com" {
				t.Errorf("from %q to %q as %q by %q, TLS %v", first.from, first.to, first.user, first.helo, first.tls)
			}
			a, b := read(t, first.raw), read(t, got[1].raw)
			if a.header.Get("Message-ID") != "<"+task.ID+"@gate.example.com>" || a.header.Get("Message-ID") != b.header.Get("Message-ID") ||
				a.header.Get("Date") != b.header.Get("Date") || a.text != b.text {
				t.Errorf("the second try is another letter: %v, %v", a.header, b.header)
			}
			if !strings.Contains(a.text, "Hello Zoë,") || !strings.Contains(a.text, "/reset#token=gho_") || !strings.Contains(a.html, "/reset#token=gho_") {
				t.Errorf("it says\n%s\n%s", a.text, a.html)
			}
			if logged := l.log.String(); strings.Contains(logged, "gho_") || strings.Contains(logged, "hunter2") {
				t.Errorf("logged %s", logged)
			}
			if _, err := os.Stat(l.cfg.Dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("there is a folder of files too: %v", err)
			}
		})
	}
}

// TestServerThatCannotBeTrustedGetsNothing: a STARTTLS that is offered has to be good.
func TestServerThatCannotBeTrustedGetsNothing(t *testing.T) {
	for scheme, security := range map[string]int{"smtp": startTLS, "smtps": directTLS} {
		s := newSink(t, security)
		l := toAddr(t, nil, scheme+"://gate:hunter2@"+s.addr)
		err := l.Run(t.Context(), l.letter())
		if err == nil || len(s.letters()) != 0 || len(s.offered) != 0 || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %d letters, %d passwords, %v", scheme, len(s.letters()), len(s.offered), err)
		}
	}
}

func TestPasswordGoesInTheClearToThisMachineOnly(t *testing.T) {
	for server, want := range map[string]gomail.SMTPAuthType{
		"smtp://u:p@localhost:1025": gomail.SMTPAuthPlainNoEnc, "smtp://u:p@127.0.0.1": gomail.SMTPAuthPlainNoEnc, "smtp://u:p@[::1]:25": gomail.SMTPAuthPlainNoEnc,
		"smtp://u:p@mail.example.com": gomail.SMTPAuthAutoDiscover, "smtps://u:p@localhost": gomail.SMTPAuthAutoDiscover, "smtp://u:p@10.0.0.1": gomail.SMTPAuthAutoDiscover,
	} {
		s, err := newSMTP(link(t, server), link(t, "https://gate.example.com"))
		if err != nil || s.auth() != want {
			t.Errorf("%s: by %s, %v", server, s.auth(), err)
		}
	}
}

func TestPortsAndNamesOfServers(t *testing.T) {
	for _, tt := range []struct {
		server, public string
		port           int
		helo           string
	}{
		{"smtp://mail.example.com", "https://gate.example.com", 587, "gate.example.com"},
		{"smtps://mail.example.com", "http://localhost:8080", 465, "localhost"},
		{"smtp://mail.example.com:2525", "http://127.0.0.1:8080", 2525, "[127.0.0.1]"},
		{"smtps://[2001:db8::1]:1", "http://[::1]:8080", 1, "[IPv6:::1]"},
	} {
		s, err := newSMTP(link(t, tt.server), link(t, tt.public))
		if err != nil || s.port != tt.port || s.helo != tt.helo {
			t.Errorf("%s from %s: port %d as %s, %v", tt.server, tt.public, s.port, s.helo, err)
		}
	}
	if _, err := newSMTP(&url.URL{Scheme: "smtp", Host: "mail.example.com:99999"}, link(t, "https://gate.example.com")); err == nil {
		t.Error("a port beyond all ports is taken")
	}
}

func TestRefusalsAreFinalWhereNoTryCanMendThem(t *testing.T) {
	s := newSink(t, noTLS)
	l := to(t, s, "smtp", "")
	for _, tt := range []struct {
		answer *smtp.SMTPError
		final  bool
	}{
		{&smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "zoe@example.com is unknown"}, true},
		{&smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 1, 3}, Message: "bad"}, true},
		{&smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "no relaying"}, false},
		{&smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 2, 2}, Message: "mailbox full"}, false},
		{&smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}, false},
	} {
		s.set(tt.answer, "")
		err := l.Run(t.Context(), l.letter())
		if err == nil || !strings.Contains(err.Error(), "answered "+strconv.Itoa(tt.answer.Code)) || strings.Contains(err.Error(), "zoe@") {
			t.Errorf("%d: %v", tt.answer.Code, err)
		}
		if final := outbox.IsPermanent(err); final != tt.final {
			t.Errorf("%d: final is %v", tt.answer.Code, final)
		}
	}
}

func TestWrongPasswordIsNotRepeated(t *testing.T) {
	s := newSink(t, noTLS)
	s.set(nil, "another")
	l := to(t, s, "smtp", "gate:hunter2@")
	err := l.Run(t.Context(), l.letter())
	if err == nil || strings.Contains(err.Error(), "hunter2") || outbox.IsPermanent(err) || len(s.letters()) != 0 {
		t.Errorf("%d letters, %v", len(s.letters()), err)
	}
}

// TestServerThatHangsIsLeft: before its greeting, and in the middle of a letter.
func TestServerThatHangsIsLeft(t *testing.T) {
	for _, script := range [][]string{nil, {"220 hello"}, {"220 hello", "250 gate"}, {"220 hello", "250 gate", "250 from", "250 to"}} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		stuck := make(chan struct{})
		go func() {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			buf := make([]byte, 1024)
			for i, answer := range script {
				if i > 0 {
					_, _ = conn.Read(buf)
				}
				_, _ = conn.Write([]byte(answer + "\r\n"))
			}
			close(stuck)
			for err == nil { // until the other side hangs up
				_, err = conn.Read(buf)
			}
		}()
		l := toAddr(t, nil, "smtp://"+ln.Addr().String())
		ctx, cancel := context.WithCancel(t.Context())
		task := l.letter()
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx, task) }()
		<-stuck
		cancel()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("after %d answers: %v", len(script), err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("after %d answers: hangs with it", len(script))
		}
		_ = ln.Close()
	}
}

func TestServerThatIsNotThereFailsTheTry(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	l := toAddr(t, nil, "smtp://gate:hunter2@"+ln.Addr().String())
	if err := l.Run(t.Context(), l.letter()); err == nil || strings.Contains(err.Error(), "hunter2") || outbox.IsPermanent(err) {
		t.Error(err)
	}
}
