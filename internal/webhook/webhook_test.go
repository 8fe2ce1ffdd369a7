package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/audit"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/outbox"
	"github.com/gatehouse-dev/gatehouse/internal/session"
	"github.com/gatehouse-dev/gatehouse/internal/webhook"
)

// verify checks a delivery as a receiver does that has read the specification.
func verify(t *testing.T, d delivery, secret string) {
	t.Helper()
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		t.Fatalf("the secret is none: %v", err)
	}
	signed := strings.Join([]string{d.header.Get("webhook-id"), d.header.Get("webhook-timestamp"), string(d.body)}, ".")
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); d.header.Get("webhook-signature") != want {
		t.Errorf("signature is %s, want %s", d.header.Get("webhook-signature"), want)
	}
}

func TestEventIsDeliveredSigned(t *testing.T) {
	l := open(t, true)
	r := receive(t, 204)
	w, secret := l.create(r.URL+"/hook?tenant=7", webhook.SessionEnded)
	l.pool()
	rec := l.session(func(s *session.Session) { s.EndedAt, s.EndReason = epoch, "kicked" })
	ids := l.raise(webhook.Event{Type: webhook.SessionEnded, At: epoch, Data: webhook.Data{UserID: rec.UserID, SessionID: rec.ID, Reason: "kicked", By: &webhook.By{Kind: "admin"}}})
	if len(ids) != 1 {
		t.Fatalf("jobs %q", ids)
	}
	d := <-r.got
	verify(t, d, secret)
	if d.header.Get("webhook-id") != ids[0] || d.header.Get("webhook-timestamp") != strconv.FormatInt(epoch.Unix(), 10) ||
		d.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers are %v", d.header)
	}
	want := map[string]any{"type": "session.ended", "timestamp": "2026-01-02T03:04:05.678Z", "data": map[string]any{
		"user_id": rec.UserID, "session_id": rec.ID, "reason": "kicked", "by": map[string]any{"kind": "admin"},
	}}
	if got := d.decode(t); !reflect.DeepEqual(got, want) {
		t.Errorf("body is %v", got)
	}
	if bytes.Contains(w.Secret, []byte(secret)) || len(w.Secret) == 0 {
		t.Error("the secret is stored as it is")
	}
}

func TestOnlySubscribersAreTold(t *testing.T) {
	l := open(t, true)
	r := receive(t, 200)
	l.create(r.URL, webhook.DeviceOnline)
	both, _ := l.create(r.URL, webhook.DeviceOffline, webhook.DeviceOnline, webhook.DeviceOffline)
	if len(both.Events) != 2 {
		t.Errorf("events are %q", both.Events)
	}
	data := webhook.Data{UserID: "usr_a", SessionID: "ses_a"}
	for event, want := range map[string]int{webhook.DeviceOnline: 2, webhook.DeviceOffline: 1, webhook.SessionStarted: 0} {
		if ids := l.raise(webhook.Event{Type: event, At: epoch, Data: data}); len(ids) != want {
			t.Errorf("%s makes %d jobs, want %d", event, len(ids), want)
		}
	}
	l.raise(webhook.Event{Type: webhook.DeviceOnline, At: epoch, Data: data}) // by another node
	if p, err := l.Outbox.List(t.Context(), outbox.Query{}); err != nil || p.Total != 3 {
		t.Errorf("%d jobs, %v", p.Total, err)
	}
	l.raise(webhook.Event{Type: webhook.DeviceOnline, At: epoch.Add(time.Second), Data: data})
	if p, err := l.Outbox.List(t.Context(), outbox.Query{}); err != nil || p.Total != 5 {
		t.Errorf("%d jobs after the next, %v", p.Total, err)
	}
}

