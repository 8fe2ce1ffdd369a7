package mail

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"
)

// TestLookTriesTheServerAndSendsNothing: TLS where it is to be had, and the password.
func TestLookTriesTheServerAndSendsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		scheme   string
		security int
		password string
		secure   bool
		fails    bool
	}{
		"in the clear":   {"smtp", noTLS, "hunter2", false, false},
		"STARTTLS":       {"smtp", startTLS, "hunter2", true, false},
		"TLS":            {"smtps", directTLS, "hunter2", true, false},
		"wrong password": {"smtp", startTLS, "another", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSink(t, c.security)
			s.set(nil, c.password)
			server, err := newSMTP(link(t, c.scheme+"://gate:hunter2@"+s.addr), link(t, "https://gate.example.com"))
			if err != nil {
				t.Fatal(err)
			}
			server.roots = s.roots
			got, err := server.look(t.Context())
			if (err != nil) != c.fails || !c.fails && got.Secure != c.secure {
				t.Errorf("%+v, %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password is in %v", err)
			}
			if len(s.letters()) != 0 || len(s.offered) == 0 {
				t.Errorf("%d letters, %d passwords", len(s.letters()), len(s.offered))
			}
		})
	}
}

func TestLookDoesNotWaitForASilentServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = Look(ctx, Config{SMTP: link(t, "smtp://"+ln.Addr().String()), PublicURL: link(t, "https://gate.example.com")})
	if err == nil {
		t.Error("a server that says nothing takes mail")
	}
}
