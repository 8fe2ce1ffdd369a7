package webhook_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

func TestWebhooksToPrivateAddressesAreRefused(t *testing.T) {
	l := open(t, false)
	for _, url := range []string{
		"http://127.0.0.1/", "http://127.0.0.1:8080/", "http://10.1.2.3", "https://172.16.0.1/", "https://192.168.1.1/x", "http://169.254.169.254/latest",
		"http://0.0.0.0/", "http://[::1]/", "http://[::]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fd00::1]/", "http://[::ffff:127.0.0.1]/",
		"http://[64:ff9b::10.0.0.1]/", "http://[2002:7f00:1::]/", "http://100.64.0.1/", "http://255.255.255.255/", "http://224.0.0.1/",
		"http://localhost/", "http://LOCALHOST./", "http://x.localhost:1/",
	} {
		_, _, err := l.Create(t.Context(), admin, url, []string{webhook.SessionEnded})
		if f := fault.As(err); f.Kind != fault.Invalid || f.Code != "validation_failed" || f.Fields["url"] == "" {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"https://192.0.2.1/hook", "http://[2001:db8::1]:8080/?a=b", "https://hooks.invalid/x"} {
		if _, _, err := l.Create(t.Context(), admin, url, []string{webhook.SessionEnded}); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestWebhookURLIsChecked(t *testing.T) {
	l := open(t, true)
	for _, url := range []string{
		"", "x", "/hook", "//example.com", "ftp://example.com", "file:///etc/passwd", "javascript:alert(1)", "http:example.com", "https://", "https://:443/",
		"https://user@example.com", "https://user:hunter2@example.com", "https://example.com/#x", "https://example.com/\n", "https://exa mple.com",
		"https://example.com:99999999999/", "https://example.com:0/", "https://example.com/" + strings.Repeat("x", 3000),
	} {
		_, _, err := l.Create(t.Context(), admin, url, []string{webhook.SessionEnded})
		f := fault.As(err)
		if f.Kind != fault.Invalid || f.Fields["url"] == "" {
			t.Errorf("%q: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error repeats it: %v", url, err)
		}
	}
	if _, _, err := l.Create(t.Context(), admin, "http://127.0.0.1:8080/hook", []string{webhook.SessionEnded}); err != nil {
		t.Errorf("private, where allowed: %v", err)
	}
}

// TestAddressIsCheckedWhenItIsDialled: a name may resolve to something else by then.
func TestAddressIsCheckedWhenItIsDialled(t *testing.T) {
	l := open(t, false)
	r := receive(t, 200)
	_, port, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), ":")
	for i, url := range []string{r.URL, "http://localhost:" + port + "/hook"} {
		secret := l.Box.Seal(webhook.Purpose, []byte("0123456789abcdef0123456789abcdef"), []byte("whk_a"))
		l.must(l.store.InsertWebhook(t.Context(), webhook.Webhook{ID: "whk_a", URL: url, Events: []string{webhook.DeviceOnline}, Secret: secret, CreatedAt: epoch}))
		l.Forget()
		at := epoch.Add(time.Duration(i) * time.Second)
		err := l.try(l.raise(webhook.Event{Type: webhook.DeviceOnline, At: at, Data: webhook.Data{UserID: "usr_a", SessionID: "ses_a"}})[0])
		if !errors.Is(err, webhook.ErrPrivate) {
			t.Errorf("%s: %v", url, err)
		}
		l.must(l.Delete(t.Context(), admin, "whk_a"))
	}
	if n := len(r.got); n != 0 {
		t.Errorf("%d requests came through", n)
	}
}

func TestRedirectIntoTheHouseIsNotFollowed(t *testing.T) {
	l := open(t, true)
	r := receive(t, 307)
	l.create(r.URL, webhook.DeviceOnline)
	err := l.try(l.raise(webhook.Event{Type: webhook.DeviceOnline, At: epoch, Data: webhook.Data{UserID: "usr_a", SessionID: "ses_a"}})[0])
	if err == nil || len(r.got) != 1 {
		t.Errorf("%d requests, %v", len(r.got), err)
	}
}
