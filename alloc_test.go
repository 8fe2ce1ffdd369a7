//go:build !race

package gatehouse

import (
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/gatehouse-dev/gatehouse/hub"
	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/session"
)

// TestAuthenticationAllocatesLittle: what a handshake asks of the rules, with limits counted and traces left.
func TestAuthenticationAllocatesLittle(t *testing.T) {
	const most = 4 // three for the token, and the address as text
	cfg, err := Configure([]string{"--store=sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db"), "--mail-dir=" + t.TempDir()}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := Open(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	user, err := g.rules.Accounts.Create(t.Context(), account.New{Email: "ada@example.com", Password: "rosenkohl und wermut", Roles: []string{"user"}, Verified: true})
	if err != nil {
		t.Fatal(err)
	}
	in, err := g.rules.Sessions.Start(t.Context(), session.Start{User: user, Transport: session.Body, Name: "Laptop", AMR: []string{"pwd"}, AAL: 1})
	if err != nil {
		t.Fatal(err)
	}
	auth := authenticator{g}
	r := httptest.NewRequest("GET", "/ws", nil)
	c := hub.Credential{Kind: hub.Token, Value: in.AccessToken, Request: r, Addr: netip.MustParseAddr("192.0.2.7"), UserAgent: "test"}
	n := testing.AllocsPerRun(100, func() {
		p, err := auth.Authenticate(t.Context(), c)
		if err == nil && auth.Admit(r) == nil {
			_, err = auth.Standing(p)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if n > most {
		t.Errorf("authentication allocates %v times, more than %d", n, most)
	}
}
