package gatehouse_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// scrape is what /metrics says now: values by name and labels, as they are written there.
func (l *lab) scrape() map[string]float64 {
	l.t.Helper()
	a, err := l.call("GET", "/metrics", "", nil)
	must(l.t, err)
	if a.status != http.StatusOK {
		l.t.Fatalf("/metrics: %v", a)
	}
	found := map[string]float64{}
	for line := range strings.Lines(string(a.body)) {
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			v, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
			must(l.t, err)
			found[line[:at]] = v
		}
	}
	return found
}

// TestTheDashboardShowsWhatThereIs: every metric that the dashboard asks for is in a scrape of a node that has done
// something of everything.
func TestTheDashboardShowsWhatThereIs(t *testing.T) {
	l := openLab(t)
	d := l.register("Phone")
	s := d.connect()
	s.works()
	d.ok("POST", "/auth/logout", nil)
	s.closed(wire.CloseSignedOut)
	names := map[string]bool{}
	eventually(t, "the kick is measured", func() bool {
		for series := range l.scrape() {
			name, _, _ := strings.Cut(series, "{")
			names[name] = true
		}
		return names["gatehouse_kick_duration_seconds_bucket"]
	})
	board, err := os.ReadFile("deploy/grafana/gatehouse.json")
	must(t, err)
	shown := map[string]bool{}
	for _, name := range regexp.MustCompile(`\b(gatehouse|go|process)_[a-z_]+`).FindAllString(string(board), -1) {
		shown[name] = true
		if !names[name] {
			t.Errorf("the dashboard shows %s, which a scrape does not have", name)
		}
	}
	for name := range names {
		base := strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count")
		if strings.HasPrefix(name, "gatehouse_") && !shown[name] && !shown[base+"_bucket"] && !shown[base+"_total"] {
			t.Errorf("a scrape has %s, which the dashboard does not show", name)
		}
	}
}

func TestMetricsTellWhatHappened(t *testing.T) {
	l := openLab(t, "--rate-limits=on")
	d := l.register("Phone")
	other := d.other("Laptop")
	s := d.connect()
	other.ok("DELETE", "/auth/sessions/"+d.session.ID, nil)
	s.closed(wire.CloseSessionRevoked)
	for range 6 {
		_, err := l.call("POST", "/auth/login", "", object{"email": "nobody@example.com", "password": "a wrong guess"})
		must(t, err)
	}
	secret := "/auth/sessions/" + d.refreshToken
	_, err := l.call("DELETE", secret, other.access, nil)
	must(t, err)
	want := map[string]float64{
		`gatehouse_kick_duration_seconds_count{reason="session_revoked"}`:                         1,
		`gatehouse_http_requests_total{method="DELETE",route="/auth/sessions/{id}",status="204"}`: 1,
		`gatehouse_http_requests_total{method="DELETE",route="/auth/sessions/{id}",status="404"}`: 1,
		`gatehouse_http_requests_total{method="POST",route="/auth/login",status="429"}`:           1,
		`gatehouse_rate_limited_total{limit="login_account"}`:                                     1,
		`gatehouse_rate_limited_total{limit="session"}`:                                           0,
		`gatehouse_http_requests_total{method="GET",route="/ws",status="101"}`:                    1,
		`gatehouse_store_duration_seconds_count{operation="insert user"}`:                         1,
		`gatehouse_store_errors_total{operation="insert user"}`:                                   0,
		`gatehouse_closes_total{reason="session_revoked"}`:                                        1,
		`gatehouse_bus_healthy`: 1, `gatehouse_fenced`: 0, `gatehouse_undeclared_proxy`: 0,
		`gatehouse_queue_length{queue="store"}`: 0,
	}
	var got map[string]float64
	eventually(t, fmt.Sprint("the counts are ", want), func() bool {
		got = l.scrape()
		for series, n := range want {
			if v, there := got[series]; !there || v != n {
				return false
			}
		}
		return true
	})
	if got[`gatehouse_revocation_lag_seconds_count`] == 0 {
		t.Error("no revocation was measured")
	}
	for series := range got {
		if strings.Contains(series, d.refreshToken) || strings.Contains(series, d.session.ID) {
			t.Errorf("a path is in %s", series)
		}
	}
}
