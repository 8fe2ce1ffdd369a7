package verify

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/token"
)

// TestSameKeySetIsKept: keys remember what they verified, and whoever shows tokens of unknown keys must not end that.
func TestSameKeySetIsKept(t *testing.T) {
	box, err := seal.New(bytes.Repeat([]byte{7}, seal.SecretSize), nil)
	if err != nil {
		t.Fatal(err)
	}
	record := token.NewRecord(time.Now(), box)
	var published atomic.Value
	publish := func() {
		keys, err := token.Open(record, box, token.Config{Issuer: "https://gate.example", TTL: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		published.Store(keys.JWKS())
	}
	publish()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(published.Load().([]byte)) }))
	defer server.Close()
	v := New(Config{Issuer: "https://gate.example", URL: server.URL})
	fetch := func() *token.Keys {
		if err := v.fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
		return v.keys
	}
	first := fetch()
	if fetch() != first {
		t.Error("the same set makes other keys")
	}
	record = token.Rotate(record, time.Now(), time.Minute, box)
	if publish(); fetch() == first {
		t.Error("another set leaves the keys as they are")
	}
}
