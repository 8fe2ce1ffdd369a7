package load_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/bench/load"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

func TestMain(m *testing.M) {
	load.HoldIfAsked()
	os.Exit(m.Run())
}

const (
	admin    = "admin@example.com"
	password = "rosenkohl und wermut"
)

type seeded struct {
	UserID      string `json:"user_id"`
	SessionID   string `json:"session_id"`
	AccessToken string `json:"access_token"`
}

// open is a server with users and an admin, and a caller.
func open(t *testing.T, users int) (*servertest.Server, *load.Caller, []seeded) {
	t.Helper()
	bin, err := servertest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	house := servertest.House{Bin: bin, Data: t.TempDir()}
	file := filepath.Join(t.TempDir(), "tokens")
	house.Run(t, "", "seed", "--users", fmt.Sprint(users), "--out", file)
	house.Run(t, password, "user", "create", "--email", admin, "--role", "admin", "--password-stdin")
	server := house.Serve(t)
	caller, err := load.NewCaller(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(caller.Close)
	lines, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var sessions []seeded
	for line := range strings.Lines(string(lines)) {
		var s seeded
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
	}
	return server, caller, sessions
}

func signIn(t *testing.T, c *load.Caller) (token string) {
	t.Helper()
	body, err := c.Do(load.Request{Method: "POST", Path: "/auth/login", Body: fmt.Sprintf(`{"email":%q,"password":%q,"transport":"body"}`, admin, password)})
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		t.Fatal(err)
	}
	return in.AccessToken
}

// What is measured with this client is what a person would see: sockets of this process and of others are open, hear
// messages, and see their end.
func TestClientAgainstAServer(t *testing.T) {
	const held = 20
	server, caller, sessions := open(t, held+1)
	token := signIn(t, caller)
	wants := make([]load.Want, len(sessions))
	for i, s := range sessions {
		wants[i] = load.Want{URL: server.URL, Token: s.AccessToken}
	}
	crowd, err := load.Gather(load.Gatehouse, wants[:held])
	if err != nil {
		t.Fatal(err)
	}
	k, err := load.Dial(load.Gatehouse, server.URL, sessions[held].AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Cut()
	hears(t, k, caller, token, sessions[held].UserID)
	for _, s := range sessions[held-1:] {
		if _, err := caller.Do(load.Request{Method: "DELETE", Path: "/admin/sessions/" + s.SessionID, Token: token}); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, err := k.Closed(); code != 4502 || err != nil {
		t.Errorf("closed with %d, %v", code, err)
	}
	servertest.Eventually(t, "the others are open", func() bool {
		body, err := caller.Do(load.Request{Method: "GET", Path: "/admin/stats", Token: token})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(body), fmt.Sprintf(`"connections":%d`, held-1))
	})
	if lost, err := crowd.Disperse(); lost != 1 || err != nil {
		t.Errorf("%d sockets were lost, %v", lost, err)
	}
}

func hears(t *testing.T, k *load.Socket, caller *load.Caller, token, user string) {
	t.Helper()
	body := `{"name":"news","data":"` + strings.Repeat("x", 2000) + `"}`
	if _, err := caller.Do(load.Request{Method: "POST", Path: "/admin/users/" + user + "/messages", Token: token, Body: body}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Until(`"news"`, "xxxx"); err != nil {
		t.Fatal(err)
	}
}

// A server that refuses is told from one that is not there.
func TestRefusalIsTold(t *testing.T) {
	server, _, _ := open(t, 1)
	if _, err := load.Dial(load.Gatehouse, server.URL, "nonsense"); err == nil || !strings.Contains(err.Error(), "not ready") {
		t.Errorf("a socket with a bad token: %v", err)
	}
	if _, err := load.Gather(load.Gatehouse, []load.Want{{URL: server.URL, Token: "nonsense"}}); err == nil || !strings.Contains(err.Error(), "not ready") {
		t.Errorf("a crowd with a bad token: %v", err)
	}
}
