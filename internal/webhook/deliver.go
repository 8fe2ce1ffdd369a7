package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/outbox"
)

// TryTimeout is for one delivery.
const TryTimeout = 10 * time.Second

// Run delivers an event: outbox.Handler's. An event whose webhook is gone is done.
func (s *Service) Run(ctx context.Context, t outbox.Task) error {
	var n note
	var b Body
	if err := errors.Join(json.Unmarshal(t.Note, &n), json.Unmarshal(n.Body, &b)); err != nil {
		return outbox.Permanent(fmt.Errorf("read job: %w", err))
	}
	w, ok, err := s.find(ctx, t.Subject)
	if err != nil || !ok {
		return err
	}
	if held, err := s.holds(ctx, b, n.Epoch); err != nil || !held {
		return cmp.Or(err, outbox.ErrNoFact)
	}
	key, err := s.Box.Open(purpose, w.Secret, []byte(w.ID))
	if err != nil {
		return fmt.Errorf("open secret: %w", err)
	}
	return s.post(ctx, w.URL, t.ID, n.Body, key)
}

// post sends one try. Only 2xx is success. What the receiver answers is not read into anything.
func (s *Service) post(ctx context.Context, url, messageID string, body, key []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return outbox.Permanent(errors.New("its URL cannot be read"))
	}
	now := s.Now().Unix()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Gatehouse-Webhooks/1")
	req.Header.Set("webhook-id", messageID)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(now, 10))
	req.Header.Set("webhook-signature", sign(key, messageID, now, body))
	resp, err := s.client.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	if resp.StatusCode/100 == 3 {
		return fmt.Errorf("answered %d: redirects are not followed", resp.StatusCode)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("answered %d", resp.StatusCode)
	}
	return nil
}

// sign is the value of webhook-signature, version 1 of Standard Webhooks.
func sign(key []byte, messageID string, timestamp int64, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.", messageID, timestamp)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// withoutURL leaves out the URL, in which people put secrets.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

const (
	dialTimeout = 5 * time.Second
	idleTimeout = 30 * time.Second
	maxHeader   = 16 << 10
)

// newClient follows no redirect and uses no proxy, which would dial in its place. Whatever a name resolved to when the
// webhook was made, it is the address that is dialled that must not be private.
func newClient(allowPrivate bool) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if !allowPrivate {
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return refusePrivate(address) }
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: maxHeader, MaxIdleConnsPerHost: 4, IdleConnTimeout: idleTimeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

var errPrivate = errors.New("its address is private")

func refusePrivate(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || private(to.Addr()) {
		return errPrivate
	}
	return nil
}