func TestTriesKeepTheirIdAndHaveTheirOwnTime(t *testing.T) {
	l := open(t, true)
	r := receive(t, 500, 200)
	_, secret := l.create(r.URL, webhook.DeviceOnline)
	id := l.raise(webhook.Event{Type: webhook.DeviceOnline, At: epoch, Data: webhook.Data{UserID: "usr_a", SessionID: "ses_a"}})[0]
	if err := l.try(id); err == nil || err.Error() != "answered 500" {
		t.Errorf("first try: %v", err)
	}
	l.advance(time.Hour)
	l.must(l.try(id))
	first, second := <-r.got, <-r.got
	verify(t, second, secret)
	if first.header.Get("webhook-id") != second.header.Get("webhook-id") || !bytes.Equal(first.body, second.body) {
		t.Error("the second try is another message")
	}
	if want := strconv.FormatInt(epoch.Add(time.Hour).Unix(), 10); second.header.Get("webhook-timestamp") != want {
		t.Errorf("second try at %s, want %s", second.header.Get("webhook-timestamp"), want)
	}
}

func TestOnly2xxIsSuccess(t *testing.T) {
	l := open(t, true)
	for _, status := range []int{200, 201, 204, 299, 301, 302, 307, 308, 400, 404, 410, 429, 500, 503} {
		r := receive(t, status)
		w, _ := l.create(r.URL+"/?secret=hunter2", webhook.DeviceOnline)
		err := l.try(l.raise(webhook.Event{Type: webhook.DeviceOnline, At: epoch, Data: webhook.Data{UserID: "usr_a", SessionID: "ses_a"}})[0])
		if ok := status/100 == 2; (err == nil) != ok {
			t.Errorf("%d: %v", status, err)
		}
		if err != nil && (!strings.Contains(err.Error(), strconv.Itoa(status)) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%d: the error is %q", status, err)
		}
		if n := len(r.got); n != 1 {
			t.Errorf("%d: %d requests: redirects are followed", status, n)
		}
		l.must(l.Delete(t.Context(), admin, w.ID))
	}
}

func TestErrorOfAnUnreachableReceiverHasNoURL(t *testing.T) {
	l := open(t, true)
	r := receive(t, 200)
	l.create(r.URL+"/hunter2", webhook.DeviceOnline)
	r.Close()
	err := l.try(l.raise(webhook.Event{Type: webhook.DeviceOnline, At: epoch, Data: webhook.Data{UserID: "usr_a", SessionID: "ses_a"}})[0])
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "http:") {
		t.Errorf("error is %v", err)
	}
}

// TestEventWhoseFactDidNotComeIsNotTold: it is queued before, and who queued it may have died or been refused.
func TestEventWhoseFactDidNotComeIsNotTold(t *testing.T) {
	l := open(t, true)
	r := receive(t, 200)
	l.create(r.URL, webhook.Events...)
	live := l.session(func(*session.Session) {})
	ended := l.session(func(s *session.Session) { s.EndedAt, s.EndReason = epoch, "signed_out" })
	user, disabled := l.user(4, false), l.user(4, true)
	for i, tt := range []struct {
		name  string
		event webhook.Event
		told  bool
	}{
		{"started", webhook.Event{Type: webhook.SessionStarted, Data: webhook.Data{SessionID: live.ID}}, true},
		{"started and ended", webhook.Event{Type: webhook.SessionStarted, Data: webhook.Data{SessionID: ended.ID}}, true},
		{"not started", webhook.Event{Type: webhook.SessionStarted, Data: webhook.Data{SessionID: "ses_none"}}, false},
		{"ended", webhook.Event{At: epoch, Type: webhook.SessionEnded, Data: webhook.Data{SessionID: ended.ID, Reason: "signed_out"}}, true},
		{"ended at another time", webhook.Event{At: epoch.Add(time.Millisecond), Type: webhook.SessionEnded, Data: webhook.Data{SessionID: ended.ID, Reason: "signed_out"}}, false},
		{"ended otherwise", webhook.Event{Type: webhook.SessionEnded, Data: webhook.Data{SessionID: ended.ID, Reason: "kicked"}}, false},
		{"not ended", webhook.Event{Type: webhook.SessionEnded, Data: webhook.Data{SessionID: live.ID, Reason: "kicked"}}, false},
		{"roles changed", webhook.Event{Type: webhook.RolesChanged, Data: webhook.Data{UserID: user.ID}, Epoch: 4}, true},
		{"roles not changed", webhook.Event{Type: webhook.RolesChanged, Data: webhook.Data{UserID: user.ID}, Epoch: 5}, false},
		{"roles of nobody", webhook.Event{Type: webhook.RolesChanged, Data: webhook.Data{UserID: "usr_none"}}, false},
		{"disabled", webhook.Event{Type: webhook.UserDisabled, Data: webhook.Data{UserID: disabled.ID}, Epoch: 4}, true},
		{"not disabled", webhook.Event{Type: webhook.UserDisabled, Data: webhook.Data{UserID: user.ID}, Epoch: 4}, false},
		{"online", webhook.Event{Type: webhook.DeviceOnline, Data: webhook.Data{SessionID: live.ID}}, true},
		{"offline", webhook.Event{Type: webhook.DeviceOffline, Data: webhook.Data{SessionID: live.ID}}, true},
	} {
		if tt.event.At.IsZero() {
			tt.event.At = epoch.Add(time.Duration(i+1) * time.Second)
		}
		if err := l.try(l.raise(tt.event)[0]); errors.Is(err, outbox.ErrNoFact) == tt.told {
			t.Errorf("%s: %v", tt.name, err)
		}
		if told := len(r.got) == 1; told != tt.told {
			t.Errorf("%s: told is %v", tt.name, told)
		}
		for len(r.got) > 0 {
			<-r.got
		}
	}
}

