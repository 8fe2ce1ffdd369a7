package verify

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// How Gatehouse is followed.
const (
	retryAtFirst = 250 * time.Millisecond
	retryAtMost  = 10 * time.Second
	keysEvery    = 5 * time.Minute
	keysAgain    = 5 * time.Second // after a token of an unknown key
	fetchTimeout = 5 * time.Second
	maxKeySet    = 64 << 10
	maxLine      = 64 << 10
)

// Run follows Gatehouse until ctx ends.
func (v *Verifier) Run(ctx context.Context) error {
	for wait := retryAtFirst; ; wait = min(2*wait, retryAtMost) {
		began := v.now()
		err := v.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		v.log.Warn("the event stream ended, will resume", "error", err)
		if v.now().Sub(began) > silence {
			wait = retryAtFirst
		}
		if !sleep(ctx, rand.N(wait)+1) {
			return nil
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// follow reads one stream to its end. A stream that says nothing for too long is given up.
func (v *Verifier) follow(ctx context.Context) error {
	if err := v.fetch(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	resp, err := v.get(ctx, "/events", func(h http.Header) {
		h.Set("Authorization", "Bearer "+v.cfg.Key)
		if last := v.position(); last != "" {
			h.Set("Last-Event-ID", last)
		}
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 4096), maxLine)
	var e event
	for lines.Scan() {
		quiet.Reset(silence)
		v.hear()
		if line := lines.Text(); line != "" {
			e.line(line)
			continue
		}
		v.take(e)
		e = event{}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the event stream: %w", err)
	}
	return errors.New("the stream was closed")
}

// event is a server-sent event.
type event struct{ id, kind, data string }

func (e *event) line(text string) {
	field, value, _ := strings.Cut(text, ":")
	value = strings.TrimPrefix(value, " ")
	switch field {
	case "id":
		e.id = value
	case "event":
		e.kind = value
	case "data":
		e.data += value
	}
}

// happened is the body of an event.
type happened struct {
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		UserID    string   `json:"user_id"`
		SessionID string   `json:"session_id"`
		Roles     []string `json:"roles"`
	} `json:"data"`
}

func (v *Verifier) position() string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.last
}

func (v *Verifier) hear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.heard = v.now()
}

// take applies an event. One of an unknown kind says nothing here.
func (v *Verifier) take(e event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var h happened
	switch e.kind {
	case "ready":
		v.ready = true
		v.forgetLocked()
		return
	case "reset":
		v.ready = false
		return
	case "session.ended", "user.roles_changed", "user.disabled":
		if json.Unmarshal([]byte(e.data), &h) != nil {
			return
		}
	}
	switch e.kind {
	case "session.ended":
		v.ended[h.Data.SessionID] = v.now()
	case "user.roles_changed":
		v.changed[h.Data.UserID] = change{at: h.Timestamp, roles: h.Data.Roles, heard: v.now()}
	}
	if e.id != "" {
		v.last = e.id
	}
}

// forgetLocked drops what no living token can be older than.
func (v *Verifier) forgetLocked() {
	before := v.now().Add(-remember)
	for id, heard := range v.ended {
		if heard.Before(before) {
			delete(v.ended, id)
		}
	}
	for id, c := range v.changed {
		if c.heard.Before(before) {
			delete(v.changed, id)
		}
	}
}

// fetchFor asks for the key set again when a token is of a key that is not known, or it is old.
func (v *Verifier) fetchFor(ctx context.Context, raw string) {
	v.mu.Lock()
	now := v.now()
	age := now.Sub(v.asked)
	due := v.keys != nil && (age > keysEvery || age > keysAgain && !v.keys.Knows(raw, now))
	if due {
		v.asked = now // one at a time
	}
	v.mu.Unlock()
	if !due {
		return
	}
	if err := v.fetch(ctx); err != nil {
		v.log.Warn("the key set cannot be read", "error", err)
	}
}

func (v *Verifier) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	resp, err := v.get(ctx, "/.well-known/jwks.json", func(http.Header) {})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet))
	if err != nil {
		return fmt.Errorf("read the key set: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = v.now()
	if v.keys != nil && bytes.Equal(data, v.keys.JWKS()) {
		return nil // so that tokens of unknown keys do not make them compute again, and forget, what they know
	}
	keys, err := token.ParseJWKS(data, v.cfg.Issuer)
	if err != nil {
		return err
	}
	v.keys = keys
	return nil
}

func (v *Verifier) get(ctx context.Context, path string, head func(http.Header)) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.cfg.URL+path, nil)
	if err != nil {
		return nil, err
	}
	head(req.Header)
	resp, err := v.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("GET %s: status %d", path, resp.StatusCode)
	}
	return resp, nil
}
