package main

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/cluster/redis"
	"github.com/gatehouse-dev/gatehouse/internal/config"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

func TestCopyIsRefusedWhileNodesMeetInRedis(t *testing.T) {
	s := servertest.StartRedis(t)
	sh := &shell{environ: []string{"GATEHOUSE_REDIS_URL=" + s.URL(), "GATEHOUSE_REDIS_PREFIX=house"}}
	store := config.Config{Store: "mongodb://localhost/gatehouse"}
	if err := sh.unserved(t.Context(), store); err != nil {
		t.Errorf("nobody runs: %v", err)
	}
	node, err := redis.Open(redis.Config{URL: s.URL(), Prefix: "house"})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	servertest.Eventually(t, "the node is there", node.Healthy)
	if err := sh.unserved(t.Context(), store); err == nil || !strings.Contains(err.Error(), "run, 1 of them") {
		t.Errorf("one node runs: %v", err)
	}
	s.Kill()
	if err := sh.unserved(t.Context(), store); err == nil {
		t.Error("without Redis it cannot be told, and was")
	}
}
