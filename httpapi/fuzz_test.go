package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzLoginBody: whatever comes as a sign-in is a problem of the client's.
func FuzzLoginBody(f *testing.F) {
	l := open(f, unlimited)
	for _, seed := range []string{
		`{"email":"a@example.com","password":"x"}`, `{"email":"a@example.com","password":"x","transport":"cookie","device_name":"x"}`,
		`{`, `null`, `[]`, `{}`, `{"email":1}`, `{"Email":"a@b","EMAIL":2,"password":""}`, `{"email":"a@b","password":"x","transport":"body","Transport":"x"}`,
		"{\"email\":\"\xff\"}", `{"email":"a@b\u0000","password":"\ud800"}`, strings.Repeat("[", 20_000), `{"email":{"a":[{}]},"password":{}}`, "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/auth/login", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		l.api.ServeHTTP(w, r)
		if w.Code < 400 || w.Code >= 500 {
			t.Errorf("status %d", w.Code)
		}
		var p struct {
			Code   string
			Status int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Code == "" || p.Status != w.Code {
			t.Errorf("answer %d %q, %v", w.Code, w.Body, err)
		}
	})
}
