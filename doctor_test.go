package gatehouse_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/doctor"
)

// TestDoctorFindsAProxyThatNobodyDeclared: it asks the server that runs, which has seen that all of its clients are one.
func TestDoctorFindsAProxyThatNobodyDeclared(t *testing.T) {
	l := openLab(t)
	cfg := l.cfg
	cfg.Listen = l.door.Addr().String()
	clients := func() (found []doctor.Finding) {
		for _, f := range doctor.Examine(t.Context(), cfg) {
			if f.Check == "clients" {
				found = append(found, f)
			}
		}
		return found
	}
	if found := clients(); len(found) != 0 {
		t.Fatalf("before: %v", found)
	}
	for range 25 {
		req, err := http.NewRequest("GET", l.url+"/auth/options", nil)
		must(t, err)
		req.Header.Set("X-Forwarded-For", "198.51.100.7")
		_, err = l.do(req)
		must(t, err)
	}
	found := clients()
	if len(found) != 1 || found[0].Verdict != doctor.Problem || !strings.Contains(found[0].Do, "GATEHOUSE_TRUSTED_PROXIES") {
		t.Errorf("after: %v", found)
	}
}
