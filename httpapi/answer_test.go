package httpapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// answer is what came back.
type answer struct {
	t      testing.TB
	call   string
	status int
	header http.Header
	body   []byte
}

func (a *answer) String() string {
	return a.call + " answered " + strconv.Itoa(a.status) + " " + string(a.body)
}

// is demands a status.
func (a *answer) is(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s; want %d", a, status)
	}
	return a
}

// into decodes the body.
func (a *answer) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		a.t.Fatalf("%s: %v", a, err)
	}
}

// object is the body as members.
func (a *answer) object() doc {
	a.t.Helper()
	var d doc
	a.into(&d)
	return d
}

// problem demands a problem of the code, in the form that all have, and returns its members.
func (a *answer) problem(status int, code string) doc {
	a.t.Helper()
	a.is(status)
	if kind := a.header.Get("Content-Type"); kind != "application/problem+json" {
		a.t.Errorf("%s as %q", a, kind)
	}
	p := a.object()
	if p["code"] != code || p["status"] != float64(status) || p["type"] != "about:blank" || p["title"] != http.StatusText(status) {
		a.t.Fatalf("%s; want code %s", a, code)
	}
	if a.header.Get("Set-Cookie") != "" {
		a.t.Errorf("%s sets a cookie", a)
	}
	return p
}

// invalid demands a validation error of the member.
func (a *answer) invalid(member string) {
	a.t.Helper()
	fields, _ := a.problem(http.StatusUnprocessableEntity, "validation_failed")["fields"].(doc)
	if fields[member] == nil || len(fields) != 1 {
		a.t.Errorf("%s; want fields.%s alone", a, member)
	}
}

// limited demands a rate limit that says the same in header and body.
func (a *answer) limited() {
	a.t.Helper()
	after, _ := a.problem(http.StatusTooManyRequests, "rate_limited")["retry_after"].(float64)
	if after < 1 || a.header.Get("Retry-After") != strconv.Itoa(int(after)) {
		a.t.Errorf("%s with Retry-After %q", a, a.header.Get("Retry-After"))
	}
}

// cookie is the refresh cookie that was set, nil when none was.
func (a *answer) cookie() *http.Cookie {
	a.t.Helper()
	set := (&http.Response{Header: a.header}).Cookies()
	if len(set) > 1 {
		a.t.Errorf("%s sets %d cookies", a.call, len(set))
	}
	if len(set) == 0 {
		return nil
	}
	return set[0]
}

// member reads a member of an object of the body, such as user.id.
func (a *answer) member(path string) any {
	a.t.Helper()
	var v any = a.object()
	for name := range strings.SplitSeq(path, ".") {
		d, ok := v.(doc)
		if !ok {
			a.t.Fatalf("%s has no %s", a, path)
		}
		v = d[name]
	}
	return v
}

// conforms holds a good answer to the schema of its operation.
func (l *lab) conforms(a *answer) {
	l.t.Helper()
	method, target, _ := strings.Cut(a.call, " ")
	op := l.operation(method, target)
	if op == nil {
		return // a page
	}
	described := op.Responses[strconv.Itoa(a.status)]
	if described == nil {
		l.t.Errorf("%s: the description has no such status", a)
		return
	}
	media := described.Content["application/json"]
	if media == nil {
		if len(a.body) > 0 {
			l.t.Errorf("%s: the description has no body", a)
		}
		return
	}
	var v any
	a.into(&v)
	found := &huma.ValidateResult{}
	huma.Validate(l.api.OpenAPI().Components.Schemas, media.Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, found)
	if len(found.Errors) > 0 {
		l.t.Errorf("%s\nis not as described: %v", a, found.Errors)
	}
}

// operation is the described operation of a request.
func (l *lab) operation(method, target string) *huma.Operation {
	target, _, _ = strings.Cut(target, "?")
	for path, item := range l.api.OpenAPI().Paths {
		if !matches(path, target) {
			continue
		}
		for _, op := range operations(item) {
			if op.Method == method {
				return op
			}
		}
	}
	return nil
}

func operations(item *huma.PathItem) []*huma.Operation {
	all := []*huma.Operation{item.Get, item.Put, item.Post, item.Patch, item.Delete, item.Head, item.Options, item.Trace}
	return slices.DeleteFunc(all, func(op *huma.Operation) bool { return op == nil })
}

func matches(template, path string) bool {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, have, func(w, h string) bool { return w == h || strings.HasPrefix(w, "{") && h != "" })
}
