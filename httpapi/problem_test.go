package httpapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// FuzzProblem: whatever a request had wrong with it, the answer is one JSON object of the known shape, without the value
// that was sent.
func FuzzProblem(f *testing.F) {
	for _, seed := range [][3]string{
		{"body.email", "expected string", "ada"}, {"body", "expected required property password to be present", ""},
		{"body.user.name", "expected length <= 100", "x"}, {"query.limit", "expected value to be one of \"a, b\"", "\"\\\x00\xff"},
		{"", "", ""}, {".", "unexpected property", "</script>"}, {"body.a.b.c", "expected required property ", "\u2028"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, location, message, value string) {
		const sent = "zq7marker7qz"
		v, err := ours(nil, "", &huma.ErrorModel{
			Status: http.StatusUnprocessableEntity, Detail: sent,
			Errors: []*huma.ErrorDetail{{Location: location, Message: message, Value: sent + value}},
		})
		if err != nil {
			t.Fatal(err)
		}
		told := fault.ErrForbidden.With("methods", []string{value})
		for status, p := range map[int]*problem{http.StatusUnprocessableEntity: v.(*problem), http.StatusForbidden: problemOf(told)} {
			w := httptest.NewRecorder()
			write(w, p)
			var got struct {
				Type, Title, Code string
				Status            int
				Fields            map[string]string
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Status != status || w.Code != status || got.Code != p.Code || got.Type != "about:blank" {
				t.Errorf("%d: %v\n%s", w.Code, err, w.Body)
			}
			if w.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(w.Body.String(), sent) {
				t.Errorf("%v\n%s", w.Header(), w.Body)
			}
		}
	})
}