func TestDeletedWebhookGetsNothingMore(t *testing.T) {
	l := open(t, true)
	r := receive(t, 200)
	w, _ := l.create(r.URL, webhook.DeviceOnline)
	other, _ := l.create(r.URL, webhook.DeviceOnline)
	ids := l.raise(webhook.Event{Type: webhook.DeviceOnline, At: epoch, Data: webhook.Data{UserID: "usr_a", SessionID: "ses_a"}})
	l.must(l.Delete(t.Context(), admin, w.ID))
	p, err := l.Outbox.List(t.Context(), outbox.Query{})
	if err != nil || p.Total != 1 || p.Jobs[0].Subject != other.ID {
		t.Errorf("left %+v, %v", p, err)
	}
	late := outbox.Task{ID: ids[0], Subject: w.ID, Note: p.Jobs[0].Note} // was running just then
	if err := l.Run(t.Context(), late); err != nil || len(r.got) != 0 {
		t.Errorf("%d requests, %v", len(r.got), err)
	}
	if err := l.Delete(t.Context(), admin, w.ID); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if l.audited(audit.WebhookCreated) != 2 || l.audited(audit.WebhookDeleted) != 1 {
		t.Error("making and removing is not audited once each")
	}
}

func TestWebhookOfAnotherNodeIsKnownSoon(t *testing.T) {
	l := open(t, true)
	data := webhook.Data{UserID: "usr_a", SessionID: "ses_a"}
	if ids := l.raise(webhook.Event{Type: webhook.DeviceOnline, At: epoch, Data: data}); len(ids) != 0 {
		t.Fatalf("jobs %q", ids)
	}
	l.must(l.store.InsertWebhook(t.Context(), webhook.Webhook{ID: "whk_b", URL: "https://example.com", Events: []string{webhook.DeviceOnline}, Secret: []byte{1}, CreatedAt: epoch}))
	l.advance(webhook.FreshFor)
	if ids := l.raise(webhook.Event{Type: webhook.DeviceOnline, At: epoch, Data: data}); len(ids) != 1 {
		t.Errorf("jobs %q", ids)
	}
}

func TestWebhooksAreBounded(t *testing.T) {
	l := open(t, true)
	for i := range webhook.Max {
		l.create(fmt.Sprintf("https://192.0.2.1/%d", i), webhook.DeviceOnline)
	}
	if _, _, err := l.Create(t.Context(), admin, "https://192.0.2.1/", []string{webhook.DeviceOnline}); fault.As(err).Kind != fault.Conflict {
		t.Errorf("one more: %v", err)
	}
}

func TestEventsAreChecked(t *testing.T) {
	l := open(t, true)
	for _, events := range [][]string{nil, {}, {"session"}, {webhook.SessionStarted, ""}, {"*"}} {
		_, _, err := l.Create(t.Context(), admin, "https://192.0.2.1/", events)
		if f := fault.As(err); f.Kind != fault.Invalid || f.Fields["events"] == "" {
			t.Errorf("%q: %v", events, err)
		}
	}
}
