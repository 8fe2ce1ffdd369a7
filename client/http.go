package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 8 << 20

// problem is the body of a refusal. The last members are of session_revoked at a refresh.
type problem struct {
	Code       string            `json:"code"`
	Detail     string            `json:"detail"`
	Fields     map[string]string `json:"fields"`
	Methods    []string          `json:"methods"`
	RetryAfter int               `json:"retry_after"`
	Reason     string            `json:"reason"`
	By         wire.By           `json:"by"`
	Message    string            `json:"message"`
	At         wire.Time         `json:"at"`
}

// call is one request and its answer. A refusal is *Error, or *EndedError when it says how the session ended; any
// other error means that the answer is not known.
func (c *Client) call(ctx context.Context, method, path, token string, in, out any) error {
	req, err := c.request(ctx, method, path, token, in)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s %s: read answer: %w", method, path, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return refusal(resp, body)
	}
	if out == nil || len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s %s: decode answer: %w", method, path, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method, path, token string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("%s %s: encode: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.cfg.BaseURL+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

func refusal(resp *http.Response, body []byte) error {
	var p problem
	_ = json.Unmarshal(body, &p) // what is no problem document leaves the code empty
	e := &Error{Status: resp.StatusCode, Code: p.Code, Detail: p.Detail, Fields: p.Fields, Methods: p.Methods, RetryAfter: seconds(p.RetryAfter)}
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && e.RetryAfter == 0 {
		e.RetryAfter = seconds(n)
	}
	if p.Code == "session_revoked" && p.Reason != "" {
		return endedBy(wire.SessionEnded{Reason: p.Reason, By: p.By, Message: p.Message, At: p.At}, e)
	}
	return e
}

func seconds(n int) time.Duration { return time.Duration(max(n, 0)) * time.Second }
