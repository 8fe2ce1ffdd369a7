package redis

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

func TestAliveCountsTheNodesThatRun(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	alive := func(want int) {
		t.Helper()
		if n, err := Alive(t.Context(), Config{URL: s.URL()}); err != nil || n != want {
			t.Errorf("%d nodes, %v; want %d", n, err, want)
		}
	}
	alive(0)
	nodes := lab(t, s.URL(), 2)
	alive(2)
	if err := nodes[0].Close(); err != nil {
		t.Fatal(err)
	}
	alive(1)
	s.Kill()
	if _, err := Alive(t.Context(), Config{URL: s.URL()}); err == nil {
		t.Error("without Redis nobody can know")
	}
}
