package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// problem is an error as clients see it (RFC 9457). Code is what they read.
type problem struct {
	Type       string            `json:"type" example:"about:blank"`
	Title      string            `json:"title" example:"Unprocessable Entity"`
	Status     int               `json:"status" example:"422"`
	Detail     string            `json:"detail,omitempty" doc:"One sentence for people; never a value that was sent"`
	Code       string            `json:"code" example:"validation_failed" doc:"The stable name of the error"`
	Fields     map[string]string `json:"fields,omitempty" doc:"Of validation_failed: member name to what is wrong with it"`
	RetryAfter int               `json:"retry_after,omitempty" doc:"Seconds until it makes sense to come back"`

	members map[string]any // further members, beside the above
}

const problemType = "application/problem+json"

var statusOf = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Malformed:       http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Gone:            http.StatusGone,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.Limited:         http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
}

func newProblem(status int, code, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// problemOf renders an error of the rules.
func problemOf(err error) *problem {
	f := fault.As(err)
	if f.Kind == fault.Internal {
		return internal
	}
	p := newProblem(statusOf[f.Kind], f.Code, f.Detail)
	p.Fields, p.RetryAfter, p.members = f.Fields, seconds(f.RetryAfter), f.Members
	return p
}

// seconds rounds up: who comes back then comes back late enough.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// The problems that have no error of the rules behind them.
var (
	internal         = newProblem(http.StatusInternalServerError, "internal", "")
	notFound         = newProblem(http.StatusNotFound, "not_found", "")
	methodNotAllowed = newProblem(http.StatusMethodNotAllowed, "method_not_allowed", "")
	unsupportedMedia = newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", "the body must be application/json")
	tooLarge         = newProblem(http.StatusRequestEntityTooLarge, "too_large", "a body may have 64 KiB")
	notJSON          = newProblem(http.StatusBadRequest, "invalid_request", "the body is not JSON")
)

// Errors of this edge.
var (
	errOrigin   = &fault.Error{Kind: fault.Forbidden, Code: "origin_not_allowed", Detail: "cookies need a request from an allowed origin"}
	errLimited  = &fault.Error{Kind: fault.Limited, Code: "rate_limited"}
	errStepUp   = &fault.Error{Kind: fault.Forbidden, Code: "step_up_required", Detail: "authenticate again first"}
	errSetUp    = &fault.Error{Kind: fault.Forbidden, Code: "mfa_setup_required", Detail: "set up a second factor first"}
	errTooLarge = &fault.Error{Kind: fault.TooLarge, Code: "too_large"}
)

func (p *problem) Error() string { return p.Code }

// GetStatus and ContentType are what huma asks of an error that is an answer.
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) ContentType(string) string { return problemType }

// GetHeaders are the headers that go with the problem.
func (p *problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	switch p.Code {
	case "unauthenticated", "invalid_token", "token_expired", "token_stale", "session_revoked":
		h.Set("WWW-Authenticate", "Bearer")
	}
	return h
}

// MarshalJSON writes the further members beside the others (RFC 9457 section 3.2).
func (p *problem) MarshalJSON() ([]byte, error) {
	type plain problem
	data, err := json.Marshal((*plain)(p))
	if err != nil || len(p.members) == 0 {
		return data, err
	}
	more, err := json.Marshal(p.members)
	if err != nil {
		return nil, err
	}
	data[len(data)-1] = ','
	return append(data, more[1:]...), nil
}

// write answers outside of huma.
func write(w http.ResponseWriter, p *problem) {
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// ours makes problems of what huma found wrong with a request. Its own errors repeat what was sent, passwords too.
func ours(_ huma.Context, _ string, v any) (any, error) {
	theirs, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	switch theirs.Status {
	case http.StatusUnprocessableEntity:
		return invalid(theirs.Errors), nil
	case http.StatusBadRequest: // of an operation that needs a body, there was none
		return notJSON, nil
	}
	return internal, nil
}

// invalid names the members that a schema refused.
func invalid(details []*huma.ErrorDetail) *problem {
	p := newProblem(http.StatusUnprocessableEntity, "validation_failed", "")
	p.Fields = make(map[string]string, len(details))
	for _, d := range details {
		name, text := memberOf(d)
		p.Fields[name] = text
		p.Detail = name + " " + text
	}
	return p
}

// memberOf is the member that a detail speaks of, such as body.user.email, without the value that was sent.
func memberOf(d *huma.ErrorDetail) (name, text string) {
	_, name, _ = strings.Cut(d.Location, ".")
	if missing, ok := strings.CutPrefix(d.Message, "expected required property "); ok {
		missing, _, _ = strings.Cut(missing, " ")
		if name != "" {
			missing = name + "." + missing
		}
		return missing, "is required"
	}
	if name == "" {
		name = d.Location
	}
	text, ok := strings.CutPrefix(d.Message, "expected ")
	if !ok {
		return name, "is not valid"
	}
	text = strings.TrimPrefix(strings.TrimPrefix(text, "value to be "), "string to be ")
	kind, _, _ := strings.Cut(text, " ")
	return name, "must be " + article[kind] + text
}

var article = map[string]string{
	"string": "a ", "number": "a ", "boolean": "a ", "integer": "an ", "array": "an ", "object": "an ",
}
