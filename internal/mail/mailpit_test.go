package mail

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// mailpit is the version that is run where none is installed and tests must be complete.
const mailpit = "github.com/axllent/mailpit@v1.33.1"

// startMailpit runs a real mail server that keeps what it gets, and answers about it over HTTP.
func startMailpit(t *testing.T) (server, api string) {
	t.Helper()
	server, web := freeAddr(t), freeAddr(t)
	args := []string{"--smtp", server, "--listen", web, "--disable-version-check", "--quiet"}
	cmd := exec.Command("mailpit", args...)
	if _, err := exec.LookPath("mailpit"); err != nil {
		if os.Getenv("CI") == "" {
			t.Skip("mailpit is not installed (go install " + mailpit + ")")
		}
		cmd = exec.Command("go", append([]string{"run", mailpit}, args...)...)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what go run runs too
		_ = cmd.Wait()
	})
	waitFor(t, "http://"+web+"/readyz")
	return server, "http://" + web + "/api/v1"
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// waitFor asks until it is answered well; to build it may take minutes.
func waitFor(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			t.Fatalf("%s does not answer", url)
		case <-tick.C:
		}
		resp, err := http.Get(url)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
	}
}

func get(t *testing.T, url string, into any) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
}

// TestLettersArriveAtARealServer sends one of each kind, by the queue.
func TestLettersArriveAtARealServer(t *testing.T) {
	server, api := startMailpit(t)
	l := toAddr(t, nil, "smtp://"+server)
	u := l.user(func(u *account.User) {
		u.Disabled, u.Identities = true, []account.Identity{{Provider: full(Identity).Provider, Subject: "1"}}
	})
	pool := &outbox.Pool{Service: l.Outbox, Log: l.Log, Lanes: map[string]outbox.Lane{outbox.Mail: {Handler: l.Service, Timeout: TryTimeout}}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- pool.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for kind, k := range kinds {
		x := full(kind)
		x.Token = ""
		if x.UserID = u.ID; k.page != "" {
			x.Purpose, x.Token = kind, l.give(kind)
		}
		_, err := l.Post(t.Context(), x, 0)
		l.must(err)
	}
	var box struct {
		Total    int `json:"total"`
		Messages []struct{ ID, MessageID, Subject string }
	}
	for deadline := time.Now().Add(time.Minute); box.Total < len(kinds) && time.Now().Before(deadline); {
		get(t, api+"/messages?limit=100", &box)
	}
	if box.Total != len(kinds) {
		var subjects []string
		for _, m := range box.Messages {
			subjects = append(subjects, m.Subject)
		}
		t.Fatalf("%d letters of %d arrived: %q", box.Total, len(kinds), subjects)
	}
	for _, m := range box.Messages {
		var whole struct{ Text, HTML string }
		get(t, api+"/message/"+m.ID, &whole)
		if m.Subject == "" || !strings.HasPrefix(m.MessageID, "job_") || !strings.HasPrefix(whole.Text, "Hello") || !strings.Contains(whole.HTML, "https://gate.example.com") {
			t.Errorf("%q is %q:\n%s", m.MessageID, m.Subject, whole.Text)
		}
	}
}
